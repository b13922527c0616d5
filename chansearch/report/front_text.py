"""The Pareto front as a table and in sentences: the page and the terminal print the same ones."""

from __future__ import annotations

from chansearch.report.analysis import Analysis
from chansearch.report.front import REDRAWS, Front, Member
from chansearch.report.quantities import MISSING
from chansearch.space import format_channels

_DOUBTFUL = "?"


def headings(analysis: Analysis) -> list[str]:
    quantities = (analysis.ranking, *analysis.costs)
    return ["candidate", "channels", *(quantity.short_heading for quantity in quantities), "stays"]


def rows(analysis: Analysis) -> list[list[str]]:
    """The members, the cheapest first."""
    return [_row(analysis, member) for member in analysis.front.members]


def _row(analysis: Analysis, member: Member) -> list[str]:
    record = member.record
    std = f" ± {record.val_top1_std:.2f}" if len(record.outcome.val_top1) > 1 else ""
    stays = MISSING if member.stays is None else f"{member.stays:.0%}{' ' + _DOUBTFUL if member.is_doubtful else ''}"
    return [
        f"#{record.candidate.number}",
        format_channels(record.candidate.channels),
        f"{analysis.ranking.text(analysis.ranking.of(record))}{std}",
        *(quantity.text(quantity.of(record)) for quantity in analysis.costs),
        stays,
    ]


def sentences(analysis: Analysis) -> list[str]:
    """What the front is, and what it is not."""
    front = analysis.front
    names = " and ".join(["accuracy", *(quantity.short for quantity in front.costs)])
    said = [
        f"Front of {names}: {len(front.members)} of {front.candidates} ranked candidates, the cheapest first, which no "
        "other beats: none is as good in all of these and better in one. Equals stand beside each other.",
        *_noise(front),
    ]
    if analysis.tenths:
        said.append("Tenths, best and worst are of accuracy alone: a cheap candidate is at the bottom for being cheap.")
    return said


def _noise(front: Front) -> list[str]:
    if not front.members:
        return []
    if front.standard_error is None:
        return [
            "The noise is unknown with one seed a candidate: nothing says which of them are there by luck. "
            "train.seeds=2 or more would."
        ]
    doubtful = sum(member.is_doubtful for member in front.members)
    said = (
        f"stays: the share of {REDRAWS:,} redraws in which it is still there, each accuracy shaken by the noise of its "
        f"seeds (a standard error of {front.standard_error:.3f} points). "
    )
    if doubtful:
        said += f"Marked {_DOUBTFUL}: {doubtful}, beaten in more than half of them. "
    return [f"{said}All are chosen for being high: expect them a little lower on other seeds."]
