"""Makes ``chansearch_rexnet`` one of timm's models whenever both packages are imported, in whatever order.

timm has no entry points for models of other packages, and importing it takes seconds. So nothing of it is imported
here: a finder waits for its models to be imported by whoever wants them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_AWAITED = "timm.models"
_ENTRY = "chansearch.nets.timm_entry"


def install() -> None:
    """Register now if timm's models are there, otherwise as soon as they are."""
    if _AWAITED in sys.modules:
        importlib.import_module(_ENTRY)
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds what the others find, with one step more at the end of the import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _AWAITED:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        spec = next((spec for finder in others if (spec := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                sys.meta_path.remove(self)
                importlib.import_module(_ENTRY)

            spec.loader.exec_module = exec_module
        return spec
