"""The published rows against the figures that all rooms are held to."""

import pytest

from chansearch.report.published import TABLE_3
from chansearch.report.tenths import Tenth
from chansearch.space import format_channels
from tests.space.golden import TABLE_3 as GOLDEN


@pytest.mark.parametrize("constraint", TABLE_3)
def test_best_and_worst_are_the_golden_ones(constraint):
    for rank, model in (("best", TABLE_3[constraint].best), ("worst", TABLE_3[constraint].worst)):
        row = GOLDEN[f"{constraint} {rank}"]
        assert (model.channels, model.top1) == (format_channels(row["channels"]), row["accuracy"])
        tenth = TABLE_3[constraint].tenths[Tenth.TOP if rank == "best" else Tenth.BOTTOM]
        assert (tenth.params_m, tenth.macs_m) == (row["published_params_m"], row["published_macs_m"])


@pytest.mark.parametrize("constraint", TABLE_3)
def test_tenths_are_in_order_below_the_best(constraint):
    # The worst is left out: Table 3 prints c2's at 67.6, above its own bottom tenth's mean of 67.4.
    paper = TABLE_3[constraint]
    means = [paper.best.top1, *(paper.tenths[tenth].top1 for tenth in Tenth)]
    assert means == sorted(means, reverse=True)
