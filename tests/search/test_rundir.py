"""The run directory: what is written is read back, torn lines are forgiven, broken ones named, one writer at a time."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chansearch.errors import UserError
from chansearch.files import write_aside
from chansearch.search.candidate import Candidate, CurvePoint, Draws, Origin, Outcome, Record, State
from chansearch.search.rundir import RunDirectory
from chansearch.search.spent import Spent
from chansearch.space import Member
from tests.space.strategies import heights

counts = st.integers(0, 10**9)
percents = st.integers(0, 10**6).map(lambda n: round(n / 10**4, 4))  # written to four digits


thousandths = st.integers(0, 10**7).map(lambda n: n / 1000)  # written to three digits
spents = st.one_of(st.builds(Spent, thousandths), st.builds(Spent, thousandths, counts, thousandths, thousandths))


@st.composite
def candidates(draw, number: int | None = None) -> Candidate:
    from chansearch.space import Shape

    member = Member(
        draw(st.floats(0, 1000, allow_subnormal=False)),
        draw(st.floats(0.1, 1000, allow_subnormal=False)),
        Shape.through(draw(heights(5, 5))),  # a run has one number of blocks
    )
    costs = [draw(counts) for _ in range(4)]
    draws = Draws(*(draw(st.integers(0, 10**6)) for _ in range(4)))
    number = draw(counts) if number is None else number
    return Candidate(number, draw(st.sampled_from(Origin)), member, member.channels(), *costs, draws)


@st.composite
def records(draw) -> Record:
    seeds = tuple(draw(st.lists(st.integers(0, 1000), min_size=1, max_size=4, unique=True)))
    outcome = Outcome(
        state=draw(st.sampled_from(State)),
        seeds=seeds,
        val_top1=tuple(draw(percents) for _ in draw(st.sampled_from([seeds, ()]))),
        test_top1=tuple(draw(percents) for _ in draw(st.sampled_from([seeds, ()]))),
        nuclear_norm=tuple(float(f"{draw(st.floats(0, 1e6)):.6g}") for _ in draw(st.sampled_from([seeds, ()]))),
        feature_rank=tuple(draw(st.integers(0, 5000)) for _ in draw(st.sampled_from([seeds, ()]))),
        epochs=draw(st.integers(0, 1000)),
        spent=draw(spents),
        retries=draw(st.integers(0, 9)),
        reason=draw(st.one_of(st.just(""), st.text(), st.text(alphabet="\"',;\n\r\t \\äß漢🙂\u2028\x00\x1c\x85"))),
    )
    return Record(draw(candidates()), outcome)


def as_written(record: Record) -> Record:
    """A reason is kept on one line, without control characters."""
    import dataclasses

    from chansearch.printable import printable

    reason = printable(" ".join(record.outcome.reason.split()))
    return dataclasses.replace(record, outcome=dataclasses.replace(record.outcome, reason=reason))


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "results" / "run", {"search": {"candidates": 3}})


def record(number: int, top1: float = 50.0) -> Record:
    from tests.search.problems import first, problem

    candidate = first(problem("constraint=demo"), "random", 0, number + 1)[number].candidate
    return Record(
        candidate,
        Outcome(State.FINISHED, (0, 1), (top1, top1), (top1, top1), epochs=2, spent=Spent(1.5, 400, 0.25, 2.0)),
    )


class TestRecords:
    @given(st.lists(records(), max_size=5, unique_by=lambda record: record.candidate.number))
    @settings(max_examples=60)
    def test_are_read_back_as_they_were_written(self, written):
        with tempfile.TemporaryDirectory() as folder:
            run = RunDirectory.create(Path(folder) / "run", {})
            for one in written:
                run.append_record(one)
            expected = sorted(map(as_written, written), key=lambda one: one.candidate.number)
            assert run.records() == expected

    @given(records())
    @settings(max_examples=30)
    def test_a_torn_last_line_is_forgiven_and_written_over(self, one):
        with tempfile.TemporaryDirectory() as folder:
            run = RunDirectory.create(Path(folder) / "run", {})
            whole_of_none = run.candidates_file.read_bytes()
            run.append_record(one)
            whole_of_one = run.candidates_file.read_bytes()
            for torn in {1, len(whole_of_one) // 2, len(whole_of_one) - 1}:
                run.candidates_file.write_bytes(whole_of_one[:torn])
                assert run.records() == []
                run.append_record(one)
                assert run.candidates_file.read_bytes() == whole_of_one, torn
            assert whole_of_one.startswith(whole_of_none)

    def test_the_last_row_of_a_candidate_counts(self, run):
        for one in (record(1, 50.0), record(0, 51.0), record(1, 52.0)):
            run.append_record(one)
        assert run.records() == [record(0, 51.0), record(1, 52.0)]

    def test_a_torn_row_leaves_the_one_before_it_in_force(self, run):
        for top1 in (50.0, 52.0):
            run.append_record(record(0, top1))
        run.candidates_file.write_bytes(run.candidates_file.read_bytes()[:-9])
        assert run.records() == [record(0, 50.0)]

    def test_a_cut_within_a_letter_is_forgiven(self, run):
        import dataclasses

        one = record(0)
        run.append_record(one)
        failed = dataclasses.replace(one.outcome, state=State.FAILED, reason="zu groß: 漢字")
        run.append_record(Record(record(1).candidate, failed))
        data = run.candidates_file.read_bytes()
        run.candidates_file.write_bytes(data[: data.index("字".encode()) + 1])
        assert run.records() == [one]

    @pytest.mark.parametrize(
        "line",
        ["", "1", "x" * 50, '1,"finished,unguided', "1,finished,unguided,8-8-8", "one" + "," * 26, "\x00\x00\x00"],
    )
    def test_a_broken_line_in_the_middle_is_named(self, run, line):
        for number in range(3):
            run.append_record(record(number))
        lines = run.candidates_file.read_text().split("\n")
        run.candidates_file.write_text("\n".join([*lines[:2], line, *lines[3:]]))
        if line == "":
            assert len(run.records()) == 2  # an empty line is none
            return
        with pytest.raises(UserError) as caught:
            run.records()
        assert f"{run.candidates_file} line 3" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_table_without_its_columns_is_named(self, run):
        run.candidates_file.write_text("a,b,c\n1,2,3\n")
        with pytest.raises(UserError, match=r"candidates\.csv line 2"):
            run.records()

    def test_a_table_that_is_gone_is_named(self, run):
        run.candidates_file.unlink()
        with pytest.raises(UserError, match=r"candidates\.csv cannot be read"):
            run.records()

    def test_appending_reads_no_more_than_the_end(self, run):
        """Rows that are there stay byte for byte, whatever they say."""
        run.append_record(record(0))
        before = run.candidates_file.read_bytes() + b"anything,at all\n"
        run.candidates_file.write_bytes(before)
        run.append_record(record(1))
        assert run.candidates_file.read_bytes().startswith(before)


# As version 0.1.0 wrote it.
EARLIER = (
    "candidate,state,origin,channels,a,b,knots,values,params,macs,activations,peak_activations,seeds,val_top1,"
    "val_top1_mean,val_top1_std,test_top1,test_top1_mean,test_top1_std,epochs,seconds,retries,drawn,duplicate,"
    "under_budget,over_budget,reason\n"
    "0,finished,unguided,8-8-8-8-16,8.0,8.0,1 4 5,0.0 0.0 1.0,9994,379648,20000,4000,0 1,13.5000 14.5000,14.0,0.7071,"
    "11.0000 12.0000,11.5,0.7071,2,1.56,0,3,0,2,0,\n"
)


class TestTablesOfAnEarlierVersion:
    @pytest.fixture
    def earlier(self, run) -> RunDirectory:
        run.candidates_file.write_text(EARLIER)
        return run

    def test_are_read_and_say_what_they_do_not_know(self, earlier):
        [one] = earlier.records()
        assert one.outcome.val_top1 == (13.5, 14.5)
        assert one.outcome.spent == Spent(seconds=1.56)
        assert not one.outcome.spent.is_complete
        assert earlier.sessions() == []
        assert (one.outcome.nuclear_norm, one.outcome.feature_rank) == ((), ())

    def test_are_gone_on_with_in_their_own_columns(self, earlier):
        import dataclasses

        earlier.append_record(record(1))
        assert earlier.candidates_file.read_text().startswith(EARLIER)
        assert len({line.count(",") for line in earlier.candidates_file.read_text().splitlines()}) == 1
        expected = record(1)
        known = dataclasses.replace(expected.outcome, spent=Spent(seconds=1.5))
        assert earlier.records()[1] == dataclasses.replace(expected, outcome=known)


class TestCurves:
    @given(
        st.lists(
            st.builds(
                CurvePoint,
                candidate=counts,
                seed=counts,
                epoch=st.integers(1, 10**9),
                lr=st.floats(0, 10).map(lambda x: float(f"{x:.6g}")),
                train_loss=st.floats(0, 1e6).map(lambda x: float(f"{x:.6g}")),
                val_top1=percents,
            ),
            max_size=12,
        )
    )
    @settings(max_examples=30)
    def test_are_read_back_in_the_order_they_were_written(self, points):
        with tempfile.TemporaryDirectory() as folder:
            run = RunDirectory.create(Path(folder) / "run", {})
            for start in range(0, len(points), 3):
                run.append_curve(points[start : start + 3])
            assert run.curves() == points

    def test_none_yet_is_no_error(self, run):
        assert run.curves() == []
        run.curves_file.unlink()
        assert run.curves() == []

    def test_a_broken_line_is_named(self, run):
        point = CurvePoint(0, 0, 1, 0.1, 2.0, 10.0)
        run.append_curve([point, point])
        text = run.curves_file.read_text().split("\n")
        run.curves_file.write_text("\n".join([text[0], "0,zero,1,0.1,2,10", *text[2:]]))
        with pytest.raises(UserError, match=r"curves\.csv line 2"):
            run.curves()


class TestCreating:
    def test_holds_what_was_asked_for(self, tmp_path):
        asked = {"name": "größe", "search": {"candidates": 3, "x": None}, "list": [1, 2.5, "a: b"]}
        run = RunDirectory.create(tmp_path / "a" / "b", asked)
        assert run.config() == asked
        assert RunDirectory.open(run.path) == run
        assert (run.records(), run.curves()) == ([], [])

    def test_twice_is_refused(self, run):
        before = run.config_file.read_bytes()
        with pytest.raises(UserError, match="exists already") as caught:
            RunDirectory.create(run.path, {"other": 1})
        assert f"chansearch resume {run.path}" in str(caught.value)
        assert run.config_file.read_bytes() == before

    def test_below_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match=r"results: .* cannot be written"):
            RunDirectory.create(tmp_path / "file" / "run", {})

    def test_whole_files_are_replaced_whole(self, tmp_path):
        file = tmp_path / "page.html"
        write_aside(file, "first")
        (tmp_path / ".page.html.part").write_text("left over by a crash")
        write_aside(file, "second, ä")
        assert file.read_text(encoding="utf-8") == "second, ä"
        assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


class TestOpening:
    @pytest.mark.parametrize("missing", ["config.yaml", "candidates.csv"])
    def test_a_directory_that_lacks_a_file_is_no_run(self, run, missing):
        (run.path / missing).unlink()
        with pytest.raises(UserError, match="is no run directory"):
            RunDirectory.open(run.path)

    @pytest.mark.parametrize("path", ["nowhere", "", "a/b/c", "x" * 300])
    def test_what_is_not_there_is_no_run(self, path, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError, match="is no run directory"):
            RunDirectory.open(path)

    @pytest.mark.parametrize("text", ["[1", "- 1", "", "a: b: c", "\x00", "!!python/object/apply:os.getcwd []"])
    def test_a_configuration_that_is_none_is_named(self, run, text):
        run.config_file.write_text(text)
        with pytest.raises(UserError, match=r"config\.yaml") as caught:
            run.config()
        assert "\n" not in str(caught.value)

    def test_bytes_that_are_no_text_are_named(self, run):
        run.config_file.write_bytes(b"\xff\xfe\xfd")
        with pytest.raises(UserError, match=r"config\.yaml"):
            run.config()


class TestTheLatest:
    def test_is_the_one_started_last(self, tmp_path):
        for age, name in ((30, "c"), (10, "a"), (20, "b")):
            run = RunDirectory.create(tmp_path / name, {})
            os.utime(run.config_file, (1e9 - age, 1e9 - age))
        assert RunDirectory.latest(tmp_path).name == "a"

    def test_goes_by_name_where_two_started_at_once(self, tmp_path):
        for name in ("b", "c", "a"):
            os.utime(RunDirectory.create(tmp_path / name, {}).config_file, (1e9, 1e9))
        assert RunDirectory.latest(tmp_path).name == "c"

    def test_takes_only_runs(self, tmp_path):
        RunDirectory.create(tmp_path / "run", {})
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "config.yaml").write_text("a: 1")
        (tmp_path / "file.txt").write_text("")
        assert RunDirectory.latest(tmp_path).name == "run"

    @pytest.mark.parametrize("results", ["nowhere", "."])
    def test_none_at_all_says_how_to_start_one(self, results, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UserError, match=r"no run under .*; start one with `chansearch search`"):
            RunDirectory.latest(results)


_HOLDER = """
import sys, time
from chansearch.search.rundir import RunDirectory
with RunDirectory.open(sys.argv[1]).locked():
    print("locked", flush=True)
    time.sleep(600)
