"""A search from the command line to its end: every file it leaves, and what is in them."""

import csv
import re
import statistics

import numpy as np
import optuna
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from benchmarks.processes import rows
from chansearch.cli import main
from chansearch.cost import price_spec
from chansearch.report.cost import cost_of
from chansearch.search.candidate import Origin, State
from chansearch.search.propose import Proposer
from chansearch.search.rundir import CANDIDATE_COLUMNS, CURVE_COLUMNS
from chansearch.space import format_channels
from tests.search.problems import problem, take

pytestmark = pytest.mark.slow
SEEDS = (0, 1)
EPOCHS = (1, 2)


def label(record) -> str:
    return f"{record.candidate.number:04d}_{format_channels(record.candidate.channels)}"


def test_ends_well_and_says_what_comes_next(finished):
    assert (finished.code, finished.err) == (0, "")
    assert "chansearch report results/finished" in finished.out
    assert "chansearch export --run results/finished" in finished.out


def test_prints_a_line_a_candidate_when_piped(finished):
    lines = [line for line in finished.out.splitlines() if line.startswith("[")]
    assert [line.split()[0] for line in lines] == [f"[{n}/5]" for n in range(1, 6)]
    for line in lines:
        assert re.search(r"drawn \d+ = kept \d+ \+ pruned \d+, failed 0, best [\d.]+ % by [\d-]+, left ", line), line


def test_the_dashboard_answers_at_the_address_printed(finished):
    assert b"Ray Dashboard" in finished.dashboard


def test_has_exactly_the_candidates_asked_for(finished):
    records = finished.run.records()
    assert [record.candidate.number for record in records] == list(range(5))
    assert {record.outcome.state for record in records} <= {State.FINISHED, State.STOPPED_EARLY}
    assert [record.candidate.origin for record in records[:3]] == [Origin.UNGUIDED] * 3
    assert Origin.SAMPLER in {record.candidate.origin for record in records[3:]}


def test_every_row_is_complete(finished):
    assert finished.run.candidates_file.read_text().splitlines()[0] == ",".join(CANDIDATE_COLUMNS)
    for record in finished.run.records():
        outcome = record.outcome
        assert (outcome.seeds, outcome.epochs, outcome.retries, outcome.reason) == (SEEDS, 2, 0, "")
        spent = outcome.spent
        assert spent.is_complete
        assert spent.images == 2 * 2 * 3 * 64  # seeds, epochs, whole batches in 200 images
        assert 0 < spent.eval_seconds < spent.seconds < spent.wall_seconds
        for accuracies in (outcome.val_top1, outcome.test_top1):
            assert len(accuracies) == 2
            assert all(0 <= top1 <= 100 for top1 in accuracies)
            assert np.allclose(np.array(accuracies) % 1, 0)  # whole images of 100


def test_the_final_feature_is_measured_for_every_seed(finished):
    """Of 100 images, which are as many singular values."""
    by_number = sorted(rows(finished.run), key=lambda row: int(row["candidate"]))
    for row, record in zip(by_number, finished.run.records(), strict=True):
        outcome = record.outcome
        assert len(outcome.nuclear_norm) == len(outcome.feature_rank) == 2
        assert all(norm > 0 for norm in outcome.nuclear_norm)
        assert all(2 <= rank <= 100 for rank in outcome.feature_rank)
        assert row["nuclear_norm"].split() == [f"{norm:.6g}" for norm in outcome.nuclear_norm]


def test_the_time_of_the_workers_adds_up(finished):
    [session] = finished.run.sessions()
    assert (session.workers, session.threads, session.device) == (2, 1, "cpu")
    assert session.dtype in ("float32", "bfloat16")
    assert session.matrix_flops > 0
    cost = cost_of(finished.run.records(), [session])
    assert cost.worker_seconds == 2 * session.wall_seconds
    assert all(part.seconds > 0 for part in cost.parts), cost.parts
    assert 0 < cost.busy_share < 1


def test_means_and_deviations_are_those_of_the_seeds(finished):
    by_number = sorted(rows(finished.run), key=lambda row: int(row["candidate"]))
    for row, record in zip(by_number, finished.run.records(), strict=True):
        for part in ("val", "test"):
            accuracies = [float(value) for value in row[f"{part}_top1"].split()]
            assert float(row[f"{part}_top1_mean"]) == pytest.approx(statistics.fmean(accuracies), abs=1e-4)
            assert float(row[f"{part}_top1_std"]) == pytest.approx(statistics.stdev(accuracies), abs=1e-4)
        assert record.val_top1_mean == pytest.approx(float(row["val_top1_mean"]), abs=1e-4)


def test_costs_are_those_of_the_channels(finished):
    demo = problem("constraint=demo")
    for record in finished.run.records():
        candidate = record.candidate
        costs = price_spec(demo.skeleton.with_channels(candidate.channels), count_classifier=False)
        assert costs == {name: getattr(candidate, name) for name in costs}


def test_curves_hold_every_epoch_of_every_seed(finished):
    assert finished.run.curves_file.read_text().splitlines()[0] == ",".join(CURVE_COLUMNS)
    points = finished.run.curves()
    assert sorted((p.candidate, p.seed, p.epoch) for p in points) == [
        (candidate, seed, epoch) for candidate in range(5) for seed in SEEDS for epoch in EPOCHS
    ]
    last = {(point.candidate, point.seed): point.val_top1 for point in points if point.epoch == 2}
    for record in finished.run.records():
        assert tuple(last[record.candidate.number, seed] for seed in SEEDS) == record.outcome.val_top1
    assert all(point.lr >= 0 and point.train_loss > 0 for point in points)


