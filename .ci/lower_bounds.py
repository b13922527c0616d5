"""Prints setup.cfg's lower bounds as pip constraints (`torch>=2.5` becomes `torch==2.5`), for `make test-lowest`."""

import configparser
import re
import sys
from pathlib import Path

REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)")


def bounds(extra: str) -> dict[str, str]:
    """Of what `.[extra]` installs. A package named twice has to meet both: the higher bound is its lowest version."""
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
    lines = f"{setup['options']['install_requires']}\n{setup['options.extras_require'][extra]}".split()
    lowest: dict[str, str] = {}
    for line in lines:
        if not (found := REQUIREMENT.fullmatch(line)):
            raise SystemExit(f"setup.cfg: {line!r} has no lower bound of the form name>=version")
        name, version = found.groups()
        lowest[name] = max(lowest.get(name, version), version, key=_parts)
    return lowest


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


if __name__ == "__main__":
    print("\n".join(f"{name}=={version}" for name, version in bounds(sys.argv[1]).items()))
