"""chansearch: search channel configurations c_i = a·f(i)+b under Params and MACs budgets, train, report, export.

Importing the package stays light: torch, Ray, Optuna and Hydra are loaded by the rooms that need them.
"""

import pkgutil
from typing import TYPE_CHECKING

from chansearch import timm_hook
from chansearch._version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from chansearch.api import Budget, Report, Search, Space
    from chansearch.nets import build
    from chansearch.replay import Table

__all__ = ["Budget", "Report", "Search", "Space", "__version__", "build", "open_run"]

# Names of this module that are loaded when they are asked for, and where they are.
_LATER = {name: f"chansearch.api:{name}" for name in ("Budget", "Report", "Search", "Space")}
_LATER["build"] = "chansearch.nets:build"


def open_run(path: "Path | str") -> "Table":
    """A run directory as a table to ask: ``open_run("results/RUN").query("34-34-45-55-66", epoch=10, seed=0)``.

    Needs neither torch nor Ray; raises ``UserError``, a ``ValueError``, where ``path`` is no run.
    """
    from chansearch.replay.table import Table
    from chansearch.search.rundir import RunDirectory

    return Table.of(RunDirectory.open(path))


def __getattr__(name: str) -> object:
    if name in _LATER:
        return pkgutil.resolve_name(_LATER[name])
    raise AttributeError(f"module 'chansearch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


timm_hook.install()
