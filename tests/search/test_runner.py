"""What Tune is handed: names, rungs, and how a training's reports become an outcome."""

import socket
from types import SimpleNamespace

import pytest

from chansearch.config import SchedulerConfig
from chansearch.nets import NetworkSpec, build
from chansearch.pulse import Pulse
from chansearch.search import runner
from chansearch.search.candidate import Outcome, State
from chansearch.search.runner import METRIC, Job, ResumableASHA, _Ears, _Source, make_scheduler
from chansearch.search.spent import Spent
from chansearch.search.worker import ENDED, reports
from chansearch.train.config import TrainConfig
from chansearch.train.engine import GroupTrainer

STOP, CONTINUE = "STOP", "CONTINUE"
CALM = Pulse({}, {})  # of a Ray that lives


def scheduler(epochs: int = 9, grace: int = 1, reduction: int = 3):
    made = make_scheduler(SchedulerConfig("asha", grace, reduction), epochs)
    made.set_search_properties(METRIC, "max")
    return made


def judge(made, label: str, epoch: int, mean: float, *, further: bool = False) -> str:
    trial = SimpleNamespace(trial_id=label, config={"further": further})
    if label not in made._trial_info:
        made.on_trial_add(None, trial)
    return made.on_trial_result(None, trial, {"epoch": epoch, METRIC: mean})


class TestRungs:
    def test_stop_a_candidate_below_those_before_it(self):
        made = scheduler()
        assert judge(made, "a", 1, 60.0) == CONTINUE
        assert judge(made, "b", 1, 50.0) == STOP
        assert judge(made, "c", 1, 70.0) == CONTINUE

    def test_judge_only_at_their_epochs(self):
        made = scheduler(epochs=27, grace=3)
        judge(made, "a", 3, 60.0)
        assert judge(made, "b", 1, 0.0) == CONTINUE
        assert judge(made, "b", 2, 0.0) == CONTINUE
        assert judge(made, "b", 3, 0.0) == STOP

    def test_judge_by_candidates_of_an_earlier_session(self):
        """Without memory the first candidate of a resumed session passes whatever it has."""
        assert judge(scheduler(), "new", 1, 10.0) == CONTINUE
        made = scheduler()
        for number, mean in enumerate((60.0, 61.0, 62.0)):
            made.remember(str(number), {1: mean, 2: mean + 1})
        assert judge(made, "new", 1, 10.0) == STOP
        assert judge(made, "newer", 1, 70.0) == CONTINUE

    @pytest.mark.parametrize(("epochs", "grace", "reduction"), [(9, 1, 3), (9, 3, 3), (4, 1, 2), (3, 3, 3), (8, 2, 2)])
    def test_never_stop_a_candidate_at_its_last_epoch(self, epochs, grace, reduction):
        """It is trained to its end; what is left is to measure its test accuracy."""
        made = scheduler(epochs, grace, reduction)
        made.remember("0", {epoch: 90.0 + epoch for epoch in range(1, epochs + 1)})
        assert judge(made, "last", epochs, 10.0) == CONTINUE

    def test_do_not_judge_the_report_of_the_end(self):
        made = scheduler()
        made.remember("0", {1: 90.0})
        trial = SimpleNamespace(trial_id="diverged", config={"further": False})
        made.on_trial_add(None, trial)
        assert made.on_trial_result(None, trial, {ENDED: "failed", "reason": "diverged"}) == CONTINUE

    @pytest.mark.parametrize("name", ["none", "asha"])
    def test_do_not_look_through_the_trials_for_the_next_one(self, name):
        """What that takes grows with the search; Tune starts those that wait without being told."""
        assert make_scheduler(SchedulerConfig(name), 30).choose_trial_to_run(None) is None

    def test_do_not_judge_a_further_seed(self):
        made = scheduler()
        made.remember("0", {1: 90.0, 3: 91.0})
        assert [judge(made, "further", epoch, 10.0, further=True) for epoch in range(1, 10)] == [CONTINUE] * 9

    def test_are_not_moved_by_a_further_seed(self):
        """Neither by its epochs nor by its end: it had no rung to pass, and would raise them for those that have."""
        made = scheduler()
        judge(made, "a", 1, 60.0)
        for epoch in range(1, 10):
            judge(made, "further", epoch, 90.0, further=True)
        trial = SimpleNamespace(trial_id="further", config={"further": True})
        made.on_trial_complete(None, trial, {"epoch": 9, METRIC: 90.0})
        assert judge(made, "b", 1, 61.0) == CONTINUE

    @pytest.mark.parametrize("config", [SchedulerConfig("none"), SchedulerConfig("contenders", grace_epochs=None)])
    def test_none_lets_everything_through(self, config):
        from ray.tune.schedulers import FIFOScheduler

        assert isinstance(make_scheduler(config, 30), FIFOScheduler)

    def test_contenders_have_those_of_asha(self):
        assert isinstance(make_scheduler(SchedulerConfig("contenders", 1, 3), 9), ResumableASHA)


