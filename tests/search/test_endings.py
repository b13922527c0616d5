"""How a training may end but by its last epoch: diverged, stopped at a rung, stopped early, or never begun."""

import itertools

import pytest

from chansearch.cli import main
from chansearch.search import propose, session
from chansearch.search.candidate import State
from chansearch.search.plan import make_plan
from chansearch.search.runner import ResumableASHA, make_scheduler
from tests.search.live import IMAGES, search

pytestmark = pytest.mark.slow


class TestDiverging:
    @pytest.fixture(scope="class")
    def diverged(self, tmp_path_factory, cluster):
        # Twenty steps an epoch at this rate: no weight stays finite.
        return search(
            tmp_path_factory.mktemp("diverged"),
            cluster,
            "train.lr=1e12",
            "train.batch_size=10",
            "search.candidates=3",
            "name=x",
        )

    def test_is_recorded_as_failed_with_its_reason(self, diverged):
        for record in diverged.run.records():
            assert record.outcome.state is State.FAILED
            assert "diverged in epoch" in record.outcome.reason
            assert record.outcome.test_top1 == ()
            assert record.outcome.retries == 0  # it would diverge again

    def test_does_not_stop_the_search(self, diverged):
        assert [record.candidate.number for record in diverged.run.records()] == [0, 1, 2]
        assert "failed 3" in diverged.printed.splitlines()[-1]

    def test_a_search_without_a_finished_candidate_says_why_and_exits_with_1(self, diverged, capsys):
        """Here at its resume, which finds it complete."""
        assert main(["resume", str(diverged.run.path)]) == 1
        error = capsys.readouterr().err
        assert "none of 3 candidates was trained to its end: 3 failed (most often: seed 0 diverged in epoch 1" in error
        assert error.count("\n") == 1

    def test_is_a_failed_trial_of_the_study(self, diverged):
        import optuna

        study = optuna.load_study(study_name=None, storage=f"sqlite:///{diverged.run.study_file}")
        assert {trial.state for trial in study.get_trials()} == {optuna.trial.TrialState.FAIL}
        assert len(study.get_trials()) == 3


class TestRungs:
    @pytest.fixture(scope="class")
    def halved(self, tmp_path_factory, cluster):
        return search(
            tmp_path_factory.mktemp("asha"),
            cluster,
            "scheduler=asha",
            "scheduler.grace_epochs=1",
            "scheduler.reduction=2",
            "train.epochs=4",
            "search.candidates=8",
            "name=asha",
        )

    def test_some_candidates_stop_at_one(self, halved):
        records = halved.run.records()
        assert len(records) == 8
        stopped = [record for record in records if record.outcome.state is State.STOPPED_AT_RUNG]
        finished = [record for record in records if record.outcome.state.is_scored]
        assert stopped
        assert finished
        assert len(stopped) + len(finished) == 8
        assert {record.outcome.epochs for record in stopped} <= {1, 2}
        assert {record.outcome.epochs for record in finished} == {4}

    def test_a_candidate_stopped_has_no_test_accuracy_and_no_value(self, halved):
        import optuna

        study = optuna.load_study(study_name=None, storage=f"sqlite:///{halved.run.study_file}")
        trials = {trial.user_attrs["candidate"]: trial for trial in study.get_trials()}
        for record in halved.run.records():
            pruned = record.outcome.state is State.STOPPED_AT_RUNG
            assert (record.outcome.test_top1 == ()) == pruned
            assert len(record.outcome.val_top1) == 2
            assert (trials[record.candidate.number].state is optuna.trial.TrialState.PRUNED) == pruned

    def test_a_rung_stops_the_mean_over_the_seeds(self, halved):
        """Both seeds of a stopped candidate have the same number of epochs: they advance together."""
        points = halved.run.curves()
        for record in halved.run.records():
            epochs = [
                [p.epoch for p in points if (p.candidate, p.seed) == (record.candidate.number, seed)] for seed in (0, 1)
            ]
            assert epochs[0] == epochs[1] == list(range(1, record.outcome.epochs + 1))

    def test_a_resumed_search_remembers_its_rungs(self, halved, monkeypatch):
        """Every epoch of every candidate that has ended, as the mean over its seeds."""
        told = {}
        monkeypatch.setattr(ResumableASHA, "remember", lambda _, label, means: told.update({int(label): means}))
        config = session.from_plain(halved.run.config(), "config.yaml")
        plan = make_plan(config, classes=10)
        resumed = session._Session(plan, halved.run, dataset=IMAGES, records=halved.run.records()[:5])
        resumed._remind(make_scheduler(config.scheduler, config.train.epochs))
        points = halved.run.curves()
        expected = {}
        for record in halved.run.records()[:5]:
            number = record.candidate.number
            expected[number] = {
                epoch: sum(p.val_top1 for p in points if (p.candidate, p.epoch) == (number, epoch)) / 2
                for epoch in range(1, record.outcome.epochs + 1)
            }
        assert told == expected


class TestStoppingEarly:
    """In a space that has fewer candidates than were asked for, ranked on the test part as in the paper."""

    MEMBERS = 2

    @pytest.fixture(scope="class")
    def short(self, tmp_path_factory, cluster):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(propose, "_EXHAUSTED_AFTER", 5_000)  # two members show themselves sooner
            return search(
                tmp_path_factory.mktemp("early"),
                cluster,
                "space=linear",
                "space.divisor=3",
                "search.candidates=6",
                "train.patience=1",
                "train.epochs=12",
                "train.lr=0.001",
                "data.rank_on=test",
                "data.val_images=null",
                "name=early",
            )

    def test_patience_ends_a_training(self, short):
        for record in short.run.records():
            assert record.outcome.state is State.STOPPED_EARLY
            means = {}
            for point in short.run.curves():
                if point.candidate == record.candidate.number:
                    means.setdefault(point.epoch, []).append(point.val_top1)
            means = [sum(means[epoch]) / 2 for epoch in sorted(means)]
            assert len(means) == record.outcome.epochs < 12
            assert max(means[:-1]) >= means[-1]
            assert all(later > earlier for earlier, later in itertools.pairwise(means[:-1])), means

    def test_the_search_ends_when_no_candidate_is_left(self, short):
        assert len(short.run.records()) == self.MEMBERS
        assert f"space: no candidate is left after {self.MEMBERS}; " in short.printed

    def test_ranking_on_the_test_part_says_so(self, short):
        assert "test top-1" in short.printed
        assert "val top-1" not in short.printed
        for record in short.run.records():
            assert record.outcome.val_top1 == record.outcome.test_top1