"""


class TestTheLock:
    def test_keeps_a_second_writer_out_until_the_first_is_dead(self, run):
        holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(run.path)], stdout=subprocess.PIPE, text=True)
        try:
            assert holder.stdout.readline() == "locked\n"
            with pytest.raises(UserError, match="is being written by another search"), run.locked():
                pass
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            with run.locked():
                pass
        finally:
            holder.kill()

    def test_keeps_a_second_resume_out(self, run, capsys):
        from chansearch.cli import main
        from tests.export.runs import make_run

        other = make_run(run.path.parent / "other", "c1", [], "data=digits")
        with other.locked():
            assert main(["resume", str(other.path)]) == 2
        assert "is being written by another search" in capsys.readouterr().err

    def test_can_be_taken_again(self, run):
        for _ in range(2):
            with run.locked():
                pass

    def test_is_let_go_after_an_error(self, run):
        with pytest.raises(RuntimeError), run.locked():
            raise RuntimeError
        with run.locked():
            pass


def test_reading_a_run_needs_neither_ray_nor_torch_nor_optuna(run):
    run.append_record(record(0))
    code = (
        "import sys; from chansearch.search.rundir import RunDirectory; "
        f"print(len(RunDirectory.open({str(run.path)!r}).records())); "
        "print([name for name in ('ray', 'torch', 'optuna', 'hydra') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "1\n[]\n"
