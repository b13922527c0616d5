"""A comparison of two bests, for a terminal and for a script."""

from __future__ import annotations

import statistics

from chansearch.printable import printable
from chansearch.report import facts
from chansearch.report.better import Basis, Comparison, Standing, Verdict
from chansearch.report.plain import columns, wrapped
from chansearch.report.significance import CONFIDENCE, MANY_SEEDS, POWER
from chansearch.search import asked
from chansearch.search.candidate import deviation, record_facts
from chansearch.space import format_channels


def comparison_text(found: Comparison) -> str:
    """What makes the runs not alike first, then the two bests side by side, and the verdict."""
    lines = [printable(f"{letter}  {_run_text(one)}") for letter, one in (("A", found.a), ("B", found.b))]
    lines += wrapped(found.caveats)
    lines += ["", *columns(_rows(found)), ""]
    bases = dict.fromkeys((found.a.basis, found.b.basis))
    same = len(bases) == 1
    for letter, one in (("A and B", found.a),) if same else (("A", found.a), ("B", found.b)):
        lines += wrapped([f"seeds that did not choose, {letter}: {one.basis}."])
    lines += wrapped([verdict_text(found)])
    return "\n".join([*lines, *(f"  {printable(command)}" for command in found.commands)])


def verdict_text(found: Comparison) -> str:
    """The verdict with its evidence, and what would settle it."""
    if found.difference is None:
        without = [letter for letter, one in (("A", found.a), ("B", found.b)) if one.basis is Basis.NONE]
        return (
            f"B's best is not shown to be better than A's: {' and '.join(without)} had one seed a candidate, which "
            "chose the best and says nothing of its noise. Fresh seeds would:"
        )
    difference = found.difference
    if difference.low is None:
        return (
            f"B's best is not shown to be better than A's: {difference.points:+.2f} points, and no noise to compare "
            "them with: one seed, or seeds without any spread. Fresh seeds would show it:"
        )
    evidence = (
        f"{difference.points:+.2f} points ({CONFIDENCE:.0%} interval {difference.low:+.2f} to {difference.high:+.2f})"
    )
    if found.verdict is not Verdict.NOT_SHOWN:
        sure = "; seeds of a search are few: fresh ones would make sure" if found.commands else ""
        return f"B's best is {found.verdict} than A's: {evidence}{sure}{':' if sure else '.'}"
    if found.seeds is None:
        advice = f"no number of seeds up to {MANY_SEEDS} would tell so small a difference."
    else:
        advice = f"{found.seeds} fresh seeds each would show a difference of this size in {POWER:.0%} of repetitions:"
    return f"B's best is {found.verdict} than A's: {evidence}; {advice}"


def comparison_facts(found: Comparison) -> dict:
    """In plain types."""
    difference = found.difference
    return {
        "verdict": found.verdict.value,
        "text": verdict_text(found).removesuffix(":"),
        "caveats": list(found.caveats),
        "accuracy": f"{asked.rank_on(found.a.config)} top-1",
        "points": None if difference is None else difference.points,
        "low": None if difference is None else difference.low,
        "high": None if difference is None else difference.high,
        "confidence": CONFIDENCE,
        "seeds_needed": found.seeds,
        "commands": list(found.commands),
        "a": _standing_facts(found.a),
        "b": _standing_facts(found.b),
    }


def _standing_facts(one: Standing) -> dict:
    return {
        "run": str(one.run.path),
        "constraint": asked.setting(one.config, "constraint.name"),
        "best": record_facts(one.best),
        "basis": one.basis.name.lower(),
        "top1": list(one.top1),
        "top1_mean": one.mean,
    }


def _run_text(one: Standing) -> str:
    parts = [facts.text(one.config, key) for key in ("constraint.name", "data.name", "fidelity")]
    epochs, seeds = facts.text(one.config, "train.epochs"), facts.text(one.config, "train.seeds")
    return f"{one.run.path}: {', '.join(parts)}, at most {epochs} epochs, {seeds} seeds"


def _rows(found: Comparison) -> list[list[str]]:
    a, b = found.a, found.b
    top1 = f"{asked.rank_on(a.config)} top-1 [%]"
    points = "" if found.difference is None else f"{found.difference.points:+.2f}"
    rows = [
        ["", "A", "B", "B - A"],
        ["best candidate", *(f"#{one.best.candidate.number}" for one in (a, b)), ""],
        ["channels", *(format_channels(one.best.candidate.channels) for one in (a, b)), ""],
        [f"{top1}, in the search", *(_spread(one.best.outcome.val_top1) for one in (a, b)), ""],
        [f"{top1}, other seeds", *(_spread(one.top1) for one in (a, b)), points],
    ]
    for label, name, unit in (
        ("params [M]", "params", 1e6),
        ("MACs [M]", "macs", 1e6),
        ("latency [ms]", "latency_ms", 1),
    ):
        values = [getattr(one.best.candidate, name) for one in (a, b)]
        if any(value is not None for value in values):
            rows.append([label, *("" if v is None else f"{v / unit:.3g}" for v in values), _relative(*values)])
    return rows


def _spread(top1: tuple[float, ...]) -> str:
    if not top1:
        return "none"
    std = f" ± {deviation(top1):.2f}" if len(top1) > 1 else ""
    return f"{statistics.fmean(top1):.2f}{std} (n={len(top1)})"


def _relative(a: float | None, b: float | None) -> str:
    return "" if a is None or b is None or not a else f"{(b / a - 1) * 100:+.1f} %"
