"""docs/rexnet.md against the code: its table, its names, its fields and its commands."""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks.family import scaling_table
from chansearch import cli
from chansearch.nets import PRESETS
from chansearch.nets.files import FIELDS
from chansearch.nets.model import open_model, parse_changes

PAGE = (Path(__file__).parents[1] / "docs" / "rexnet.md").read_text(encoding="utf-8")
COMMANDS = [line.split("#")[0].strip() for line in PAGE.splitlines() if line.startswith("chansearch ")]


def _code(section: str) -> list[str]:
    """What stands in backticks between two headings or lines."""
    return re.findall(r"`([^`]+)`", section)


@pytest.fixture(scope="module")
def table() -> str:
    return scaling_table()


def test_the_scaling_table_is_what_is_counted(table):
    assert table in PAGE


def test_every_difference_above_two_percent_is_explained(table):
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    far = {row[0] for row in rows if any(abs(float(cell.split()[0])) > 2 for cell in row[4:])}
    explained = PAGE.split("Above 2 % lie these:")[1].split("## Weights")[0]
    assert {name.removeprefix("| ") for name in far} <= {f"`{name}`" for name in _code(explained)}
    assert len(far) == 5


def test_every_preset_has_its_name_there():
    named = []
    for row in re.findall(r"^\| (`(?:rexnet|mobilenet).*?) \|", PAGE.split("```sh")[0], re.MULTILINE):
        first, *others = _code(row)
        named += [first, *(first.rpartition("_")[0] + other for other in others)]
    assert named == list(PRESETS)


def test_every_field_has_its_row():
    rows = PAGE.split("| field | what it sets |")[1].split("\n\n")[0]
    named = [name for row in rows.splitlines() for name in _code(row.split(" | ")[0])]
    assert sorted(named) == sorted(FIELDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse_and_their_networks_exist(command):
    given, rest = cli._make_parser().parse_known_args(shlex.split(command)[1:])
    assert given.command == "build"
    changes = parse_changes([*given.overrides, *rest])
    open_model(given.network, changes=changes)
