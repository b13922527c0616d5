"""A recorded run as a table: to ask, and to replay search strategies on (Syne Tune's idea of a simulated backend).

Users of the run directory and of the search's proposer, never of Ray or torch (Optuna's ``gp`` brings its own). A
strategy pays for every epoch of every seed it looks at, and sees validation accuracies alone.
"""

from typing import TYPE_CHECKING

from chansearch.replay.names import STRATEGY_NAMES

if TYPE_CHECKING:
    from chansearch.replay.table import Entry, Table

__all__ = ["STRATEGY_NAMES", "Entry", "Table"]


def __getattr__(name: str) -> object:
    if name in ("Entry", "Table"):
        from chansearch.replay import table

        return getattr(table, name)
    raise AttributeError(f"module 'chansearch.replay' has no attribute {name!r}")