class Waiting:
    """A director whose second job is there only when the first has ended."""

    def __init__(self) -> None:
        self.jobs = [Job(0, (8, 16), (0,)), None, Job(0, (8, 16), (1,), further=True), None, None]

    def next_job(self) -> Job | None:
        return self.jobs.pop(0)


def test_tune_is_told_of_the_end_when_nothing_is_under_way():
    """After FINISHED it asks no more; told to wait with nothing under way, it would for ten minutes."""
    source = _Source(Waiting(), SimpleNamespace(cpus_per_trial=1.0))
    assert source.suggest("first")["seeds"] == [0]
    assert source.suggest("early") is None
    source.on_trial_complete("first")
    assert source.suggest("second")["further"]
    assert source.suggest("early") is None
    source.on_trial_complete("second", error=True)
    assert source.suggest("end") == _Source.FINISHED


class TestNames:
    @pytest.mark.parametrize(
        ("number", "channels", "label"),
        [(0, (34, 34, 45), "0000_34-34-45"), (17, (8, 16), "0017_8-16"), (12345, (1, 2), "12345_1-2")],
    )
    def test_are_number_and_channels(self, number, channels, label):
        assert Job(number, channels, (0, 1)).label == label


class Heard:
    def __init__(self) -> None:
        self.epochs, self.ends = [], []

    def next_job(self):
        raise AssertionError

    def on_epoch(self, job, epoch, points) -> None:
        self.epochs.append((job.number, epoch, points))

    def on_end(self, job, outcome) -> None:
        self.ends.append((job.number, outcome))


class Clock:
    """Stands in for the module ``time``."""

    def __init__(self, now: float) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now


class Dead(RuntimeError):
    pass


def trial(result: dict | None, error: Exception | None = None):
    config = {"number": 4, "channels": [8, 16], "seeds": [0, 1], "further": False, "handed_out": HANDED_OUT}
    means = {"metric_analysis": {"lr": {"avg": 0.1}}, "metric_n_steps": {"lr": {"5": [0.1]}}}
    return SimpleNamespace(trial_id="t", config=config, last_result=result, get_error=lambda: error, **means)


EPOCH = {"epoch": 2, "lr": 0.1, "train_loss": [2.0, 2.1], "val_top1": [50.0, 52.0]}
EPOCH |= {"seconds": 3.5, "eval_seconds": 0.5, "images": 400}
HANDED_OUT, NOW = 100.0, 110.0  # on the driver's clock