def test_config_says_what_was_asked_and_where_it_ran(finished):
    held = yaml.safe_load(finished.run.config_file.read_text())
    assert held["constraint"]["name"] == "demo"
    assert (held["search"]["candidates"], held["sampler"]["startup"], held["train"]["epochs"]) == (5, 3, 2)
    provenance = held["provenance"]
    for package in ("chansearch", "torch", "ray", "optuna", "numpy", "python"):
        assert re.match(r"\d+\.\d+", provenance[package]), package
    assert provenance["classes"] == 10
    assert provenance["command"].startswith("chansearch search constraint=demo")
    assert provenance["data_fingerprint"]


def test_the_study_is_told_the_ranking_accuracy_and_never_the_test_accuracy(finished):
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{finished.run.study_file}")
    assert study.direction is optuna.study.StudyDirection.MAXIMIZE
    trials = {trial.user_attrs["candidate"]: trial for trial in study.get_trials()}
    records = finished.run.records()
    assert trials.keys() == {record.candidate.number for record in records}
    for record in records:
        trial = trials[record.candidate.number]
        assert trial.state is optuna.trial.TrialState.COMPLETE
        assert trial.values == [pytest.approx(record.val_top1_mean, abs=1e-4)]
        said = {**trial.user_attrs, **trial.system_attrs, **trial.intermediate_values}
        assert not any("test" in str(key) for key in said)
        assert trial.user_attrs["channels"] == format_channels(record.candidate.channels)


def test_the_sampler_would_propose_the_same_had_the_test_accuracies_been_others(finished):
    """What a proposer is told goes through ``tell``: a record whose test part differs changes nothing."""
    import dataclasses

    proposals = []
    for test_top1 in (0.0, 100.0):
        proposer = Proposer(problem("constraint=demo"), "tpe", 0, startup=3)
        for proposal, record in zip(take(proposer, 3), finished.run.records()[:3], strict=True):
            outcome = dataclasses.replace(record.outcome, test_top1=(test_top1, test_top1))
            proposer.tell(dataclasses.replace(record, candidate=proposal.candidate, outcome=outcome))
        proposals.append(take(proposer, 4))
    assert proposals[0] == proposals[1]


def test_tensorboard_has_the_curves_of_every_candidate_and_seed(finished):
    records = finished.run.records()
    assert sorted(folder.name for folder in finished.run.tensorboard.iterdir()) == [label(r) for r in records]
    points = {(p.candidate, p.seed, p.epoch): p for p in finished.run.curves()}
    for record in records:
        events = EventAccumulator(str(finished.run.tensorboard / label(record))).Reload()
        for seed in SEEDS:
            for tag, value in (("val_top1", "val_top1"), ("train_loss", "train_loss")):
                scalars = events.Scalars(f"{tag}/seed_{seed}")
                assert [scalar.step for scalar in scalars] == list(EPOCHS)
                expected = [getattr(points[record.candidate.number, seed, epoch], value) for epoch in EPOCHS]
                assert [scalar.value for scalar in scalars] == pytest.approx(expected, rel=1e-4)
        assert events.Scalars("val_top1/mean")[-1].value == pytest.approx(record.val_top1_mean, abs=1e-3)
        assert len(events.Scalars("lr")) == 2


def test_tensorboard_has_the_hparams_of_every_candidate(finished):
    for record in finished.run.records():
        events = EventAccumulator(str(finished.run.tensorboard / label(record))).Reload()
        content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        hparams = HParamsPluginData.FromString(content).session_start_info.hparams
        assert hparams["params"].number_value == record.candidate.params
        assert hparams["macs"].number_value == record.candidate.macs
        assert hparams["a"].number_value == pytest.approx(record.candidate.member.a)
        assert hparams["origin"].string_value == record.candidate.origin.value
        assert 0 <= hparams["linearity_r2"].number_value <= 1
        metric = events.Scalars("hparam/val_top1_mean")
        assert metric[-1].value == pytest.approx(record.val_top1_mean, abs=1e-3)


def test_leaves_no_temporary_file(finished):
    names = {path.name for path in finished.run.path.iterdir()} - {".lock"}
    assert names == {"config.yaml", "candidates.csv", "curves.csv", "sessions.csv", "study.db", "tb"}
    assert {path.name for path in finished.folder.iterdir()} == {"results"}


def test_confirm_trains_the_best_on_fresh_seeds(finished, cluster, capsys, tmp_path):
    """On a copy: the finished run stays as the search left it."""
    import shutil

    from chansearch.search.rundir import RunDirectory

    run = RunDirectory(tmp_path / "confirmed")
    shutil.copytree(finished.run.path, run.path)
    config = run.config_file.read_text()
    run.config_file.write_text(config.replace("address: local", cluster.replace("cluster.address=", "address: ")))
    before = run.candidates_file.read_bytes()
    assert main(["confirm", str(run.path), "--top", "2", "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    best = sorted(finished.run.records(), key=lambda r: (-r.val_top1_mean, r.candidate.number))[:2]
    lines = [line for line in out.splitlines() if line.startswith("[")]
    assert len(lines) == 2
    for record in best:
        assert any(f"{format_channels(record.candidate.channels)}  seeds (2, 3):" in line for line in lines), lines
    assert run.candidates_file.read_bytes() == before
    with run.confirm_file.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert {int(row["candidate"]) for row in table} == {record.candidate.number for record in best}


def test_confirm_needs_two_contenders(finished, capsys, tmp_path):
    import shutil

    run = tmp_path / "one"
    shutil.copytree(finished.run.path, run)
    table = run / "candidates.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:2]) + "\n")
    assert main(["confirm", str(run), "--top", "2", "--seeds", "1"]) == 2
    assert "1 finished candidates; two are needed" in capsys.readouterr().err
