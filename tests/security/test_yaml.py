"""Nothing that is written in YAML, or in a setting, is evaluated."""

import pytest

from chansearch.cli import main
from tests.export.runs import make_run
from tests.security.hostile import yaml_bomb


@pytest.fixture
def mark(tmp_path):
    mark = tmp_path / "it-was-run"
    yield mark
    assert not mark.exists()


def _refused(capsys, *command: str) -> str:
    assert main(list(command)) == 2
    # Some say before what they are about to do.
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("chansearch: ")]
    return line


def test_the_bomb_is_live(tmp_path):
    import yaml

    yaml.unsafe_load(yaml_bomb(tmp_path / "it-was-run")).close()
    assert (tmp_path / "it-was-run").exists()


@pytest.mark.parametrize(
    "command",
    [("build",), ("export",), ("export", "--format", "python"), ("latency",), ("study", "spectrum"), ("cost",)],
    ids=" ".join,
)
def test_a_spec(command, mark, tmp_path, capsys):
    (tmp_path / "evil.yaml").write_text(f"network:\n  channels: {yaml_bomb(mark)}\n")
    assert "evil.yaml" in _refused(capsys, *command, str(tmp_path / "evil.yaml"))


@pytest.mark.parametrize("key", ["classes", "activation", "channels"])
def test_a_field_on_the_command_line(key, mark, capsys):
    assert _refused(capsys, "build", "rexnet_100", f"{key}={yaml_bomb(mark)}").startswith(f"chansearch: {key}: ")


@pytest.mark.parametrize(
    ("group", "key"),
    [("constraint", "constraint"), ("data", "data"), ("search_spaces", "space"), ("cluster", "cluster")],
)
def test_a_group_of_the_users(group, key, mark, tmp_path, capsys):
    (tmp_path / group).mkdir()
    (tmp_path / group / "evil.yaml").write_text(f"name: {yaml_bomb(mark)}\n")
    line = _refused(capsys, "search", f"{key}=evil", "--config-dir", str(tmp_path), "--cfg", "job")
    assert "python" in line


@pytest.mark.parametrize("command", [("report",), ("resume",), ("confirm",), ("replay",), ("export", "--run")])
def test_the_config_of_a_run(command, mark, tmp_path, capsys):
    run = make_run(tmp_path / "run", "demo", [((8, 8, 8, 16, 16), 50.0)], "search.candidates=2")
    with run.config_file.open("a") as file:
        file.write(f"evil: {yaml_bomb(mark)}\n")
    assert "config.yaml" in _refused(capsys, *command, str(run.path))


def test_an_instantiation_is_no_setting(mark, tmp_path, capsys):
    """Hydra would call what ``_target_`` names, where a program asks it to; this one never does."""
    run = make_run(tmp_path / "run", "demo", [((8, 8, 8, 16, 16), 50.0)], "search.candidates=2")
    text = run.config_file.read_text()
    target = f"  _target_: builtins.open\n  _args_: ['{mark}', 'w']\n"
    run.config_file.write_text(text.replace("data:\n", f"data:\n{target}"))
    assert "_target_" in _refused(capsys, "resume", str(run.path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "evil.yaml").write_text(f"_target_: builtins.open\n_args_: ['{mark}', 'w']\n")
    assert "_target_" in _refused(capsys, "search", "data=evil", "--config-dir", str(tmp_path), "--cfg", "job")


def test_a_runs_config_cannot_read_the_environment(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SECRET", "swordfish")
    run = make_run(tmp_path / "run", "demo", [((8, 8, 8, 16, 16), 50.0)], "search.candidates=2")
    run.config_file.write_text(run.config_file.read_text().replace("root: ", "root: ${oc.env:SECRET} #"))
    line = _refused(capsys, "resume", str(run.path))
    assert "interpolation" in line and "swordfish" not in line


@pytest.mark.parametrize("name", ['quo"te', "quo'te", "com,ma", "sp ace", "dollar$", "br[ack]et", "per%20cent", "é"])
def test_any_folder_of_groups_is_found(name, tmp_path, capsys):
    """Its name goes into Hydra's search path, which has a grammar."""
    folder = tmp_path / name / "data"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("name: digits\n")
    assert main(["search", "data=mine", "--config-dir", str(tmp_path / name), "--cfg", "job"]) == 0
    assert "name: digits" in capsys.readouterr().out