class TestOutcomes:
    @pytest.fixture
    def heard(self) -> Heard:
        return Heard()

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch) -> Clock:
        clock = Clock(NOW)
        monkeypatch.setattr(runner, "time", clock)
        return clock

    def test_an_epoch_is_a_point_a_seed(self, heard):
        _Ears(heard, CALM).on_trial_result(1, [], trial(None), EPOCH)
        [(number, epoch, points)] = heard.epochs
        assert (number, epoch) == (4, 2)
        assert [(p.candidate, p.seed, p.epoch, p.lr, p.train_loss, p.val_top1) for p in points] == [
            (4, 0, 2, 0.1, 2.0, 50.0),
            (4, 1, 2, 0.1, 2.1, 52.0),
        ]

    def test_the_report_of_the_end_is_no_epoch(self, heard):
        _Ears(heard, CALM).on_trial_result(1, [], trial(None), EPOCH | {ENDED: "finished"})
        assert heard.epochs == []

    @pytest.mark.parametrize(
        ("added", "state"),
        [
            ({ENDED: "finished", "test_top1": [40.0, 41.0]}, State.FINISHED),
            ({ENDED: "stopped early", "test_top1": [40.0, 41.0]}, State.STOPPED_EARLY),
            ({ENDED: "failed", "reason": "seed 1 diverged"}, State.FAILED),
            ({}, State.STOPPED_AT_RUNG),
        ],
    )
    def test_a_training_ends_in_its_last_report(self, added, state, heard):
        _Ears(heard, CALM).on_trial_complete(1, [], trial(EPOCH | added))
        [(number, outcome)] = heard.ends
        assert number == 4
        assert outcome == Outcome(
            state,
            seeds=(0, 1),
            val_top1=(50.0, 52.0),
            test_top1=tuple(added.get("test_top1", ())),
            epochs=2,
            spent=Spent(seconds=3.5, images=400, eval_seconds=0.5, wall_seconds=10.0),
            reason=added.get("reason", ""),
        )

    @pytest.mark.parametrize("ending", ["on_trial_complete", "on_trial_error"])
    def test_leave_nothing_of_the_running_means_that_tune_keeps(self, ending, heard):
        ended = trial(EPOCH | {ENDED: "finished"}, Dead("gone"))
        getattr(_Ears(heard, CALM), ending)(1, [], ended)
        assert (ended.metric_analysis, ended.metric_n_steps) == ({}, {})

    def test_a_worker_that_died_too_often_has_its_retries_and_a_reason_of_one_line(self, heard):
        ears = _Ears(heard, CALM)
        ears.on_trial_recover(1, [], trial(EPOCH))
        ears.on_trial_recover(1, [], trial(EPOCH))
        ears.on_trial_error(1, [], trial(EPOCH, Dead("the actor died\nTraceback…")))
        [(_, outcome)] = heard.ends
        assert (outcome.state, outcome.retries, outcome.reason) == (State.FAILED, 2, "worker died: the actor died")

    def test_with_ray_all_workers_die_which_is_no_failure_of_the_candidate(self, heard):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            ears = _Ears(heard, Pulse({"raylet": closed.getsockname()}, {"raylet": 0.0}))
        with pytest.raises(KeyboardInterrupt):
            ears.on_trial_error(1, [], trial(EPOCH, Dead("the actor died")))
        assert heard.ends == []

    def test_memory_goes_by_its_name(self, heard):
        _Ears(heard, CALM).on_trial_error(
            1, [], trial(None, Dead("Task was killed due to the node running low on memory."))
        )
        assert heard.ends[0][1].reason.startswith("worker out of memory: ")

    def test_a_worker_that_died_before_its_first_report(self, heard):
        _Ears(heard, CALM).on_trial_error(1, [], trial(None, Dead("gone")))
        assert heard.ends[0][1] == Outcome(
            State.FAILED, (0, 1), spent=Spent(0.0, 0, 0.0, 10.0), reason="worker died: gone"
        )

    def test_a_job_asked_for_ahead_of_time_begins_when_a_worker_is_free(self, heard, clock):
        """Tune has it wait for one where it does not limit itself; that time is another candidate's."""
        ears = _Ears(heard, CALM)
        ears.on_trial_complete(1, [], trial(EPOCH))  # ends at 110
        waiting = trial(EPOCH)
        waiting.trial_id = "waiting"
        clock.now = 111.0
        ears.on_trial_start(1, [], waiting)
        clock.now = 115.0
        ears.on_trial_complete(1, [], waiting)
        assert heard.ends[1][1].spent.wall_seconds == 5.0

    def test_a_job_that_starts_again_began_the_first_time(self, heard, clock):
        ears = _Ears(heard, CALM)
        for clock.now in (101.0, 107.0):
            ears.on_trial_start(1, [], trial(None))
        clock.now = 112.0
        ears.on_trial_complete(1, [], trial(EPOCH))
        assert heard.ends[0][1].spent.wall_seconds == 12.0


