"""``study conventions``: Table 1, its lines, and what is drawn beside it."""

import csv

import pytest
import yaml
from matplotlib.colors import to_hex

from chansearch.cli import main
from chansearch.errors import UserError
from chansearch.nets import preset
from chansearch.nets.files import spec_to_dict
from chansearch.studies.conventions import COLUMNS, Layout, draw_conventions, findings, layouts, study_conventions
from chansearch.studies.published import TABLE_1
from tests.report.synthetic import make_record, write_run
from tests.space.golden import TABLE_1 as GOLDEN


def test_table_1_is_the_golden_one():
    assert [row.name for row in TABLE_1] == list(GOLDEN)
    for row in TABLE_1:
        golden = GOLDEN[row.name]
        assert [list(stage) for stage in row.stages] == golden["stages"]
        assert (row.top1, row.params_m, row.macs_b) == (golden["top1"], golden["params_m"], golden["macs_b"])


def test_mobilenetv2_is_laid_out_as_the_preset():
    assert TABLE_1[0].channels == preset("mobilenetv2_100").channels


@pytest.fixture(scope="module")
def study():
    return study_conventions()


def test_the_ten_are_stagewise_and_rexnet_alone_is_a_line(study):
    stagewise, none_linear, rexnet, accuracy = study.findings
    assert stagewise.holds and none_linear.holds and rexnet.holds and accuracy.holds is None
    assert "0.742 (MobileNetV2) to 0.902 (MixNet-M), mean 0.804" in none_linear.measured
    r2 = {row["network"]: row["r2"] for row in study.rows}
    assert len(r2) == 11 and max(r2, key=r2.get) == "ReXNet ×1.0"


def test_verdicts_turn_where_the_networks_do(study):
    """A line among the ten, and stages in the place of ReXNet."""
    first, *rest, rexnet = layouts()
    linear = Layout(first.name, first.source, rexnet.channels, top1=72.0)
    stagewise, none_linear, is_linear, _ = findings([linear, *rest, Layout(rexnet.name, "", first.channels)])
    assert (stagewise.holds, none_linear.holds, is_linear.holds) == (False, False, False)


def test_each_panel_holds_the_channels_of_its_network_and_its_line(study):
    figure = draw_conventions(layouts())
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert len(panels) == 11
    for panel, row in zip(panels, study.rows, strict=True):
        channels, line = panel.get_lines()
        assert "-".join(map(str, channels.get_ydata())) == row["channels"]
        assert list(line.get_ydata()[[0, -1]]) == pytest.approx(
            [row["intercept"], row["intercept"] + row["slope"]], abs=1e-3
        )
        assert f"R² {row['r2']:.3f}" in panel.get_title()
    assert len({to_hex(panel.get_lines()[0].get_color()) for panel in panels}) == 2


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_leaves_data_figure_and_findings(here, capsys):
    """With the winner of a run and a network of one's own."""
    write_run(here / "run", [make_record(0), make_record(1, (70.0, 71.0, 72.0), channels=(10, 20, 30, 40, 50))])
    (here / "mine.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(preset("rexnet_plain"))}))
    assert main(["study", "conventions", "--run", "run", "--network", "mine.yaml", "--output", "out"]) == 0
    assert {file.name for file in (here / "out").iterdir()} == {
        *("config.yaml", "data.csv", "figure.png", "figure.svg", "findings.md")
    }
    with (here / "out/data.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 13
    assert (rows[-1]["channels"], float(rows[-1]["r2"]), rows[-1]["source"]) == (
        "10-20-30-40-50",
        1,
        "candidate 1 of run",
    )
    assert rows[-2]["network"] == "mine.yaml" and rows[-2]["top1"] == ""
    assert yaml.safe_load((here / "out/config.yaml").read_text())["run"] == ["run"]
    printed = " ".join(capsys.readouterr().out.split())
    assert "best of run is nearer to a line than all of the ten: holds" in printed
    assert printed.split(" out: ")[0] in " ".join((here / "out/findings.md").read_text().split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--network", "rexnet_10"], "rexnet_100"),
        (["--run", "nowhere"], "nowhere"),
        (["--run", "empty"], "--run: empty has no candidate that can be ranked"),
        (["--network", "one.yaml"], "single block"),
        (["--output", "empty"], "--output: empty exists already"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(here, capsys, words, said):
    write_run(here / "empty", [])
    one = spec_to_dict(preset("rexnet_100")) | {"channels": [16], "strides": [1], "expansions": [1]}
    (here / "one.yaml").write_text(yaml.safe_dump({"network": one}))
    before = sorted(here.rglob("*"))
    assert main(["study", "conventions", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert sorted(here.rglob("*")) == before


def test_a_network_named_twice_is_drawn_once():
    study = study_conventions(["rexnet_090", "rexnet_090", "rexnet_100"])
    assert [row["network"] for row in study.rows[10:]] == ["ReXNet ×1.0", "ReXNet ×0.9"]


def test_no_network_of_that_name():
    with pytest.raises(UserError, match="unknown"):
        study_conventions(["resnet"])
