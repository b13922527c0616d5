"""The cost of a run: numbers done by hand, and workers whose time is all accounted for."""

import dataclasses
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.report import analyse, cost_text, terminal, write_report
from chansearch.report.cost import cost_of, train_flops
from chansearch.report.published import TABLE_3
from chansearch.search.candidate import State
from chansearch.search.spent import SessionTime, Spent
from tests.report.synthetic import make_record, population, write_run

SESSION = SessionTime("2026-01-01T00:00:00+00:00", 2, 1, "cpu", "bfloat16", 100e9, 40.0, 1000.0)
START = 7  # seconds of each session before its first hand-out
PAPER = 50_000 * 30  # images of a training: CIFAR-100's, 30 times


def costing(number: int, *spent) -> object:
    return make_record(number, spent=Spent(*spent))


@pytest.mark.parametrize(("constraint", "pflop"), [("c1", 0.27), ("c2", 0.9), ("c3", 1.8), ("c4", 3.15)])
def test_a_training_of_the_paper(constraint, pflop):
    """MACs as published, the mean over the three tenths."""
    macs = [tenth.macs_m for tenth in TABLE_3[constraint].tenths.values()]
    assert train_flops(1e6 * sum(macs) / 3, PAPER) / 1e15 == pytest.approx(pflop, rel=0.05)


def test_a_training_of_c1s_best_by_hand():
    best = make_record(0, channels=(34, 34, 45, 55, 66)).candidate
    assert best.macs == 28_606_208
    assert train_flops(best.macs, PAPER) == 28_606_208 * 3 * 2 * 50_000 * 30


def test_a_run_by_hand():
    records = [
        costing(0, 500.0, 100_000, 100.0, 510.0),
        costing(1, 650.0, 100_000, 150.0, 660.0),
        costing(2, 310.0, 50_000, 60.0, 330.0),
    ]
    cost = cost_of(records, [SESSION])
    assert cost.flops == 28_606_208 * 6 * 250_000
    assert cost.floor_seconds == pytest.approx(429.09312)  # at 100 GFLOP/s
    assert [(part.label, part.seconds) for part in cost.parts] == [
        ("training", 400 + 500 + 250),
        ("measuring accuracy", 310),
        ("lost within candidates", 40),
        ("lost between candidates", 420),
        ("lost in starting", 80),
    ]
    assert cost.rate_share == pytest.approx(429.09312 / 1150)
    assert (cost.worker_seconds, cost.lost_seconds, cost.busy_share) == (2000, 540, 0.73)
    assert cost.images_per_second.median == 200  # of 250, 200 and 200
    assert (cost.lost_a_candidate.median, cost.lost_a_candidate.p90) == pytest.approx((10, 18))


def test_sessions_add_up_and_the_faster_one_counts_by_its_time():
    second = dataclasses.replace(SESSION, workers=1, wall_seconds=500.0, matrix_flops=200e9)
    cost = cost_of([costing(0, 500.0, 100_000, 100.0, 510.0)], [SESSION, second])
    assert cost.worker_seconds == 2500
    assert cost.matrix_flops == pytest.approx((2000 * 100e9 + 500 * 200e9) / 2500)


@dataclass(frozen=True)
class Trial:
    """What one worker does with a candidate, in the order it does it, in seconds."""

    handed: int
    built: int
    trained: int
    measured: int

    @property
    def spent(self) -> Spent:
        busy = self.trained + self.measured
        return Spent(busy, 10 * self.trained, self.measured, self.built + busy)


trials = st.builds(Trial, *[st.integers(0, 1000)] * 4)
shifts = st.lists(st.lists(trials, max_size=4), min_size=1, max_size=4)  # of each worker of a session


@given(st.lists(shifts, min_size=1, max_size=3))
def test_every_second_of_every_worker_is_accounted_for(sessions):
    """Training + measuring + lost = workers × wall, whatever each worker did in each session."""
    done = [trial for session in sessions for worker in session for trial in worker]
    walls = [
        max(START + sum(trial.handed + trial.spent.wall_seconds for trial in worker) for worker in s) for s in sessions
    ]
    records = [costing(number, *dataclasses.astuple(trial.spent)) for number, trial in enumerate(done)]
    times = [
        dataclasses.replace(SESSION, workers=len(session), start_seconds=START, wall_seconds=wall)
        for session, wall in zip(sessions, walls, strict=True)
    ]
    cost = cost_of(records, times)
    total = sum(len(session) * wall for session, wall in zip(sessions, walls, strict=True))
    if cost is None:
        assert not done
        return
    assert cost.train_seconds == sum(trial.trained for trial in done)
    assert cost.eval_seconds == sum(trial.measured for trial in done)
    assert cost.train_seconds + cost.eval_seconds + cost.lost_seconds == total
    assert sum(part.seconds for part in cost.parts) == total
    assert cost.parts[2].seconds == sum(trial.built for trial in done)
    assert cost.parts[4].seconds == START * sum(len(session) for session in sessions)
    assert all(part.seconds >= 0 for part in cost.parts)
    assert 0 <= cost.busy_share <= 1


