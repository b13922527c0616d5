"""Of the files named: YAML and TOML that can be read, no space at the end of a line, one line end at the end of a file.

For pre-commit, whose own hooks of this kind come from a host that not every network reaches.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml


class Syntax(yaml.SafeLoader):
    """YAML whose own tags, such as those of mkdocs.yml, are looked at and not followed."""


Syntax.add_multi_constructor("", lambda *_: None)


def mistakes(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    try:
        if file.suffix in (".yaml", ".yml", ".cff"):
            yaml.load(text, Loader=Syntax)
        elif file.suffix == ".toml":
            tomllib.loads(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        yield f"cannot be read: {' '.join(str(error).split())}"
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip(" \t\r"):
            yield f"line {number} ends in a space"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield "does not end in one line end"


if __name__ == "__main__":
    found = [f"{name}: {mistake}" for name in sys.argv[1:] for mistake in mistakes(Path(name))]
    print("\n".join(found))
    raise SystemExit(bool(found))
