"""What hypothesis draws for the space: channel lists, heights, families with numbers for their parameters."""

import numpy as np
from hypothesis import strategies as st

from chansearch.space import FAMILIES, make_family

DIVISORS = (1, 8, 16)


@st.composite
def channel_lists(draw, divisor: int, most_blocks: int = 20, most_rise: int = 60) -> list[int]:
    """Non-decreasing multiples of ``divisor``, flat runs and steep jumps included."""
    start = draw(st.integers(1, 64))
    rises = draw(
        st.lists(
            st.one_of(st.just(0), st.integers(0, 12), st.integers(0, most_rise)), min_size=1, max_size=most_blocks - 1
        )
    )
    return [int(c) * divisor for c in start + np.concatenate([[0], np.cumsum(rises)])]


@st.composite
def heights(draw, least_blocks: int = 2, most_blocks: int = 20) -> np.ndarray:
    """f at the blocks, from 0 to 1; its bends are far above what ``Shape.through`` takes for one line."""
    rises = draw(
        st.lists(st.one_of(st.just(0), st.integers(0, 50)), min_size=least_blocks - 1, max_size=most_blocks - 1).filter(
            any
        )
    )
    return np.concatenate([[0.0], np.cumsum(rises)]) / sum(rises)


@st.composite
def drawn_shapes(draw, name: str | None = None):
    """(family, values, shape): a family of some depth and settings, and the shape of any numbers it may be given."""
    name = name or draw(st.sampled_from(sorted(FAMILIES)))
    segments = sorted(draw(st.tuples(st.integers(1, 8), st.integers(1, 8))))
    stages = sorted(draw(st.tuples(st.integers(2, 9), st.integers(2, 9))))
    family = make_family(
        name,
        draw(st.integers(2, 24)),
        min_segments=segments[0],
        max_segments=segments[1],
        min_stages=stages[0],
        max_stages=stages[1],
        flat=draw(st.sampled_from([0.0, 0.2, 0.9])),
    )
    values = {
        p.name: draw(st.integers(int(p.low), int(p.high)) if p.integer else st.floats(p.low, p.high))
        for p in family.parameters()
    }
    return family, values, family.decode(values)
