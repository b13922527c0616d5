"""What a run cost, for people: the page and the terminal print the same rows and sentences."""

from __future__ import annotations

from chansearch.durations import format_seconds
from chansearch.printable import printable
from chansearch.report.analysis import Analysis
from chansearch.report.cost import Cost
from chansearch.report.quantities import IMAGES_PER_SECOND, LOST_SECONDS, MISSING
from chansearch.search.spent import SessionTime

HEADINGS = ("workers' time", "all together", "share")
LEFT_OUT = (
    "The floor counts multiply-adds alone. It leaves out normalisation and activations, which move memory and multiply "
    "next to nothing, and treats depthwise convolutions as products of matrices, which they are not: these networks "
    "cannot reach it."
)


def rows(cost: Cost) -> list[tuple[str, str, str]]:
    """Where the workers' time went, then its sum, then the floor, by ``HEADINGS``."""
    parts = [(part.label, part.seconds) for part in cost.parts]
    table = [(label, _time(seconds), _share(seconds, cost.worker_seconds)) for label, seconds in parts]
    return [
        *table,
        ("in all", _time(cost.worker_seconds), _share(cost.worker_seconds, cost.worker_seconds)),
        ("training at the matrix rate", _time(cost.floor_seconds), _share(cost.floor_seconds, cost.worker_seconds)),
    ]


def sentences(analysis: Analysis) -> list[str]:
    """What was trained, how fast, and what was lost; one sentence where that is not recorded."""
    cost = analysis.cost
    if cost is None:
        return ["Cost: not recorded by the version that ran this search."] if analysis.records else []
    found = [_floor(cost)]
    if (speed := cost.images_per_second) is not None:
        text = IMAGES_PER_SECOND.text
        found.append(
            f"A worker trained {text(speed.median)} images/s, the median over candidates; "
            f"{text(speed.p10)} to {text(speed.p90)} from the 10th to the 90th percentile."
        )
    lost = cost.lost_a_candidate
    found.append(
        f"Outside training and measuring a candidate lost {LOST_SECONDS.text(lost.median)} s between hand-out and end, "
        f"the median; 90th percentile {LOST_SECONDS.text(lost.p90)} s. Between candidates lie the hand-outs, and "
        "workers for which none was left; the start is Ray's, the estimate's and the matrix rate's."
    )
    if cost.lost_seconds < 0:
        found.append("More workers took part than the cluster had at the start: the shares are too high.")
    return found


def _floor(cost: Cost) -> str:
    reached = MISSING if cost.rate_share is None else _share_text(cost.rate_share)
    return (
        f"Trained: {_flop(cost.flops)} (MACs × 2, three times for forward and backward, "
        f"× images, all epochs and seeds), which must take {_time(cost.floor_seconds)} of a worker at the matrix rate "
        f"measured, {_flop(cost.matrix_flops)}/s ({_machine(cost.sessions)}), and took "
        f"{_time(cost.train_seconds)}: {reached} of that rate. Workers were busy {_share_text(cost.busy_share)} of "
        "their time."
    )


def _machine(sessions: tuple[SessionTime, ...]) -> str:
    """``bfloat16, 1 thread, 2 workers at once, cpu``; each kind of session once."""
    kinds = {
        f"{s.dtype}, {s.threads} thread{'s' if s.threads > 1 else ''}, {s.workers} worker{'s' if s.workers > 1 else ''}"
        f" at once, {s.device}": None
        for s in sessions
    }
    return printable("; ".join(kinds))


def _flop(count: float) -> str:
    """``129 GFLOP``, ``257 TFLOP``, ``1,890 PFLOP``: three digits or more, in the largest unit that leaves one."""
    size, unit = next(((s, u) for s, u in ((1e15, "PFLOP"), (1e12, "TFLOP")) if count >= s), (1e9, "GFLOP"))
    return f"{count / size:,.0f} {unit}" if count >= 100 * size else f"{count / size:.3g} {unit}"


def _time(seconds: float) -> str:
    """As the estimate of a search writes it, two digits below ten seconds."""
    return f"{seconds:.2g} s" if seconds < 10 else format_seconds(seconds)


def _share(seconds: float, of: float) -> str:
    return _share_text(seconds / of)


def _share_text(share: float) -> str:
    return f"{100 * share:.1f} %"
