"""Asking a run directory."""

import numpy as np
import pytest

import chansearch
from chansearch.errors import UserError
from chansearch.replay import Table
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.rundir import RunDirectory
from chansearch.space import format_channels
from tests.replay.worlds import candidates, finished, points, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("table") / "run", 12, seeds=2, epochs=9)


def empty(path) -> RunDirectory:
    return RunDirectory.create(path / "run", {"train": {"epochs": 4, "seeds": 2}})


class TestQuery:
    def test_gives_what_the_files_hold(self, run):
        table = chansearch.open_run(run.path)
        assert isinstance(table, Table)
        for point in run.curves():
            record = run.records()[point.candidate]
            entry = table.query(record.candidate.channels, point.epoch, point.seed)
            assert (entry.val_top1, entry.train_loss) == (point.val_top1, point.train_loss)
            assert (entry.candidate, entry.seed, entry.epoch) == (point.candidate, point.seed, point.epoch)
            last = record.outcome.test_top1[point.seed] if point.epoch == 9 else None
            assert entry.test_top1 == last

    def test_takes_channels_in_writing(self, run):
        table = Table.of(run)
        channels = run.records()[3].candidate.channels
        for written in (format_channels(channels), list(channels), np.array(channels)):
            assert table.query(written, 2, 1) == table.query(channels, 2, 1)

    def test_validation_and_test_cannot_be_mistaken(self, run):
        entry = Table.of(run).query(run.records()[0].candidate.channels, epoch=9, seed=0)
        assert entry.test_top1 == pytest.approx(entry.val_top1 - 0.3, abs=2e-4)

    @pytest.mark.parametrize(
        ("channels", "epoch", "seed", "words"),
        [
            ((1, 2, 3), 1, 0, "channels: 1-2-3 was not recorded; the run's candidates have 5 blocks"),
            ("10-20-30-40-x", 1, 0, "channels: '10-20-30-40-x'"),
            (None, 10, 0, r"epoch: 10 was not recorded for .*, seed 0; recorded: 1 to 9"),
            (None, 0, 0, r"epoch: 0 was not recorded"),
            (None, 1, 7, r"seed: 7 was not recorded for .*; recorded: 0, 1"),
        ],
    )
    def test_names_what_is_recorded_where_it_is_not(self, run, channels, epoch, seed, words):
        channels = channels or run.records()[0].candidate.channels
        with pytest.raises(UserError, match=words) as caught:
            Table.of(run).query(channels, epoch, seed)
        assert "\n" not in str(caught.value)

    def test_names_the_nearest_channels(self, run):
        channels = run.records()[5].candidate.channels
        other = (*channels[:-1], channels[-1] + 1)
        with pytest.raises(UserError, match=f"12 candidates were, the nearest of them {format_channels(channels)}"):
            Table.of(run).query(other, 1, 0)

    def test_a_run_in_which_nothing_has_ended(self, tmp_path):
        with pytest.raises(UserError, match=r"no candidate of .* has ended yet"):
            Table.of(empty(tmp_path)).query((1, 2), 1, 0)

    def test_a_path_that_is_no_run(self, tmp_path):
        with pytest.raises(UserError, match="is no run directory"):
            chansearch.open_run(tmp_path)


class TestPartsOfARun:
    def test_the_later_training_of_a_restarted_candidate_counts(self, tmp_path):
        run, candidate = empty(tmp_path), candidates(1)[0]
        first, second = np.full((2, 3), 10.0), np.full((2, 2), 20.0)
        run.append_curve(points(candidate.number, (0, 1), first) + points(candidate.number, (0, 1), second))
        outcome = Outcome(State.STOPPED_AT_RUNG, (0, 1), (20.0, 20.0), epochs=2)
        run.append_record(Record(candidate, outcome))
        table = Table.of(run)
        assert [table.query(candidate.channels, epoch, 1).val_top1 for epoch in (1, 2)] == [20.0, 20.0]
        with pytest.raises(UserError, match="recorded: 1 to 2"):
            table.query(candidate.channels, 3, 1)

    def test_a_training_stopped_at_a_rung_has_no_test_accuracy(self, tmp_path):
        run, candidate = empty(tmp_path), candidates(1)[0]
        run.append_curve(points(candidate.number, (0, 1), np.full((2, 3), 10.0)))
        run.append_record(Record(candidate, Outcome(State.STOPPED_AT_RUNG, (0, 1), (10.0, 10.0), epochs=3)))
        assert Table.of(run).query(candidate.channels, 3, 0).test_top1 is None

    def test_seeds_have_their_own_test_accuracies(self, tmp_path):
        run, candidate = empty(tmp_path), candidates(1)[0]
        top1 = np.array([[10.0, 20.0], [11.0, 31.0]])
        run.append_curve(points(candidate.number, (0, 1), top1))
        run.append_record(Record(candidate, finished(top1)))
        tests = [Table.of(run).query(candidate.channels, 2, seed).test_top1 for seed in (0, 1)]
        assert tests == pytest.approx([19.7, 30.7])
