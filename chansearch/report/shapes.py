"""What a candidate's a, b and f are like, in numbers that all candidates have, however many knots theirs have.

Knots vary in number and place, and the sampler's own numbers for them mean something only together. So f is read at
quarters of the depth: a straight line has 0.25, 0.5 and 0.75 there, and flat-then-steep shapes have less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chansearch.report.quantities import Quantity
from chansearch.search.candidate import Record


def _f_at(share: float) -> Callable[[Record], float]:
    def read(record: Record) -> float:
        shape = record.candidate.member.shape
        return float(np.interp(1 + share * (shape.depth - 1), shape.knots, shape.values))

    return read


SHAPE = (
    Quantity("b", "b, first block's channels", "b", "", 1, 1, lambda record: record.candidate.member.b),
    Quantity("a", "a, rise to the last block", "a", "", 1, 1, lambda record: record.candidate.member.a),
    Quantity("segments", "segments of f", "segments", "", 1, 0, lambda record: record.candidate.member.shape.segments),
    Quantity("f_25", "f at ¼ of the depth", "f at ¼", "", 1, 3, _f_at(0.25)),
    Quantity("f_50", "f at ½ of the depth", "f at ½", "", 1, 3, _f_at(0.5)),
    Quantity("f_75", "f at ¾ of the depth", "f at ¾", "", 1, 3, _f_at(0.75)),
)
