"""Is the best of one run really better than the best of another?

The best of a run is the one that ``export --top 1`` takes, and the seeds that made it the best flatter it: of many
candidates the first is partly the luckiest ("winner's curse"). What is compared are seeds that had no part in the
choice: the fresh ones of ``confirm.csv`` where the run has them; else the search's own, corrected: for each seed, the
best on all others is scored on this one.
"""

from __future__ import annotations

import enum
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from chansearch.config import from_plain
from chansearch.errors import UserError
from chansearch.report import facts
from chansearch.report.noise import SeedScores, best_held_out
from chansearch.report.significance import Difference, needed_seeds, read_confirm, welch
from chansearch.search import asked
from chansearch.search.candidate import Record, ranked, why_none_ranked
from chansearch.search.changes import FREE, changes
from chansearch.search.contenders import FIRST_SEED, contenders
from chansearch.search.rundir import RunDirectory

_SEEDS = 3  # fresh ones to begin with, as many as `chansearch confirm` takes
_TRAINING = ("train.", "data.augment", "data.crop_padding")  # keys that say how a candidate is trained


class Basis(enum.StrEnum):
    """Which accuracies of a run's best are compared."""

    FRESH = "fresh seeds of `chansearch confirm`"
    CORRECTED = "the search's own seeds, corrected: chosen on all seeds but one, scored on that one"
    NONE = "no seed but the one that chose it"


class Verdict(enum.StrEnum):
    BETTER = "better"
    NOT_SHOWN = "not shown to be better"
    WORSE = "worse"


@dataclass(frozen=True)
class Standing:
    """The best of a run. ``top1``: of each seed that had no part in the choice, in percent."""

    run: RunDirectory
    config: dict
    best: Record
    basis: Basis
    top1: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        return statistics.fmean(self.top1) if self.top1 else None


@dataclass(frozen=True)
class Comparison:
    """B's best against A's. ``difference`` is B's minus A's, ``None`` where one has no seed to compare.

    ``caveats``: what makes the two runs not alike. ``seeds``: fresh ones that each best should have, for a difference
    of this size to show or for a corrected one to be confirmed; ``None`` where there are enough, and where no number
    makes sense. ``commands`` train them.
    """

    a: Standing
    b: Standing
    caveats: tuple[str, ...]
    difference: Difference | None
    verdict: Verdict
    seeds: int | None
    commands: tuple[str, ...]


def compare(a: RunDirectory, b: RunDirectory) -> Comparison:
    """Raises ``UserError`` where they are one run, have other images, cannot be read, or have no best candidate."""
    if a.path.resolve() == b.path.resolve():
        raise UserError(f"compare: {a.path} and {b.path} are one run; name two")
    first, second = _standing(a), _standing(b)
    _check_images(first, second)
    difference = welch(second.top1, first.top1) if first.top1 and second.top1 else None
    verdict = _verdict(difference)
    seeds = _seeds(first, second, difference, verdict)
    return Comparison(
        first, second, tuple(_caveats(first, second)), difference, verdict, seeds, _commands((first, second), seeds)
    )


def _standing(run: RunDirectory) -> Standing:
    records, config = run.records(), run.config()
    order = ranked(records)
    if not order:
        raise UserError(f"run: {run.path} has no best candidate: {why_none_ranked(records)}")
    best = order[0]
    known = (best.candidate.number, best.candidate.channels)
    fresh = {(entry.candidate, entry.channels): entry.fresh_top1 for entry in read_confirm(run)}.get(known, ())
    if fresh:
        return Standing(run, config, best, Basis.FRESH, fresh)
    if (count := asked.contenders(config)) is None:
        corrected = best_held_out(SeedScores.of(order))
    else:
        further = [one for one in contenders(records, count) if len(one.outcome.val_top1) > 1]
        corrected = best_held_out(SeedScores.of(further), chosen_on=(FIRST_SEED,))
    return Standing(run, config, best, Basis.CORRECTED if corrected else Basis.NONE, corrected)


def _check_images(a: Standing, b: Standing) -> None:
    """Accuracies on other images are no comparison."""
    for key, what in (
        ("data.name", "data"),
        ("data.rank_on", "images that rank"),
        ("provenance.data_fingerprint", "images"),
    ):
        ours, theirs = asked.setting(a.config, key), asked.setting(b.config, key)
        if ours is not None and theirs is not None and ours != theirs:
            raise UserError(
                f"compare: {a.run.path} and {b.run.path} have other {what} ({key}: {ours} and {theirs}): their "
                "accuracies cannot be compared"
            )


def _caveats(a: Standing, b: Standing) -> list[str]:
    said = []
    if None in (asked.setting(one.config, "provenance.data_fingerprint") for one in (a, b)):
        said.append("Whether both have the same images is not recorded: a run has no fingerprint of them.")
    schemas = [from_plain(one.config, str(one.run.config_file)) for one in (a, b)]
    trained = [c for c in changes(*schemas) if c.key.startswith(_TRAINING) and c.key not in {*FREE, "train.seeds"}]
    if trained:
        said.append(
            f"The candidates were not trained alike, A → B: {', '.join(map(str, trained))}. "
            "What is compared is network and training together."
        )
    for letter, one in (("A", a), ("B", b)):
        said += [
            f"{letter} was changed on the way: {fact.value}."
            for fact in facts.facts(one.config)
            if fact.label == facts.CHANGED
        ]
    return said


def _verdict(difference: Difference | None) -> Verdict:
    if difference is None or difference.low is None:
        return Verdict.NOT_SHOWN
    if difference.is_clear:
        return Verdict.BETTER
    return Verdict.WORSE if difference.high < 0 else Verdict.NOT_SHOWN


def _seeds(a: Standing, b: Standing, difference: Difference | None, verdict: Verdict) -> int | None:
    if verdict is not Verdict.NOT_SHOWN:
        return None if a.basis is b.basis is Basis.FRESH else _SEEDS
    # The approximation may say that there are enough already; the test has just said there are not.
    least = max([_SEEDS, *(len(one.top1) + 1 for one in (a, b) if one.basis is Basis.FRESH)])
    if difference is None or difference.low is None:
        return least
    needed = needed_seeds(abs(difference.points), sum(statistics.variance(one.top1) for one in (a, b)))
    return None if needed is None else max(least, needed)


def _commands(standings: Sequence[Standing], seeds: int | None) -> tuple[str, ...]:
    """``confirm`` draws the same fresh seeds each time, the first ones again among them."""
    if seeds is None:
        return ()
    return tuple(
        f"chansearch confirm {shlex.quote(str(one.run.path))} --top 2 --seeds {seeds}"
        for one in standings
        if one.basis is not Basis.FRESH or len(one.top1) < seeds
    )
