"""Disks that are full, read-only or without locks: one line, the record whole, and a resume that ends as it should."""

import contextlib
import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest

from benchmarks.processes import TINY, Process, rows, whole_lines
from chansearch.cli import main
from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.files import Existing, check_disk, locked, unused, whole_folder
from chansearch.search import session
from chansearch.search.rundir import RunDirectory
from tests.search.instant import Instant
from tests.search.test_resume import check_whole, contents

CANDIDATES = 6
SETTINGS = (f"search.candidates={CANDIDATES}", "sampler=random", "name=run")


@contextlib.contextmanager
def no_room(allowed: int):
    """The kernel refuses this process files of more bytes than that, as a full disk does: a part of a line may still be
    written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _filling(call, file, room):
    """``call`` when ``file`` may grow by ``room`` bytes only."""

    def full(*arguments, **named):
        with no_room(file().stat().st_size + room if file().is_file() else room):
            return call(*arguments, **named)

    return full


class TestFullWhileWriting:
    @pytest.mark.parametrize(
        ("owner", "write", "file", "room"),
        [
            ("_run", "append_record", "candidates.csv", 0),
            ("_run", "append_record", "candidates.csv", 40),
            ("_run", "append_curve", "curves.csv", 7),
            ("_run", "append_curve", "curves.csv", 30),  # one whole line of two
            ("_study", "add", "study.db-journal", 0),
            ("_study", "finish", "study.db-journal", 0),
        ],
    )
    def test_the_record_ends_the_search_in_one_line_and_nothing_is_lost(
        self, owner, write, file, room, tmp_path, monkeypatch
    ):
        def fill(director, what) -> None:
            if len(director._records) == 2:
                part = getattr(director, owner)
                call = _filling(getattr(part, write), lambda: director._run.path / file, room)
                object.__setattr__(part, write, call)  # a run directory is frozen

        run = RunDirectory(tmp_path / "run")
        with pytest.raises(UserError) as caught:
            Instant(before=fill).install(monkeypatch).search(tmp_path, *SETTINGS)
        assert "\n" not in str(caught.value)
        assert f"chansearch resume {run.path}" in str(caught.value)
        before, kept = contents(run), run.records()
        assert len(kept) >= 2
        assert all(record.outcome.state.is_scored for record in kept)
        again = Instant().install(monkeypatch)
        again.go_on(run)
        assert not set(again.begun) & {record.candidate.number for record in kept}
        assert whole_lines(run.candidates_file).startswith(before["candidates.csv"].rpartition(b"\n")[0])
        check_whole(run)

    def test_what_is_beside_the_record_costs_a_line_and_not_the_search(self, tmp_path, monkeypatch):
        """TensorBoard's thread prints no traceback of its own."""

        def fill(director, what) -> None:
            if len(director._records) == 2 and what == "epoch":
                for part, write in (
                    (director._curves, "epoch"),
                    (director._curves, "end"),
                    (director._log, "candidate_ended"),
                ):
                    monkeypatch.setattr(part, write, _filling(getattr(part, write), lambda: Path("nowhere"), 0))

        printed: list = []
        monkeypatch.setattr(threading, "excepthook", printed.append)
        player = Instant(before=fill).install(monkeypatch)
        run = player.search(tmp_path, *SETTINGS)
        check_whole(run)
        said = [line for line in player.out.splitlines() if "the search goes on without" in line]
        assert [line.split(":")[0] for line in said] == ["TensorBoard", "sessions.csv"]
        assert printed == []
        assert len(run.sessions()) == 1

    def test_a_new_run_leaves_nothing(self, tmp_path, monkeypatch, capsys):
        player = Instant().install(monkeypatch)
        monkeypatch.setattr(RunDirectory, "create", staticmethod(_filling(RunDirectory.create, lambda: tmp_path, 100)))
        with pytest.raises(UserError, match=r"results: .* cannot be written: File too large"):
            player.search(tmp_path, *SETTINGS)
        assert list(tmp_path.iterdir()) == []

    def test_a_report_says_so_and_leaves_the_one_before(self, tmp_path, monkeypatch, capsys):
        run = Instant().install(monkeypatch).search(tmp_path, *SETTINGS)
        assert main(["report", str(run.path)]) == 0
        before = contents(run)
        capsys.readouterr()
        with no_room(2000):
            assert main(["report", str(run.path)]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "report: " in line and "File too large" in line
        assert contents(run).keys() == before.keys()
        assert contents(run)["report.html"] == before["report.html"]


def _in_namespace(folder: Path, mount: str, *command: str) -> str:
    """What a command prints that sees ``mount``, shell commands in which "$0" is the folder; skips where the kernel
    lets nobody mount."""
    tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("no mount namespaces here; the other tests have the kernel refuse single files")
    script = f'{mount} && exec "$@"'
    answer = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(folder), *command], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "Traceback" not in answer.stderr
    return answer.stdout


