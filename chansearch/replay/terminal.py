"""The replays as plain text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from chansearch.printable import printable
from chansearch.replay.fidelity import Agreement, Reliability
from chansearch.replay.measures import Measures, tenth_size
from chansearch.replay.rungs import asynchronous_rungs, synchronous_rungs
from chansearch.replay.session import Replayed
from chansearch.report.correlation import Interval
from chansearch.report.plain import columns, wrapped
from chansearch.search.asked import rank_on

_NEVER = "never"


def summary(replayed: Replayed) -> str:
    """What was replayed, what it cost, what it found, and how early epochs rank."""
    epochs = replayed.population.epochs
    parts = [
        wrapped(population_text(replayed)),
        columns(cost_rows(replayed.by_test)),
        [
            f"the winner, by test_top1 after epoch {epochs}, mean over all seeds:",
            *columns(winner_rows(replayed.by_test)),
        ],
        [
            f"the winner, by val_top1 after epoch {epochs}, mean over all seeds (optimistic, see below):",
            *columns(winner_rows(replayed.by_val)),
        ],
        ["how an epoch ranks the candidates against the last one:", *columns(agreement_rows(replayed))],
        wrapped(notes(replayed)),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def population_text(replayed: Replayed) -> list[str]:
    """Candidates, draws, and how reliable the accuracies are."""
    population, options = replayed.population, replayed.options
    left_out = f"; {population.left_out} more lack a seed or an epoch and are left out" if population.left_out else ""
    return [
        f"run {printable(replayed.run.path.resolve().name)}: {population.candidates} candidates x {population.seeds} "
        f"seeds x {population.epochs} epochs{left_out}.",
        f"{options.replays} replays of {options.candidates_of(population)} candidates each, seed {options.seed}.",
        *_reliability(replayed.reliability),
    ]


def _reliability(reliability: Reliability) -> list[str]:
    sentences = [f"Over candidates, val_top1 and test_top1 correlate by {_plain(reliability.val_test, 2)}."]
    if reliability.between_seeds is not None:
        sentences.append(
            f"Two seeds correlate by {_plain(reliability.between_seeds, 2)}; of the variance of val_top1 the "
            f"candidates make {_plain(reliability.one_seed, 2)} with one seed and "
            f"{_plain(reliability.all_seeds, 2)} with all (intraclass correlation)."
        )
        if reliability.all_seeds.low <= 0:
            sentences.append(
                "That may be none: seeds cannot tell these candidates apart, and no replay of them can say "
                "which schedule is better."
            )
    return sentences


def cost_rows(by_name: Mapping[str, Measures]) -> list[list[str]]:
    """A heading, then a row a strategy: what it spends, and when it first held a top-tenth configuration."""
    return _rows(
        by_name,
        {
            "replays": lambda m: str(m.replays),
            "seed-epochs": lambda m: _plain(m.spent, 0),
            "saving": lambda m: _times(m.saving),
            "until held": lambda m: _plain(m.until_held, 0),
            "saving until then": lambda m: _times(m.until_held_saving),
            "never held": lambda m: f"{m.never_held:.0%}",
        },
    )


def winner_rows(by_name: Mapping[str, Measures]) -> list[list[str]]:
    """A heading, then a row a strategy: how good what it hands out is."""
    return _rows(
        by_name,
        {
            "in top tenth": lambda m: _percent(m.in_top_tenth),
            "decile": lambda m: _plain(m.decile, 2),
            "behind paper's": lambda m: _signed(m.decile_loss),
            "rank": lambda m: _plain(m.rank, 1),
            "regret [points]": lambda m: _plain(m.regret, 2),
        },
    )


def _rows(by_name: Mapping[str, Measures], cells: Mapping[str, Callable[[Measures], str]]) -> list[list[str]]:
    return [
        ["strategy", *cells],
        *([name, *(cell(measures) for cell in cells.values())] for name, measures in by_name.items()),
    ]


def agreement_rows(replayed: Replayed) -> list[list[str]]:
    """A heading, then a row an epoch that is a rung of any strategy, the first one too."""
    schedule, epochs = replayed.options.schedule, replayed.population.epochs
    shown = {
        1,
        *asynchronous_rungs(epochs, schedule.grace, schedule.reduction),
        *synchronous_rungs(epochs, schedule.grace, schedule.reduction),
    }
    names = list(dict.fromkeys(agreement.what for agreement in replayed.agreements))
    found = {(agreement.epoch, agreement.what): agreement for agreement in replayed.agreements}
    return [
        ["epoch", *(heading for name in names for heading in (f"{name}: ρ", "τ"))],
        *(
            [str(epoch), *(cell for name in names for cell in _agreement(found[epoch, name]))]
            for epoch in sorted(shown)
        ),
    ]


def _agreement(agreement: Agreement) -> tuple[str, str]:
    """ρ with its interval, and τ; epochs.csv has the other interval."""
    return _plain(agreement.spearman, 2), _number(agreement.kendall.value, 2)


def notes(replayed: Replayed) -> list[str]:
    """What the columns mean."""
    size = tenth_size(replayed.options.candidates_of(replayed.population))
    ranked_on_test = rank_on(replayed.run.config()) == "test"
    return [
        "A seed-epoch is one epoch of one seed of one candidate. [ ] are 95 % bootstrap intervals over replays (of "
        "correlations: over candidates); savings, and deciles behind, are against paper on the same draws.",
        f"until held: median of the seed-epochs spent when the incumbent was one of the true best {size} for the first "
        "time; never held: replays in which it never was.",
        "No strategy sees test_top1, but it was measured on the same trainings: their noise counts as quality, which "
        "flatters whoever averages over all seeds, paper first. val_top1 shares the images as well.",
        *(
            ["With data.rank_on=test val_top1 was measured on the test images: the strategies have seen them."]
            if ranked_on_test
            else []
        ),
    ]


def _number(value: float, digits: int) -> str:
    return _NEVER if math.isinf(value) else "–" if math.isnan(value) else f"{value:.{digits}f}"


def _plain(interval: Interval, digits: int) -> str:
    """``0.62 [0.51, 0.71]``."""
    value, low, high = (_number(number, digits) for number in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def _percent(interval: Interval) -> str:
    return f"{interval.value:.0%} [{interval.low:.0%}, {interval.high:.0%}]"


def _times(interval: Interval) -> str:
    """A factor; none where one of the two never got there."""
    if not math.isfinite(interval.value) or interval.value == 0:
        return "–"
    return f"{interval.value:.1f}x [{_number(interval.low, 1)}, {_number(interval.high, 1)}]"
