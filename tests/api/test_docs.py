"""docs/api.md prints what it says, and its tables name what there is."""

import doctest
import inspect
import re
from pathlib import Path

import chansearch
from chansearch.nets.files import load_spec
from tests.export.runs import make_run

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
PRINTED = [block for block in BLOCKS if block.startswith(">>>")]
QUIET = [block for block in BLOCKS if not block.startswith(">>>")]


def test_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest("\n".join(PRINTED), {}, "docs/api.md", None, 0)
    assert len(test.examples) >= 15
    said: list[str] = []
    found = doctest.DocTestRunner().run(test, out=said.append)
    assert found.failed == 0, "".join(said)


def test_the_rest_runs_on_a_run(tmp_path, monkeypatch):
    """But for the search itself, which the notebook runs."""
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "results" / "first", "demo", [((8, 8, 8, 16, 16), 70.0), ((6, 9, 11, 13, 16), 80.0)])
    [search, *others] = QUIET
    assert search.startswith("report = search.run()")
    names = {"chansearch": chansearch}
    exec("".join(others), names)
    assert names["best"].channels == (6, 9, 11, 13, 16)
    assert load_spec("rexnet_custom.yaml").blocks == 16
    assert (load_spec("net.yaml").input_size, load_spec("net.yaml").classes) == (64, 10)
    [record] = re.findall(r"^(\{'rank'.*?\})$", TEXT, re.DOTALL | re.MULTILINE)
    assert re.findall(r"'(\w+)':", record) == list(names["report"].to_records()[0])


def test_the_tables_name_every_method():
    for kind in (chansearch.Space, chansearch.Budget, chansearch.Search, chansearch.Report):
        section = TEXT.split(f"\n## {kind.__name__}\n")[1].split("\n## ")[0]
        public = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        named = set(re.findall(r"\.(\w+)", section))
        assert public - named <= {"check_blocks", "config", "constraint", "path"}, kind