_FULL_DISK = """
    import os, sys
    from pathlib import Path
    import pytest
    from chansearch.errors import UserError
    from chansearch.search.rundir import RunDirectory
    from tests.search.instant import Instant
    from tests.search.test_disk import SETTINGS
    from tests.search.test_resume import check_whole
    disk = Path(sys.argv[1])
    filler = disk / "filler"

    def fill(director, what):
        if len(director._records) == 2 and not filler.exists():
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(2**16)): pass
                    while file.write(bytes(1)): pass
                except OSError: pass

    with pytest.MonkeyPatch.context() as patch:
        try:
            Instant(before=fill).install(patch).search(disk, *SETTINGS, "search.candidates=24")
        except UserError as error:
            print(error)
        run = RunDirectory.open(disk / "run")
        kept = len(run.records())
        filler.unlink()
        again = Instant().install(patch)
        again.go_on(run)
        check_whole(run, 24)
        print(kept, len(again.begun))
"""


def test_a_disk_that_is_really_full(tmp_path):
    """A tmpfs, filled to its last byte when two candidates have ended."""
    disk = tmp_path / "disk"
    disk.mkdir()
    code = textwrap.dedent(_FULL_DISK)
    out = _in_namespace(disk, 'mount -t tmpfs -o size=260m none "$0"', sys.executable, "-c", code, str(disk))
    said, counts = out.splitlines()
    assert said.startswith(f"results: the disk with {disk}/run is full (No space left on device); make room and go on")
    kept, trained = map(int, counts.split())
    assert 2 <= kept < 24
    assert kept + trained == 24


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> RunDirectory:
    with pytest.MonkeyPatch.context() as patch:
        return Instant(ends=4).install(patch).search(tmp_path_factory.mktemp("complete"), *SETTINGS)


class TestReadOnly:
    """A file system that is mounted so: root, too, may not write there."""

    @pytest.fixture(scope="class")
    def said(self, complete) -> dict[str, list[str]]:
        """What each command says, in one process and one namespace."""
        results = str(complete.path.parent)
        commands = {
            "search": ["search", *TINY, f"results={results}", "name=new"],
            "resume": ["resume", f"{results}/run"],
            "report": ["report", f"{results}/run"],
            "confirm": ["confirm", f"{results}/run", "--top", "2"],
            "replay": ["replay", f"{results}/run"],
            "export": ["export", "rexnet_100", "-o", f"{results}/net.yaml"],
            "study": ["study", "conventions", "--output", f"{results}/study"],
        }
        code = (
            "import contextlib, io, json, sys; from chansearch.cli import main; "
            f"said = {{}}; commands = {commands!r}\n"
            "for name, words in commands.items():\n"
            "    with contextlib.redirect_stderr(io.StringIO()) as err: code = main(words)\n"
            "    said[name] = [code, err.getvalue()]\n"
            "print(json.dumps([said, 'ray' in sys.modules and __import__('ray').is_initialized()]))"
        )
        mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
        out = _in_namespace(complete.path.parent, mount, sys.executable, "-c", code)
        said, ray = json.loads(out.splitlines()[-1])
        assert not ray
        return said

    @pytest.mark.parametrize("command", ["search", "resume", "report", "confirm", "replay", "export", "study"])
    def test_is_said_in_one_line_before_ray_starts(self, command, said):
        code, err = said[command]
        assert code == 2
        [line] = err.splitlines()
        assert "ead-only file system" in line or "is not writable" in line, line


