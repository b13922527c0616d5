"""The README keeps its promises: its links resolve and its commands parse."""

import re
import shlex
from pathlib import Path

import pytest

from chansearch import cli
from chansearch.config import compose, expand_sweeps, groups

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
COMMANDS = [
    line.split("#")[0].split(">")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines()
    if re.match(r"(python -m )?chansearch ", line)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command):
    words = shlex.split(command.removeprefix("python -m ").removeprefix("chansearch "))
    given, rest = cli._make_parser().parse_known_args(words)
    assert all("=" in word for word in rest)
    if given.command == "search":
        overrides = [*given.overrides, *rest]
        for combination in expand_sweeps(overrides) if given.multirun else [overrides]:
            compose(combination)


def test_the_readme_has_commands_to_parse():
    assert len(COMMANDS) >= 8


def test_the_table_of_groups_is_whole():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert set(groups()) <= named
    for group in ("space", "data", "fidelity", "sampler", "scheduler"):
        row = re.search(rf"^\| `{group}` \| (.*) \|$", text, re.MULTILINE)[1]
        assert all(f"`{choice}`" in row for choice in groups()[group])
