"""Is the best candidate really better? Statistics of contenders that were trained again on fresh seeds.

The accuracies that picked the contenders are of no use here: the best of many is partly the luckiest, and falls back
when it is trained again ("regression to the mean"). All accuracies are val_top1 in percent: the same images as in the
search, so what was peculiar to those images does not fall back.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scipy.stats import norm, t

from chansearch.files import csv_text, write_aside
from chansearch.report.plain import columns
from chansearch.search.rundir import RunDirectory
from chansearch.space import format_channels, parse_channels
from chansearch.tables import number, parsed, parts, read_rows, whole

CONFIDENCE = 0.95
POWER = 0.8
MANY_SEEDS = 1000  # beyond which a number of seeds is no advice any more

CONFIRM_COLUMNS = (
    "rank",
    "candidate",
    "channels",
    "fresh_val_top1",
    "fresh_val_top1_mean",
    "fresh_val_top1_std",
    "search_val_top1_mean",
    "regression_to_mean",
    "behind_best",
    "p_one_sided",
    "p_holm",
)


class Retrained(NamedTuple):
    """A contender: its accuracy on each fresh seed, and the mean by which the search had ranked it."""

    candidate: int
    channels: tuple[int, ...]
    fresh_top1: tuple[float, ...]
    search_top1: float


@dataclass(frozen=True)
class Difference:
    """Best minus another, in points, with Welch's interval and one-sided p (hypothesis: the best is no better).

    Interval and p are ``None`` where the seeds show no noise to compare with: one seed, or no spread at all.
    """

    points: float
    low: float | None
    high: float | None
    p: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes 0.

        Which of two is "the best" is read off the same numbers, so that one tail at 0.05 would be wrong in a tenth of
        cases of two equal candidates; the two-sided interval is wrong in a twentieth.
        """
        return self.low is not None and self.low > 0


@dataclass(frozen=True)
class Contender:
    """A contender after its fresh trainings. ``std``: over the seeds, ``None`` for one.

    ``behind`` compares the best with it, ``p_holm`` is that p adjusted for all such comparisons; ``None`` for the best.
    """

    rank: int  # from 1
    retrained: Retrained
    mean: float
    std: float | None
    behind: Difference | None = None
    p_holm: float | None = None

    @property
    def regression_to_mean(self) -> float:
        """How much of the search's accuracy did not come back, in points."""
        return self.retrained.search_top1 - self.mean

    @property
    def name(self) -> str:
        return format_channels(self.retrained.channels)


@dataclass(frozen=True)
class Judgement:
    """Contenders by fresh mean, the best first (ties: the smaller candidate number).

    ``best_is_better``: whether the best can be told from the next; ``None`` where nothing can tell. ``more_seeds``: how
    many a candidate would be needed in addition, where a number makes sense.
    """

    contenders: tuple[Contender, ...]
    best_is_better: bool | None
    more_seeds: int | None
    verdict: str


def judge(retrained: Iterable[Retrained | tuple[int, Sequence[int], Sequence[float], float]]) -> Judgement:
    """Order contenders by their fresh accuracies and compare the best with every other.

    Entries are ``Retrained`` or plain tuples in its order; those without any fresh accuracy (their training failed)
    are left out. Welch's t-test allows each its own noise.
    """
    given = [Retrained(*entry) for entry in retrained]
    order = sorted(
        (entry for entry in given if len(entry.fresh_top1)),
        key=lambda entry: (-statistics.fmean(entry.fresh_top1), entry.candidate),
    )
    if not order:
        return Judgement((), None, None, "No contender has a fresh accuracy: nothing can be said.")
    differences = [welch(order[0].fresh_top1, other.fresh_top1) for other in order[1:]]
    adjusted = holm([difference.p for difference in differences])
    contenders = tuple(
        Contender(
            rank=rank,
            retrained=entry,
            mean=statistics.fmean(entry.fresh_top1),
            std=statistics.stdev(entry.fresh_top1) if len(entry.fresh_top1) > 1 else None,
            behind=behind,
            p_holm=p,
        )
        for rank, (entry, behind, p) in enumerate(
            zip(order, [None, *differences], [None, *adjusted], strict=True), start=1
        )
    )
    if len(contenders) == 1:
        return Judgement(contenders, None, None, f"Only {contenders[0].name} was trained again: nothing to compare.")
    return _judged(contenders)


