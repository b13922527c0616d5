"""docs/deploy.md keeps its promises: what it says to type opens what it says was written."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from chansearch.cli import _make_parser, main
from chansearch.export import FORMATS
from tests.export.models import TINY, images, logits, save, trained

TEXT = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")


def code(heading: str) -> str:
    """The Python under a heading, for small images."""
    part = TEXT.split(f"\n### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    return "".join(re.findall(r"```python\n(.*?)```", part, re.DOTALL)).replace("224", str(TINY.input_size))


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A folder with the files that the page's commands leave."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "net", raising=False)
    save(tmp_path / "model.pt", trained(TINY))
    for options, output in re.findall(r"^chansearch export \S+ (--.*) -o (\S+)", TEXT, re.MULTILINE):
        options = options.replace("--weights rexnet.pth", "").split()
        assert main(["export", "model.pt", *options, "-o", output]) == 0


def run(heading: str) -> dict:
    names: dict = {}
    exec(code(heading), names)
    return names


@pytest.mark.slow
def test_every_format_opens_as_the_page_says(written):
    if importlib.util.find_spec("chansearch.nets.timm_entry"):
        assert torch.equal(run("timm")["network"].eval()(images(TINY, 4)), logits(trained(TINY)))
    assert torch.equal(run("python")["network"].eval()(images(TINY, 4)), logits(trained(TINY)))
    assert run("torch")["logits"].shape == (1, TINY.classes)
    names = run("onnx")
    assert names["logits"].shape == (1, TINY.classes)
    assert names["facts"]["network"]["channels"] == list(TINY.channels)


def test_the_tables_name_every_format():
    for name in FORMATS:
        assert len(re.findall(rf"^\| `{name}`", TEXT, re.MULTILINE)) == 2


def test_commands_parse():
    commands = re.findall(r"^chansearch (export .*)$", TEXT, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        _make_parser().parse_args(shlex.split(command.split("#")[0].split(">")[0]))
