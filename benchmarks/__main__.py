"""``python -m benchmarks NAME …``: the options of each are under ``python -m benchmarks NAME --help``."""

import importlib
import pkgutil
import sys

import benchmarks

_HELPERS = {"__main__", "models", "powercuts", "processes", "table", "trainings"}


def main(arguments: list[str]) -> int:
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in _HELPERS)
    if not arguments or arguments[0] not in names:
        print(f"usage: python -m benchmarks NAME; NAME is one of: {', '.join(names)}", file=sys.stderr)
        return 2
    importlib.import_module(f"benchmarks.{arguments[0]}").main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
