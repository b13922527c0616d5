"""docs/architecture.md against the imports of every module."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| .* \|(.*)\|$", PAGE, re.MULTILINE)
MUST_NOT = {room: re.findall(r"`(\w+)`", names) for room, names in ROWS}


def imports(room: str) -> Iterator[tuple[str, str]]:
    """Files of the room and what they import, rooms by their name, wherever in the file; not for annotations alone."""
    for file in (ROOT / "chansearch" / room).rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = []
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                first, _, rest = name.partition(".")
                yield str(file.relative_to(ROOT)), rest.split(".")[0] if first == "chansearch" else first


def test_every_room_has_its_row():
    rooms = {file.parent.name for file in (ROOT / "chansearch").glob("*/__init__.py")}
    assert set(MUST_NOT) == rooms


@pytest.mark.parametrize("room", MUST_NOT)
def test_a_room_knows_nothing_of_what_it_must_not(room):
    assert [(file, name) for file, name in imports(room) if name in MUST_NOT[room]] == []