CONFIG = {"channels": [4, 8], "seeds": [0, 1], "cpus": 1.0}


class TestReports:
    """What runs in a worker, here without one."""

    SKELETON = NetworkSpec((1, 1), (1, 2), (1, 2), stem_channels=4, head_channels=8, input_size=8, in_channels=1)

    @pytest.fixture(scope="class")
    def dataset(self):
        from chansearch.train.config import DataConfig
        from chansearch.train.data import load

        config = DataConfig("digits", augment="none", crop_padding=1, train_images=100, val_images=50, test_images=50)
        return load(config, 8, 1)

    def recipe(self, **changes) -> TrainConfig:
        return TrainConfig(**({"epochs": 2, "batch_size": 20, "device": "cpu"} | changes))

    def test_are_one_an_epoch_and_one_for_the_end(self, dataset):
        first, second, end = reports(CONFIG, dataset, self.SKELETON, self.recipe())
        assert (first["epoch"], second["epoch"]) == (1, 2)
        told_at_the_end = {name: end[name] for name in ("test_top1", "seconds", "eval_seconds")}
        assert end == second | {ENDED: "finished"} | told_at_the_end
        assert second["mean_val_top1"] == pytest.approx(sum(second["val_top1"]) / 2)
        assert (first["images"], end["images"]) == (2 * 100, 2 * 2 * 100)  # both seeds, each epoch
        for name in ("seconds", "eval_seconds"):
            assert 0 < first[name] < second[name] < end[name]
        # What the test part took is measuring, and nothing but that.
        assert end["seconds"] - end["eval_seconds"] == pytest.approx(second["seconds"] - second["eval_seconds"])
        assert all(report["seconds"] > report["eval_seconds"] for report in (first, second, end))

    def test_measure_the_final_feature_where_it_is_asked_for(self, dataset):
        """Of the validation images under the weights of the last epoch, as a trainer of the same seeds has them."""
        *epochs, end = reports(CONFIG, dataset, self.SKELETON, self.recipe(), record_rank=True)
        assert all("nuclear_norm" not in report for report in epochs)
        spec = self.SKELETON.with_channels(CONFIG["channels"])
        trainer = GroupTrainer(lambda: build(spec), dataset, self.recipe(), CONFIG["seeds"])
        assert len(list(trainer)) == 2
        spectra = trainer.feature_spectra()
        assert end["nuclear_norm"] == [spectrum.nuclear_norm for spectrum in spectra]
        assert end["feature_rank"] == [spectrum.rank for spectrum in spectra]
        assert [spectrum.shape for spectrum in spectra] == [(50, 8)] * 2

    def test_do_not_carry_the_test_accuracy_before_the_end(self, dataset):
        *epochs, end = reports(CONFIG, dataset, self.SKELETON, self.recipe())
        assert all("test_top1" not in report for report in epochs)
        assert len(end["test_top1"]) == 2

    def test_are_the_same_each_time(self, dataset):
        def figures():
            return [
                {k: v for k, v in report.items() if k not in ("seconds", "eval_seconds")}
                for report in reports(CONFIG, dataset, self.SKELETON, self.recipe())
            ]

        assert figures() == figures()

    def test_say_that_a_training_stopped_early(self, dataset):
        *_, end = reports(CONFIG, dataset, self.SKELETON, self.recipe(epochs=30, patience=1, lr=1e-6))
        assert end[ENDED] == "stopped early"
        assert end["epoch"] < 30

    def test_say_why_a_training_diverged(self, dataset):
        *_, end = reports(CONFIG, dataset, self.SKELETON, self.recipe(lr=1e12))
        assert end[ENDED] == "failed"
        assert "diverged in epoch" in end["reason"]

    def test_say_what_went_wrong_otherwise(self, dataset):
        """Not raised: Tune would start it again, and it would fail again."""
        import dataclasses

        broken = dataclasses.replace(self.SKELETON, in_channels=3)
        [end] = reports(CONFIG, dataset, broken, self.recipe())
        assert end[ENDED] == "failed"
        assert end["reason"].startswith("RuntimeError: ")