def welch(best: Sequence[float], other: Sequence[float]) -> Difference:
    """Difference of two means with Welch's interval and one-sided p; degrees of freedom after Satterthwaite."""
    points = statistics.fmean(best) - statistics.fmean(other)
    if min(len(best), len(other)) < 2:
        return Difference(points, None, None, None)
    parts = [(statistics.variance(sample) / len(sample), len(sample) - 1) for sample in (best, other)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Difference(points, None, None, None)
    # As shares of the sum, whose squares cannot underflow where the variances' own would.
    freedom = 1 / sum((part / variance) ** 2 / degrees for part, degrees in parts)
    error = math.sqrt(variance)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    return Difference(points, points - reach, points + reach, float(t.sf(points / error, freedom)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment over the p-values there are; ``None`` stays ``None``."""
    order = sorted((place for place, p in enumerate(p_values) if p is not None), key=lambda place: p_values[place])
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for done, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - done) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def needed_seeds(points: float, variances: float) -> int | None:
    """Seeds a candidate at which a true difference of ``points`` would be found in 80 % of repetitions.

    ``variances``: sum of both candidates' variances of one training. Normal approximation, two-sided 5 %, with
    Guenther's correction for the t distribution (The American Statistician 35, 1981). ``None`` where that takes more
    seeds than anybody trains.
    """
    if points <= 0:
        return None
    z_test, z_power = float(norm.ppf((1 + CONFIDENCE) / 2)), float(norm.ppf(POWER))
    seeds = (z_test + z_power) ** 2 * variances / points**2 + z_test**2 / 4
    return math.ceil(seeds) if seeds <= MANY_SEEDS else None


def _judged(contenders: tuple[Contender, ...]) -> Judgement:
    best, following = contenders[:2]
    difference = following.behind
    if best.std is None or following.std is None:
        verdict = f"One seed cannot tell {best.name} from {following.name}: the noise of a training is unknown."
        return Judgement(contenders, None, None, verdict)
    if difference.p is None:
        verdict = (
            f"The fresh seeds of {best.name} and {following.name} show no spread at all: there is no noise to compare "
            f"their difference of {difference.points:.2f} points with."
        )
        return Judgement(contenders, None, None, verdict)
    evidence = (
        f"{difference.points:.2f} points ({CONFIDENCE:.0%} interval {difference.low:.2f} to {difference.high:.2f}, "
        f"one-sided p={difference.p:.3g})"
    )
    if difference.is_clear:
        return Judgement(contenders, True, None, f"{best.name} beats {following.name} by {evidence}.")
    needed = needed_seeds(difference.points, best.std**2 + following.std**2)
    trained = min(len(best.retrained.fresh_top1), len(following.retrained.fresh_top1))
    # The approximation may say that there are enough already; the test has just said there are not.
    more = None if needed is None else max(1, needed - trained)
    advice = (
        f"no number of seeds up to {MANY_SEEDS} would tell so small a difference"
        if more is None
        else f"about {more} more seed{'s' if more > 1 else ''} each would be needed"
    )
    verdict = f"{best.name} and {following.name} cannot be told apart: {evidence}; {advice}."
    return Judgement(contenders, False, more, verdict)


def confirm_rows(judgement: Judgement) -> list[dict[str, str | int | float]]:
    """Rows by ``CONFIRM_COLUMNS``, best first; an empty string where there is no value."""
    rows = []
    for contender in judgement.contenders:
        behind = contender.behind
        row = {
            "rank": contender.rank,
            "candidate": contender.retrained.candidate,
            "channels": contender.name,
            "fresh_val_top1": " ".join(f"{top1:.4f}" for top1 in contender.retrained.fresh_top1),
            "fresh_val_top1_mean": contender.mean,
            "fresh_val_top1_std": contender.std,
            "search_val_top1_mean": contender.retrained.search_top1,
            "regression_to_mean": contender.regression_to_mean,
            "behind_best": 0.0 if behind is None else behind.points,
            "p_one_sided": None if behind is None else behind.p,
            "p_holm": contender.p_holm,
        }
        rows.append({column: "" if value is None else value for column, value in row.items()})
    return rows


def write_confirm(run: RunDirectory, judgement: Judgement) -> None:
    """Write ``confirm.csv`` of the run."""
    write_aside(run.confirm_file, csv_text(CONFIRM_COLUMNS, confirm_rows(judgement)))


def read_confirm(run: RunDirectory) -> list[Retrained]:
    """The contenders of ``confirm.csv``; none where there is none. Raises ``UserError`` for a broken line."""
    if not run.confirm_file.is_file():
        return []
    return [parsed(run.confirm_file, line, row, _row_to_retrained) for line, row in read_rows(run.confirm_file)]


def _row_to_retrained(row: dict[str, str]) -> Retrained:
    return Retrained(
        whole(row, "candidate"),
        parse_channels(row["channels"] or ""),
        parts(row, "fresh_val_top1", number, 0, 100),
        number(row, "search_val_top1_mean", 0, 100),
    )


def summarise(judgement: Judgement) -> str:
    """The contenders as a plain text table, and the verdict."""
    if not judgement.contenders:
        return judgement.verdict
    rows = [["candidate", "seeds", "fresh top-1 [%]", "in the search [%]", "fell by", "behind best", "p (Holm)"]]
    for contender in judgement.contenders:
        std = "" if contender.std is None else f" ± {contender.std:.2f}"
        rows.append(
            [
                f"#{contender.retrained.candidate} {contender.name}",
                str(len(contender.retrained.fresh_top1)),
                f"{contender.mean:.2f}{std}",
                f"{contender.retrained.search_top1:.2f}",
                f"{contender.regression_to_mean:+.2f}",
                "" if contender.behind is None else f"{contender.behind.points:.2f}",
                "" if contender.p_holm is None else f"{contender.p_holm:.3g}",
            ]
        )
    fell = statistics.fmean(contender.regression_to_mean for contender in judgement.contenders)
    return "\n".join(
        [
            *columns(rows),
            f"regression to the mean: the search's accuracies are {fell:+.2f} points from the fresh ones, on average.",
            judgement.verdict,
        ]
    )
