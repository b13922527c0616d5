"""A run directory from elsewhere: it leads nowhere else, and its texts stay texts."""

import contextlib
import re
import tarfile

import pytest

from chansearch.cli import main
from chansearch.errors import UserError
from chansearch.files import write_aside
from chansearch.search.candidate import State
from chansearch.search.rundir import RunDirectory
from chansearch.search.study import StudyFile
from chansearch.train.download import unpacking_inside
from chansearch.transfer.folder import TrainingFolder
from tests.export.runs import make_run
from tests.report.synthetic import config, make_record, population, write_run
from tests.search.problems import problem

LINKS = ("report.html", "deciles.csv", "candidates.csv", "study.db", ".lock", ".report.html.part", "figures", "tb")


@pytest.fixture
def outside(tmp_path):
    """A folder of the user's own, which stays as it is."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "precious").write_text("precious")
    yield folder
    assert [file.name for file in folder.iterdir()] == ["precious"]
    assert (folder / "precious").read_text() == "precious"


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("command", ["report", "resume", "confirm", "replay"])
def test_no_link_leads_out_of_a_run(name, command, outside, tmp_path, capsys):
    run = make_run(tmp_path / "run", "demo", [((8, 8, 8, 16, 16), 50.0)], "search.candidates=2")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(outside if name in ("figures", "tb") else outside / "precious")
    assert main([command, str(run.path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert name in line


def test_nor_to_where_nothing_is_yet(outside, tmp_path):
    run = write_run(tmp_path / "run", population(3))
    (run.path / "figures").mkdir()
    (run.path / "figures" / "channels.png").symlink_to(outside / "new.png")
    with pytest.raises(UserError, match=r"figures/channels\.png is a link out of the run"):
        RunDirectory.open(run.path)


def test_nor_out_of_a_training(outside, tmp_path):
    folder = TrainingFolder.create(tmp_path / "training", {})
    (folder.path / "log.txt").symlink_to(outside / "precious")
    with pytest.raises(UserError, match=r"log\.txt is a link out of the run"):
        TrainingFolder.open(folder.path)


def test_links_that_stay_inside_are_a_users_business(tmp_path):
    run = write_run(tmp_path / "disk" / "run", population(3))
    (run.path / "figures").mkdir()
    (run.path / "latest").symlink_to("figures")
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    assert RunDirectory.open(tmp_path / "results" / "run").records()


def test_what_is_written_aside_goes_through_no_link(outside, tmp_path):
    """Also where the link was laid after the run was opened."""
    (tmp_path / ".report.html.part").symlink_to(outside / "precious")
    write_aside(tmp_path / "report.html", "the page")
    assert (tmp_path / "report.html").read_text() == "the page"
    assert not (tmp_path / "report.html").is_symlink()


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41b", "file:a?mode=memory", "a b&c", "é'\";--"])
def test_a_study_lies_in_its_run_whatever_the_run_is_called(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    StudyFile(folder / "study.db", problem("constraint=demo"))
    assert [file.name for file in folder.iterdir()] == ["study.db"]
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert StudyFile(folder / "study.db", problem("constraint=demo")).proposals() == []


NAMES = (
    "../x",
    "/tmp/x",
    "..",
    ".",
    ".x",
    "a/b",
    "a\\b",
    "",
    "a\nb",
    "x" * 300,
    "é" * 200,
    "a\udcffb",
    "\x1b[31m",
)


SETTINGS = {
    "search": ["constraint=demo", "data=digits", "fidelity=demo"],
    "train": ["model=rexnet_100", "data=folder", "data.root=."],
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("command", "key"),
    [("search", "name"), ("search", "constraint.name"), ("train", "name"), ("train", "data.name")],
)
def test_no_name_leads_out_of_results(command, key, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    # Twice quoted, as Hydra's grammar wants a value with signs of its own.
    quoted = "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
    assert main([command, *SETTINGS[command], f"{key}={quoted}"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"chansearch: {key}: ") and line.isprintable()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A run with controls of a terminal, formulas and markup wherever text can stand."""
    evil = "\x1b[2J\x1b]0;owned\x07[red]$x^{$ =cmd|' /C calc'!A0 \u202e</script>"
    settings = config(name=evil)
    settings["constraint"]["name"] = settings["fidelity"] = evil
    records = population(12, unguided=6)
    records.append(make_record(12, [], state=State.FAILED, reason=evil))
    return write_run(tmp_path_factory.mktemp("hostile") / evil.replace("/", "∕"), records, settings, epochs=2)


def test_nothing_in_a_report_commands_the_terminal(hostile, capsys):
    assert main(["report", str(hostile.path)]) == 0
    printed = capsys.readouterr().out
    assert "owned" in printed and "$x^{$" in printed
    assert all(line.isprintable() for line in printed.splitlines())


def test_nor_in_the_tables(hostile):
    """A reason is no formula either: it never begins with its sign, and no other column holds text of others."""
    text = hostile.candidates_file.read_text()
    assert all(line.isprintable() for line in text.splitlines())
    assert not re.search(r"(^|,)\"?[=+@]", text, re.MULTILINE)


def test_nor_in_an_error(tmp_path, capsys):
    assert main(["report", str(tmp_path / "\x1b[31mred\u202e\nrun")]) == 2
    assert capsys.readouterr().err.removesuffix("\n").isprintable()


MEMBERS = {
    "parent": ("../evil", tarfile.REGTYPE, ""),
    "absolute": ("/{root}/evil", tarfile.REGTYPE, ""),
    "link out": ("evil", tarfile.SYMTYPE, "../../etc/passwd"),
    "hard link out": ("evil", tarfile.LNKTYPE, "../precious"),
    "device": ("evil", tarfile.CHRTYPE, ""),
    "pipe": ("evil", tarfile.FIFOTYPE, ""),
}


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="needs Python 3.11.4")
@pytest.mark.parametrize("member", MEMBERS)
def test_an_archive_stays_in_its_folder(member, tmp_path):
    """Of torchvision's own unpacking, for an archive whose checksum is right."""
    from torchvision.datasets.utils import extract_archive

    name, kind, target = MEMBERS[member]
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo(name.format(root=tmp_path))
        info.type, info.linkname = kind, target
        tar.addfile(info)
    (tmp_path / "precious").write_text("precious")
    before = sorted(tmp_path.iterdir())
    (tmp_path / "data").mkdir()
    filter_before = tarfile.TarFile.extraction_filter
    # Python leaves out the first slashes of an absolute name, which makes it one inside; it may refuse it one day.
    refused = contextlib.suppress(tarfile.TarError) if member == "absolute" else pytest.raises(tarfile.TarError)
    with refused, unpacking_inside():
        extract_archive(tmp_path / "evil.tar.gz", tmp_path / "data")
    inside = tmp_path / "data" / str(tmp_path / "evil").lstrip("/")
    unpacked = [path for path in (tmp_path / "data").rglob("*") if path.is_symlink() or not path.is_dir()]
    assert unpacked == [] or (member == "absolute" and unpacked == [inside])
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "data"])
    assert tarfile.TarFile.extraction_filter is filter_before