def test_a_folder_that_this_user_may_not_write_is_named():
    """As nobody, for root may: a process that has read all it needs before it lays its rights down."""
    code = (
        "import os, sys; from pathlib import Path; from chansearch.files import check_writable\n"
        "check_writable('results', Path(sys.argv[1]) / 'run')\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "else: os.chmod(sys.argv[1], 0o555)\n"
        "try: check_writable('results', Path(sys.argv[1]) / 'run')\n"
        "except ValueError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's own lets nobody in
        Path(folder).chmod(0o755)
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
        Path(folder).chmod(0o755)
    assert done.stdout == f"results: '{folder}/run' cannot be written: '{folder}': Permission denied\n"


def test_the_key_is_the_callers(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^--output: .*file"):
        check_disk(tmp_path / "file" / "x", "--output")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


class TestTheLock:
    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
    def test_on_a_file_system_that_knows_none(self, number, tmp_path, monkeypatch):
        import fcntl

        def refuse(*_):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", refuse)
        with pytest.raises(UserError, match=rf"cannot be locked \({os.strerror(number)}\)"), locked(tmp_path, "search"):
            pass

    @pytest.mark.parametrize("command", [["resume"], ["confirm", "--top", "2"]])
    def test_keeps_out_a_second_one_before_ray_starts(self, command, complete, capsys, monkeypatch):
        monkeypatch.setattr(session, "connected_for", None)
        name, *options = command
        with complete.locked():
            assert main([name, str(complete.path), *options]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "is being written by another search" in line

    def test_lets_reports_through(self, complete, capsys):
        with complete.locked():
            assert main(["report", str(complete.path)]) == 0


class TestTwoAtOnce:
    def test_of_two_searches_under_one_name_one_gets_it(self, tmp_path):
        """Both past the first look, at the same moment."""
        results: list[object] = []
        barrier = threading.Barrier(8)

        def create(number: int) -> None:
            barrier.wait()
            try:
                results.append(RunDirectory.create(tmp_path / "run", {"number": number}))
            except Existing as error:
                results.append(str(error))

        threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(result, RunDirectory) for result in results) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        assert RunDirectory.open(tmp_path / "run").records() == []

    def test_the_second_is_refused_before_ray_starts(self, tmp_path, monkeypatch, capsys):
        """The first made its directory while the second decoded its images."""
        load = session._load

        def slow(plan):
            RunDirectory.create(tmp_path / "run", {})
            return load(plan)

        monkeypatch.setattr(session, "_load", slow)
        monkeypatch.setattr(session, "connected_for", None)
        assert main(["search", *TINY, f"results={tmp_path}", "name=run"]) == 2
        assert "exists already" in capsys.readouterr().err

    def test_without_names_both_get_one(self, tmp_path, monkeypatch):
        """In the same second."""
        monkeypatch.setattr(session, "time_stamp", lambda: "20260101-000000")
        player = Instant().install(monkeypatch)
        plan = session.check(compose([*TINY, f"results={tmp_path}", "search.candidates=1"]))
        with player._told():
            paths = [session.start(plan).path for _ in range(3)]
        first = "demo-digits-demo-20260101-000000"
        assert [path.name for path in paths] == [first, f"{first}-2", f"{first}-3"]

    def test_a_reader_sees_whole_rows_only(self, complete, tmp_path):
        import shutil

        run = RunDirectory(shutil.copytree(complete.path, tmp_path / "run"))
        [record, *_] = run.records()
        writer = threading.Thread(target=lambda: [run.append_record(record) for _ in range(200)])
        writer.start()
        looks = 0
        while writer.is_alive():
            assert len(run.records()) == len(complete.records())
            looks += 1
        assert looks


def test_a_search_that_comes_to_nothing_leaves_no_run(tmp_path, monkeypatch):
    """Ray that does not start, Ctrl-C while it does."""

    def dies(plan, dataset=None):
        raise UserError("cluster: Ray did not start")

    Instant().install(monkeypatch)
    monkeypatch.setattr(session, "connected_for", dies)
    with pytest.raises(UserError, match="Ray did not start"):
        Instant().search(tmp_path, *SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_whole_or_not_there(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "a", "x") as aside:
        (aside / "file").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").mkdir()
    assert unused(tmp_path / "a") == tmp_path / "a-2"


def test_what_was_being_made_when_the_power_went_is_no_run(tmp_path):
    """The last thing that was there before the name: a directory with a dot."""
    run = RunDirectory.create(tmp_path / "run", {})
    os.utime(run.config_file, (1e9, 1e9))
    run.path.rename(tmp_path / ".0123.part")
    with pytest.raises(UserError, match="no run under"):
        RunDirectory.latest(tmp_path)
    assert RunDirectory.create(tmp_path / "run", {}).records() == []


@pytest.mark.harm
def test_a_full_disk_under_ray(tmp_path, cluster):
    """The whole way: a search by the command line whose candidates.csv may not grow; its workers are let go."""
    code = (
        "import resource, sys; from chansearch.cli import main; from chansearch.search.rundir import RunDirectory\n"
        "append, most, without = RunDirectory.append_record, resource.RLIMIT_FSIZE, resource.RLIM_INFINITY\n"
        "def full(run, record):\n"
        "    if len(run.records()) == 2:\n"
        "        resource.setrlimit(most, (run.candidates_file.stat().st_size + 30, without))\n"
        "    try: append(run, record)\n"
        "    finally: resource.setrlimit(most, (without, without))\n"
        "RunDirectory.append_record = full\n"
        "sys.exit(main(sys.argv[1:]))"
    )

    class Limited(Process):
        COMMAND = ("-c", code)

    process = Limited("search", *TINY, cluster, *SETTINGS, cwd=tmp_path)
    assert process.wait() == 2, process.err
    assert process.err.startswith("chansearch: results: the disk with results/run is full (File too large); make room")
    assert process.err.count("\n") == 1
    run = RunDirectory(tmp_path / "results" / "run")
    assert len(rows(run)) == 2
    assert not run.candidates_file.read_bytes().endswith(b"\n")  # torn, and forgiven
    again = Process("resume", "results/run", cwd=tmp_path)
    assert again.wait() == 0, again.err
    assert [record.candidate.number for record in run.records()] == list(range(CANDIDATES))
    assert all(record.outcome.state.is_scored for record in run.records())