def test_candidates_that_never_trained_have_no_speed():
    cost = cost_of([costing(0, 0.0, 0, 0.0, 12.0)], [SESSION])
    assert (cost.images_per_second, cost.rate_share) == (None, None)
    assert cost.lost_a_candidate.median == 12


@pytest.mark.parametrize(
    ("records", "sessions"),
    [
        ([], [SESSION]),
        ([costing(0, 500.0, 100_000, 100.0, 510.0)], []),
        ([costing(0, 500.0, 100_000, 100.0, 510.0), costing(1, 500.0)], [SESSION]),
    ],
    ids=["no candidate", "no session", "a candidate of an earlier version"],
)
def test_what_was_not_recorded_is_not_guessed(records, sessions):
    assert cost_of(records, sessions) is None


class TestReport:
    @pytest.fixture
    def run(self, tmp_path):
        run = write_run(tmp_path / "run", population(12))
        run.write_sessions([SESSION, dataclasses.replace(SESSION, device="<b>GPU</b>\x1b")])
        return run

    def test_terminal_and_page_say_the_same(self, run):
        text = write_report([run]).text
        page = run.page_file.read_text(encoding="utf-8")
        cost = analyse(run).cost
        for row in cost_text.rows(cost):
            assert any(line.split("  ")[0] == row[0] and line.endswith(row[2]) for line in text.splitlines())
            assert all(f">{cell}</td>" in page for cell in row)
        flat = " ".join(text.split())
        for words in (
            "measured, 100 GFLOP/s (bfloat16, 1 thread, 2 workers at once, cpu; ",
            "A worker trained 46,875 images/s, the median over candidates",
            "a candidate lost 1.5 s between hand-out and end",
            "which they are not: these networks cannot reach it.",
        ):
            assert words in flat, words
            assert words in page, words

    def test_the_name_of_a_device_is_text(self, run):
        text = write_report([run]).text
        page = run.page_file.read_text(encoding="utf-8")
        assert "\x1b" not in text + page
        assert "<b>GPU" not in page and "&lt;b&gt;GPU&lt;/b&gt;" in page

    def test_a_candidates_own_cost_is_in_its_row(self, run):
        write_report([run])
        page = run.page_file.read_text(encoding="utf-8")
        table = page[page.index("<noscript>") :]
        for heading in ("training and measuring [s]", "trained by a worker [images/s]", "lost, hand-out to end [s]"):
            assert heading in table
        assert "<td>100.0</td><td>46,875</td><td>1.5</td>" in table

    def test_a_run_of_an_earlier_version_says_so(self, tmp_path):
        records = [make_record(number, spent=Spent(seconds=100.0)) for number in range(3)]
        run = write_run(tmp_path / "run", records)
        assert "Cost: not recorded by the version that ran this search." in write_report([run]).text
        page = run.page_file.read_text(encoding="utf-8")
        assert "<h2>Cost</h2><p>Cost: not recorded" in page
        assert "<td>100.0</td><td>–</td><td>–</td>" in page

    def test_a_run_that_has_only_begun_says_nothing_of_it(self, tmp_path):
        run = write_run(tmp_path / "run", [])
        assert "Cost" not in write_report([run]).text
        assert "<h2>Cost</h2>" not in run.page_file.read_text(encoding="utf-8")

    def test_a_run_in_which_nothing_trained(self, tmp_path):
        failed = make_record(0, [], state=State.FAILED, reason="worker died", spent=Spent(0.0, 0, 0.0, 12.0))
        run = write_run(tmp_path / "run", [failed])
        run.write_sessions([SESSION])
        text = " ".join(terminal.summary(analyse(run)).split())
        assert "Trained: 0 GFLOP" in text and "images/s" not in text

    def test_a_cluster_that_grew_is_no_wonder(self, tmp_path):
        run = write_run(tmp_path / "run", population(12))  # 100 s each
        run.write_sessions([dataclasses.replace(SESSION, wall_seconds=300.0)])
        assert "More workers took part" in terminal.summary(analyse(run))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 GFLOP"),
        (20.114e9, "20.1 GFLOP"),
        (129e9, "129 GFLOP"),
        (1.5e12, "1.5 TFLOP"),
        (0.2575e15, "258 TFLOP"),
        (1.89e18, "1,890 PFLOP"),
    ],
)
def test_counts_for_people(count, text):
    assert cost_text._flop(count) == text
