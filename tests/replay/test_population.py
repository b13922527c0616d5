"""Which candidates can be replayed."""

import dataclasses

import numpy as np
import pytest

from chansearch.errors import UserError
from chansearch.replay.population import Population
from chansearch.replay.table import Table
from chansearch.search.candidate import Outcome, Record, State
from chansearch.search.rundir import RunDirectory
from tests.replay.worlds import candidates, curves, finished, points, write_run


def test_arrays_are_the_records_own(tmp_path):
    run = write_run(tmp_path / "run", 12, seeds=2, epochs=9)
    population = Population.of(Table.of(run))
    assert (population.candidates, population.seeds, population.epochs, population.left_out) == (12, 2, 9, 0)
    records = run.records()
    assert population.channels.tolist() == [list(record.candidate.channels) for record in records]
    assert population.macs.tolist() == [record.candidate.macs for record in records]
    assert population.params.tolist() == [record.candidate.params for record in records]
    assert population.val_top1[:, :, -1].tolist() == [list(record.outcome.val_top1) for record in records]
    assert population.test_top1.tolist() == [list(record.outcome.test_top1) for record in records]
    for point in run.curves():
        assert population.val_top1[point.candidate, point.seed, point.epoch - 1] == point.val_top1


def test_candidates_that_lack_something_are_left_out_and_counted(tmp_path):
    drawn = candidates(16)
    top1 = curves(np.linspace(60, 61, 16), seeds=2, epochs=6)
    run = RunDirectory.create(tmp_path / "run", {})
    incomplete = {
        1: (State.STOPPED_AT_RUNG, (0, 1), 3),
        4: (State.STOPPED_EARLY, (0, 1), 5),
        7: (State.FAILED, (0, 1), 0),
        9: (State.FINISHED, (0,), 6),  # no contender: one seed only
    }
    for candidate, whole in zip(drawn, top1, strict=True):
        state, seeds, epochs = incomplete.get(candidate.number, (State.FINISHED, (0, 1), 6))
        own = whole[: len(seeds), :epochs]
        run.append_curve(points(candidate.number, seeds, own))
        outcome = finished(own) if epochs else Outcome(state, seeds)
        run.append_record(Record(candidate, dataclasses.replace(outcome, state=state)))
    population = Population.of(Table.of(run))
    assert (population.candidates, population.left_out) == (12, 4)
    kept = [number for number in range(16) if number not in incomplete]
    assert population.channels.tolist() == [list(drawn[number].channels) for number in kept]


def test_too_few_are_refused_in_one_line(tmp_path):
    run = write_run(tmp_path / "run", 9, seeds=2, epochs=3)
    with pytest.raises(UserError, match=r"9 candidates with all 2 seeds and all 3 epochs, of 9; .* 10 or more"):
        Population.of(Table.of(run))


def test_a_run_without_curves_is_refused(tmp_path):
    run = write_run(tmp_path / "run", 12, seeds=2, epochs=3)
    run.curves_file.unlink()
    with pytest.raises(UserError, match="0 candidates with all 0 seeds"):
        Population.of(Table.of(run))
