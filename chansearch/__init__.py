"""chansearch: search channel configurations c_i = a·f(i)+b under Params and MACs budgets, train, report, export.

Importing the package stays light: torch, Ray, Optuna and Hydra are loaded by the rooms that need them.
"""

from typing import TYPE_CHECKING

from chansearch._version import __version__

if TYPE_CHECKING:
    from chansearch.nets import build

__all__ = ["__version__", "build"]


def __getattr__(name: str):
    if name == "build":
        from chansearch.nets import build

        return build
    raise AttributeError(f"module 'chansearch' has no attribute {name!r}")
