"""Going on with a run: what may change between its sessions, what failed is tried again, and a study that was lost."""

import dataclasses
import shutil
import sqlite3
from collections.abc import Sequence

import optuna
import pytest
import yaml

from chansearch.cli import main
from chansearch.config import compose, from_plain, known_keys
from chansearch.errors import UserError
from chansearch.search import changes, session, study
from chansearch.search.candidate import Origin, State
from chansearch.search.plan import make_plan
from chansearch.search.propose import Proposer
from chansearch.search.rundir import RunDirectory
from chansearch.search.study import StudyFile
from tests.search.instant import SEEDS, Instant, top1
from tests.search.live import IMAGES
from tests.search.problems import problem, take

CANDIDATES = 6
ENDED = 3
NAME = "name=run"


def contents(run: RunDirectory) -> dict[str, bytes]:
    """Every file but the lock."""
    return {
        str(path.relative_to(run.path)): path.read_bytes()
        for path in sorted(run.path.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refusal(run: RunDirectory, words: Sequence[str], capsys) -> str:
    """The one line with which a resume is refused, which writes nothing."""
    before = contents(run)
    assert main(["resume", str(run.path), *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert contents(run) == before
    return line


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A random search that was cut off after three of six candidates, two of which were under way."""
    with pytest.MonkeyPatch.context() as patch:
        player = Instant(ends=ENDED).install(patch)
        settings = (f"search.candidates={CANDIDATES}", "sampler=random", NAME)
        return player.search(tmp_path_factory.mktemp("begun") / "results", *settings)


@pytest.fixture
def run(begun, tmp_path) -> RunDirectory:
    return RunDirectory(shutil.copytree(begun.path, tmp_path / "results" / "run"))


@pytest.fixture
def instant(monkeypatch) -> Instant:
    return Instant().install(monkeypatch)


def check_whole(run: RunDirectory, candidates: int = CANDIDATES) -> None:
    """Those of an unbroken search, each with the accuracy of its channels, and the study beside them."""
    unbroken = take(Proposer(problem("constraint=demo"), "random", 0, startup=20), candidates)
    records = run.records()
    assert [record.candidate for record in records] == [proposal.candidate for proposal in unbroken]
    for record in records:
        assert record.outcome.val_top1 == (top1(record.candidate.channels),) * len(SEEDS)
    trials = optuna.load_study(study_name=None, storage=f"sqlite:///{run.study_file}").get_trials()
    values = {trial.user_attrs["candidate"]: trial.value for trial in trials}
    assert values == {record.candidate.number: record.val_top1_mean for record in records}
    assert len(trials) == len(records)


class TestWithoutAChange:
    def test_ends_as_if_it_had_not_been_cut_off(self, run, instant):
        before = contents(run)
        instant.go_on(run)
        assert instant.begun == [3, 4, 5]
        after = contents(run)
        for table in ("candidates.csv", "curves.csv"):
            assert after[table].startswith(before[table])
        check_whole(run)

    def test_is_noted_in_the_configuration_and_changes_nothing_else_there(self, run, instant):
        before = run.config()
        instant.go_on(run)
        after = run.config()
        [note] = after["provenance"].pop("resumed")
        assert note["first_candidate"] == ENDED
        assert note["torch"] == before["provenance"]["torch"]
        assert "changed" not in note
        assert after == before

    def test_a_run_of_an_earlier_version_goes_on_as_it_is(self, run, instant):
        with sqlite3.connect(run.study_file) as database:
            database.execute("delete from study_user_attributes")
        database.close()
        run.write_config(run.config() | {"train": run.config()["train"] | {"lr": 0.5}})
        with pytest.raises(UserError, match=r"train\.lr was 0\.5 and is 0\.7"):
            instant.go_on(run, "train.lr=0.7")
        instant.go_on(run)
        check_whole(run)

    def test_the_record_is_read_when_the_search_before_has_let_go(self, run, instant, monkeypatch):
        """It had been waiting for nothing: the other went on until the lock was free."""
        locked = RunDirectory.locked

        def late(own):
            monkeypatch.setattr(RunDirectory, "locked", locked)
            Instant().install(monkeypatch).go_on(run)
            instant.install(monkeypatch)
            return locked(own)

        monkeypatch.setattr(RunDirectory, "locked", late)
        instant.go_on(run)
        assert instant.begun == []
        check_whole(run)


class TestAChange:
    def test_of_the_number_of_candidates_is_free(self, run, instant):
        instant.go_on(run, "search.candidates=9", "cluster.workers=1")
        check_whole(run, 9)
        assert "changed: cluster.workers null → 1, search.candidates 6 → 9" in instant.out
        held = run.config()
        assert (held["search"]["candidates"], held["cluster"]["workers"]) == (9, 1)
        [note] = held["provenance"]["resumed"]
        assert note["changed"] == {"cluster.workers": [None, 1], "search.candidates": [6, 9]}

    def test_to_fewer_candidates_leaves_proposed_ones_untrained(self, run, instant):
        instant.go_on(run, "search.candidates=4")
        assert instant.begun == [3]
        assert len(run.records()) == 4

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (("search.candidates=2",), "search.candidates: 2; 3 have ended; allowed: 3 or more"),
            (("train.lr=0.7",), "train.lr was 0.1 and is 0.7"),
            (("train.lr=0.7", "search.seed=1"), "search.seed was 0 and is 1"),
            (("train.seeds=3",), "go on with --force"),
            (("sampler.name=tpe",), "sampler.name was random and is tpe"),
            (("constraint.budget.flops.tolerance=0.2",), "constraint.budget.macs.tolerance was"),
        ],
    )
    def test_of_what_accuracies_mean_is_refused_and_writes_nothing(self, settings, said, run, instant, capsys):
        assert said in refusal(run, settings, capsys)
        assert instant.begun == []

    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            ("constraint.skeleton.blocks=6", "constraint.skeleton.blocks: was 5 and is 6"),
            ("data.train_images=100", "the images would be others"),
            ("search.method=reject", "search.method: cannot change in a run"),
            ("space.max_segments=3", "space.max_segments: cannot change in a run"),
            ("space.family=free", "space.family: cannot change in a run"),
        ],
    )
    def test_that_the_study_cannot_follow_is_refused_even_with_force(self, setting, said, run, instant, capsys):
        line = refusal(run, [setting, "--force"], capsys)
        assert said in line
        assert "even with --force" in line

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (["train.lrr=1"], "did you mean train.lr?"),
            (["constraint=c2"], "constraint: a group or section"),
            (["constraint.budget=1"], "constraint.budget: a group or section"),
            (["train.lr"], "is no setting; write KEY=VALUE"),
            (["train.lr=high"], "train.lr"),
            (["train.lr=[1"], "cannot be read as YAML"),
            (["train.lr=-1"], "train.lr: -1.0"),
            (["--forced"], "is no option of resume"),
        ],
    )
    def test_that_is_none_is_named(self, settings, said, run, instant, capsys):
        assert said in refusal(run, settings, capsys)

    def test_by_hand_in_the_configuration_is_noticed(self, run, instant, capsys):
        held = run.config()
        held["train"]["lr"] = 0.7
        run.config_file.write_text(yaml.safe_dump(held))
        assert main(["resume", str(run.path)]) == 2
        assert "train.lr was 0.1 and is 0.7" in capsys.readouterr().err
        held["train"]["lr"] = 0.1
        run.config_file.write_text(yaml.safe_dump(held))
        instant.go_on(run)
        check_whole(run)

    def test_with_force_keeps_what_has_ended_and_says_from_where(self, run, instant):
        before = contents(run)
        instant.go_on(run, "train.lr=0.7", force=True)
        assert "train.lr 0.1 → 0.7. Kept: 3 candidates with their accuracies under the old settings" in instant.out
        assert "2 proposed before train under the new settings" in instant.out
        assert contents(run)["candidates.csv"].startswith(before["candidates.csv"])
        check_whole(run)
        held = run.config()
        assert held["train"]["lr"] == 0.7
        [note] = held["provenance"]["resumed"]
        assert (note["first_candidate"], note["changed"]) == (ENDED, {"train.lr": [0.1, 0.7]})

    def test_that_was_forced_is_the_run_from_then_on(self, run, monkeypatch):
        Instant(ends=1).install(monkeypatch).go_on(run, "train.lr=0.7", force=True)
        last = Instant().install(monkeypatch)
        last.go_on(run)
        check_whole(run)
        assert len(run.config()["provenance"]["resumed"]) == 2

    def test_is_shown_in_the_report(self, run, instant):
        from chansearch.report.facts import facts

        instant.go_on(run, "train.lr=0.7", force=True)
        said = {fact.label: fact.value for fact in facts(run.config())}
        assert said["changed on the way"] == "train.lr 0.1 → 0.7 from candidate 3 on"
        assert "resumed" not in said


def test_the_tables_of_changes_name_keys_that_there_are():
    known = set(known_keys()) | {"search.trial_timeout"}
    assert not {*changes.FREE, *changes.FIXED} - known


def test_every_value_that_differs_is_a_change():
    before, after = compose(["constraint=c1"]), compose(["constraint=c1", "train.lr=0.3", "data.root=/x"])
    assert [str(change) for change in changes.changes(before, after)] == ["data.root null → /x", "train.lr 0.1 → 0.3"]


class TestRetryingWhatFailed:
    @pytest.fixture(scope="class")
    def failed(self, tmp_path_factory):
        with pytest.MonkeyPatch.context() as patch:
            player = Instant(failing={1, 4}).install(patch)
            settings = (f"search.candidates={CANDIDATES}", "sampler=random", NAME)
            return player.search(tmp_path_factory.mktemp("failed") / "results", *settings)

    @pytest.fixture
    def run(self, failed, tmp_path) -> RunDirectory:
        return RunDirectory(shutil.copytree(failed.path, tmp_path / "run"))

    def test_is_offered_by_a_complete_run(self, run, instant):
        instant.go_on(run)
        assert instant.begun == []
        assert f"6 of 6 candidates, 2 of them failed: `chansearch resume {run.path} --retry-failed`" in instant.out

    def test_trains_those_alone_and_their_last_row_counts(self, run, instant):
        before = contents(run)
        instant.go_on(run, retry_failed=True)
        assert instant.begun == [1, 4]
        assert contents(run)["candidates.csv"].startswith(before["candidates.csv"])
        records = run.records()
        assert [record.candidate.number for record in records] == list(range(CANDIDATES))
        assert {record.outcome.state for record in records} == {State.FINISHED}
        trials = optuna.load_study(study_name=None, storage=f"sqlite:///{run.study_file}").get_trials()
        states = [(trial.user_attrs["candidate"], trial.state.name) for trial in trials]
        assert sorted(states) == sorted(
            [(number, "COMPLETE") for number in range(CANDIDATES)] + [(1, "FAIL"), (4, "FAIL")]
        )

    def test_that_is_cut_off_leaves_them_failed_and_can_be_tried_again(self, run, monkeypatch):
        Instant(ends=1).install(monkeypatch).go_on(run, retry_failed=True)
        assert [record.outcome.state for record in run.records()].count(State.FAILED) == 1
        again = Instant().install(monkeypatch)
        again.go_on(run, retry_failed=True)
        assert again.begun == [4]
        assert {record.outcome.state for record in run.records()} == {State.FINISHED}

    def test_says_so_where_none_has_failed(self, run, instant):
        instant.go_on(run, retry_failed=True)
        instant.begun.clear()
        instant.go_on(run, retry_failed=True)
        assert instant.begun == []
        assert instant.out.endswith("is complete: 6 of 6 candidates\n")


def _delete(run: RunDirectory) -> None:
    run.study_file.unlink()


def _empty(run: RunDirectory) -> None:
    run.study_file.write_bytes(b"")


def _junk(run: RunDirectory) -> None:
    run.study_file.write_bytes(b"no database" * 1000)


def _tear(run: RunDirectory) -> None:
    run.study_file.write_bytes(run.study_file.read_bytes()[:20_000])


def _roll_back(run: RunDirectory) -> None:
    """As a copy of yesterday's file does: the last of those that have ended and all under way are not known."""
    with sqlite3.connect(run.study_file) as database:
        for table in ("user_attributes", "params", "values"):
            database.execute(f"delete from trial_{table} where trial_id > 2")
        database.execute("delete from trials where trial_id > 2")
    database.close()


class TestAStudyThatWasLost:
    @pytest.mark.parametrize("harm", [_delete, _empty, _junk, _tear, _roll_back])
    def test_is_made_anew_and_the_search_ends_as_it_would_have(self, harm, run, instant):
        harm(run)
        instant.go_on(run)
        assert "restored from candidates.csv" in instant.out
        assert instant.begun == [3, 4, 5]
        check_whole(run)
        # What was damaged is put aside, not deleted.
        assert (run.path / "study.db.damaged").exists() == (harm in (_junk, _tear))

    def test_leaves_no_candidate_out_that_was_under_way_when_others_had_ended(self, run, instant):
        """Candidate 1 had not ended when 0 and 2 had."""
        lines = run.candidates_file.read_text().splitlines(keepends=True)
        run.candidates_file.write_text("".join(line for line in lines if not line.startswith("1,")))
        _delete(run)
        instant.go_on(run)
        assert instant.begun == [1, 3, 4, 5]
        check_whole(run)

    def test_of_a_guided_search_has_forgotten_the_samplers_own_numbers(self, tmp_path, monkeypatch):
        settings = ("search.candidates=10", "sampler=tpe", "sampler.startup=4", NAME)
        run = Instant(ends=8).install(monkeypatch).search(tmp_path, *settings)
        before = run.records()
        own = sum(record.candidate.origin is Origin.SAMPLER for record in before)
        assert own
        _delete(run)
        again = Instant().install(monkeypatch)
        again.go_on(run)
        assert f"the sampler has forgotten the numbers of {own}, its own" in again.out
        records = run.records()
        assert records[: len(before)] == before
        assert [record.candidate.number for record in records] == list(range(10))
        assert len({record.candidate.channels for record in records}) == 10

    def test_of_another_run_is_refused(self, run, instant, tmp_path, capsys, monkeypatch):
        other = Instant(ends=2).install(monkeypatch).search(tmp_path / "other", "search.seed=7", "sampler=random", NAME)
        shutil.copy(other.study_file, run.study_file)
        before = contents(run)
        assert main(["resume", str(run.path)]) == 2
        assert "are not of one run: candidate 0 has other channels" in capsys.readouterr().err
        assert contents(run) == before

    def test_that_another_program_holds_is_named(self, run, instant, capsys, monkeypatch):
        monkeypatch.setattr(study, "_PATIENCE", 0.2)
        holder = sqlite3.connect(run.study_file, isolation_level=None)
        holder.execute("begin exclusive")
        try:
            assert main(["resume", str(run.path)]) == 2
        finally:
            holder.close()
        [line] = capsys.readouterr().err.splitlines()
        assert "study.db is locked by another program (optuna-dashboard, perhaps)" in line
        assert instant.begun == []
        instant.go_on(run)
        check_whole(run)

    def test_a_write_that_was_cut_off_is_rolled_back(self, run, instant):
        """A process killed in a transaction leaves SQLite's journal behind."""
        import subprocess
        import sys

        code = (
            "import os, sqlite3, sys; database = sqlite3.connect(sys.argv[1], isolation_level=None); "
            "database.execute('pragma cache_size = 1'); database.execute('begin immediate'); "
            "database.execute('delete from trials'); "
            "database.execute('create table t (x)'); "
            "database.execute('insert into t select hex(randomblob(9000)) from trial_user_attributes'); os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", code, str(run.study_file)], check=False)
        assert run.study_file.with_name("study.db-journal").exists()
        instant.go_on(run)
        assert "restored" not in instant.out
        check_whole(run)


class TestOtherFilesThatWereLost:
    @pytest.mark.parametrize("gone", ["curves.csv", "sessions.csv", "tb", ".lock"])
    def test_are_begun_anew(self, gone, run, instant):
        path = run.path / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        instant.go_on(run)
        check_whole(run)
        assert len(run.sessions()) == (1 if gone == "sessions.csv" else 2)
        ended = {point.candidate for point in run.curves()}
        assert ended == set(range(3, 6)) if gone == "curves.csv" else set(range(6))

    def test_a_torn_curve_is_cut_off(self, run, instant):
        whole = run.curves_file.read_bytes()
        run.curves_file.write_bytes(whole + b"3,0,1,0.")
        instant.go_on(run)
        assert run.curves_file.read_bytes().startswith(whole)
        assert {point.candidate for point in run.curves()} == set(range(6))

    def test_rungs_judge_by_the_training_that_counts(self, run):
        """Not by epochs that an earlier start of it had reached, and the later one, stopped at a rung, had not."""
        [*_, last] = run.curves()
        begun_again = [dataclasses.replace(last, seed=seed, epoch=1, val_top1=1.0) for seed in SEEDS]
        run.append_curve(begun_again)
        told = {}
        plan = make_plan(from_plain(run.config(), "config.yaml"), classes=10)

        class Scheduler:
            def remember(self, label, means) -> None:
                told[int(label)] = means

        session._Session(plan, run, IMAGES, run.records())._remind(Scheduler())
        assert told[last.candidate] == {1: 1.0}
        assert sorted(told) == [0, 1, 2]

    def test_what_no_run_came_of_is_no_run(self, tmp_path, capsys):
        (tmp_path / "results" / "half").mkdir(parents=True)
        assert main(["resume", str(tmp_path / "results" / "half")]) == 2
        assert "is no run directory; one holds config.yaml and candidates.csv; delete it" in capsys.readouterr().err


def test_a_study_with_a_configuration_keeps_it(tmp_path):
    kept = StudyFile(tmp_path / "study.db", problem("constraint=c1"))
    assert kept.config() is None
    config = {"train": {"lr": 0.1, "patience": None}}
    kept.keep_config(config)
    assert StudyFile(tmp_path / "study.db", problem("constraint=c1")).config() == config
