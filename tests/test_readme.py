"""The README and the docs keep their promises: their links resolve and their commands parse."""

import re
import shlex
from pathlib import Path

import pytest

from chansearch import cli
from chansearch.config import compose, expand_sweeps, groups
from chansearch.nets import preset
from chansearch.nets.model import change_spec, parse_changes
from chansearch.studies.config import NONLINEARITY, STUDY
from chansearch.transfer.config import TRAINING
from chansearch.transfer.detection.config import DETECTION, HEADS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
COMMANDS = sorted(
    {
        line.split("#")[0].split(" >")[0].strip()
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.replace("\\\n", "").splitlines()
        if re.match(r"(python -m )?chansearch ", line)
    }
)


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
    overrides = [*getattr(given, "overrides", []), *rest]
    if given.command == "search":
        for combination in expand_sweeps(overrides) if given.multirun else [overrides]:
            compose(combination)
    elif given.command in ("train", "eval"):
        compose(overrides, tree=TRAINING)
    elif given.command == "transfer":
        if given.task == "finegrained":
            compose(overrides, tree=TRAINING)
        elif given.task != "predict":
            compose([f"task={given.task}", *overrides] if given.task in HEADS else overrides, tree=DETECTION)
    elif given.command == "study":
        tree = NONLINEARITY if given.study == "nonlinearity" else STUDY
        compose([word for word in overrides if "=" in word], tree=tree)
    elif given.command == "build":
        change_spec(preset("rexnet_100"), parse_changes(overrides))


def test_there_are_commands_to_parse():
    assert len(COMMANDS) >= 30


def test_the_table_of_groups_is_whole():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert set(groups()) <= named
    for group in ("space", "data", "fidelity", "sampler", "scheduler"):
        row = re.search(rf"^\| `{group}` \| (.*) \|$", text, re.MULTILINE)[1]
        assert all(f"`{choice}`" in row for choice in groups()[group])
