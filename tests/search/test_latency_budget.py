"""A bound on the latency: what is measured when, that it all adds up, and that a resume measures nothing twice."""

import dataclasses
import re
from types import SimpleNamespace

import pytest

from chansearch.config import compose
from chansearch.cost.engines import Setting
from chansearch.cost.meter import Meter, MeterError
from chansearch.errors import UserError
from chansearch.report import facts, findings
from chansearch.report.analysis import analyse
from chansearch.report.terminal import summary
from chansearch.search import latency, propose, study
from chansearch.search.candidate import Draws, Origin, Outcome, Record, State
from chansearch.search.latency import LatencyBound, LatencyLimit
from chansearch.search.plan import make_plan
from chansearch.search.propose import Proposer, SpaceExhausted
from chansearch.search.rundir import RunDirectory
from chansearch.search.session import check
from chansearch.search.spent import Spent
from tests.search.live import go_on, search
from tests.search.problems import problem, scored, take

DEMO = problem("constraint=demo")
# Six in ten of the demo's configurations: by their sum, which stands for what a network might take.
SUM = 55
REFERENCE = (8, 8, 8, 8, 8)


class Tabulated:
    """A meter whose networks take as many milliseconds as they have channels; the reference is right in the middle."""

    asked: list[tuple[int, ...]] = []  # noqa: RUF012

    def __init__(self, reference, setting) -> None:
        self.reference = reference.channels

    def quiet_seconds(self) -> list[float]:
        self.asked.append(self.reference)
        return [sum(self.reference) / 1000] * 3

    def ratios(self, network) -> list[float]:
        self.asked.append(network.channels)
        return [factor * sum(network.channels) / sum(self.reference) for factor in (0.9, 1.0, 1.1)]

    def close(self) -> None:
        pass


@pytest.fixture
def asked(monkeypatch) -> list[tuple[int, ...]]:
    """What was measured, in order."""
    monkeypatch.setattr(latency, "Meter", Tabulated)
    monkeypatch.setattr(Tabulated, "asked", [])
    return Tabulated.asked


def bound(at_most_ms: float = SUM, known=()) -> LatencyBound:
    return LatencyBound(LatencyLimit(at_most_ms, Setting()), DEMO.skeleton, REFERENCE, known)


def proposer(limit: LatencyBound | None, sampler: str = "random", known=(), startup: int = 4) -> Proposer:
    return Proposer(DEMO, sampler, 3, startup, known, limit)


class TestProposing:
    def test_keeps_what_is_fast_enough_and_counts_the_rest(self, asked):
        proposals = take(proposer(bound()), 30)
        for proposal in proposals:
            assert sum(proposal.candidate.channels) <= SUM
            assert proposal.candidate.latency_ms == pytest.approx(sum(proposal.candidate.channels), abs=0.01)
        draws = sum((proposal.candidate.draws for proposal in proposals), Draws())
        assert draws.kept == 30
        assert draws.over_latency > 5
        total = draws.duplicate + draws.under_budget + draws.over_budget + draws.over_latency
        assert draws.drawn == 30 + total

    def test_takes_from_the_stream_what_it_would_without_but_for_the_slow_ones(self, asked):
        unbounded = [proposal.candidate.channels for proposal in take(proposer(None), 200)]
        expected = [channels for channels in unbounded if sum(channels) <= SUM][:30]
        assert [proposal.candidate.channels for proposal in take(proposer(bound()), 30)] == expected

    def test_measures_nothing_that_misses_the_budget_and_nothing_twice(self, asked):
        take(proposer(bound()), 30)
        assert asked[0] == REFERENCE
        assert len(set(asked)) == len(asked)
        within = {proposal.candidate.channels for proposal in take(proposer(None), 200)}
        assert set(asked[1:]) <= within

    @pytest.mark.parametrize("kept", [0, 1, 7])
    def test_goes_on_after_a_resume_without_measuring_again(self, asked, tmp_path, kept):
        run = RunDirectory.create(tmp_path / "run", {})
        first = bound()
        first.keep_in(run)
        proposals = take(proposer(first), 12)
        count = len(asked)
        # Cut off after ``kept`` candidates were noted; what was measured is in the run.
        again = take(proposer(bound(known=run.latencies()), known=proposals[:kept]), 12 - kept)
        assert again == proposals[kept:]
        assert len(asked) == count

    @pytest.mark.parametrize("sampler", ["tpe", "gp"])
    def test_a_guided_sampler_keeps_to_the_bound(self, asked, sampler):
        made = proposer(bound(), sampler)
        proposals = []
        for number in range(10):
            proposals.append(made.propose())
            made.tell(scored(proposals[-1], 50.0 + number))
        assert all(sum(proposal.candidate.channels) <= SUM for proposal in proposals)
        assert Origin.SAMPLER in {proposal.candidate.origin for proposal in proposals}
        assert len(set(asked)) == len(asked)

    def test_tpe_is_spared_what_is_known_to_be_too_slow(self, asked):
        limit = bound()
        made = proposer(limit)
        priced = [DEMO.realise([values])[0] for values in next(propose.unguided_values(DEMO, "random", 3))]
        draws = next(propose.unguided_values(DEMO, "random", 3))
        before = made._admissible(draws)
        for one in priced:
            limit.admits(one.channels)
        after = made._admissible(draws)
        slow = [sum(one.channels) > SUM for one in priced]
        assert after.tolist() == [was and not is_slow for was, is_slow in zip(before, slow, strict=True)]
        assert after.sum() < before.sum()

    def test_a_bound_that_nothing_meets_ends_the_space(self, asked, monkeypatch):
        monkeypatch.setattr(propose, "_TOO_SLOW_AFTER", 20)
        with pytest.raises(SpaceExhausted):
            take(proposer(bound(at_most_ms=1.0)), 1)
        assert 10 < len(asked) <= 1 + 20  # the reference, and those of the twenty draws that differ


class TestBound:
    def test_names_the_fastest_where_none_is_fast_enough(self, asked):
        first = [proposal.candidate.channels for proposal in take(proposer(None), 16)]
        fastest = min(first, key=sum)
        words = re.escape("-".join(map(str, fastest)))
        with pytest.raises(UserError, match=rf"constraint\.latency_ms: 3 is met by none of the first 16 .*{words}"):
            bound(at_most_ms=3).check_reachable(first)
        bound(at_most_ms=sum(fastest) + 0.5).check_reachable(first)

    def test_is_written_whole_and_read_back(self, asked, tmp_path):
        run = RunDirectory.create(tmp_path / "run", {})
        limit = bound()
        limit.admits((9, 9, 9, 9, 9))  # before there is a run
        limit.keep_in(run)
        limit.admits((10, 10, 10, 10, 10))
        held = run.latencies()
        assert [row.channels for row in held] == [REFERENCE, (9,) * 5, (10,) * 5]
        assert [row.latency_ms for row in held] == [40.0, 45.0, 50.0]
        assert dataclasses.astuple(held[2])[2:] == (1.25, 1.15, 1.35, 3)
        with run.latencies_file.open("a") as file:
            file.write("11-11-11-11-11,55.0,1.3")  # a torn line: measured again
        again = bound(known=run.latencies())
        again.keep_in(run)
        assert again.latency_ms((11,) * 5) == 55.0
        assert [row.channels for row in run.latencies()] == [REFERENCE, (9,) * 5, (10,) * 5, (11,) * 5]

    def test_a_network_that_cannot_be_measured_is_named(self, asked, monkeypatch):
        def fail(self, network):
            raise MeterError("no operator for that")

        monkeypatch.setattr(Tabulated, "ratios", fail)
        with pytest.raises(UserError, match=r"9-9-9-9-9 cannot be measured: no operator for that"):
            bound().admits((9,) * 5)


class TestConfiguration:
    def test_is_off_by_default(self):
        assert make_plan(compose(["constraint=c1"]), 10).limit is None

    def test_reaches_the_meter(self):
        settings = ("latency_ms=2.5", "latency.engine=onnx", "latency.batch=4", "latency.threads=2")
        plan = make_plan(compose(["constraint=c1", *(f"constraint.{one}" for one in settings)]), 10)
        assert plan.limit == LatencyLimit(2.5, Setting("onnx", "cpu", 4, 2))

    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ("latency_ms=0", "constraint.latency_ms: 0.0; allowed: null, or above 0"),
            ("latency_ms=inf", "constraint.latency_ms: inf"),
            ("latency.engine=tflite", "constraint.latency.engine: 'tflite' is unknown; allowed: eager, compiled, onnx"),
            ("latency.device=tpu", "constraint.latency.device: 'tpu' is unknown (did you mean cpu?); allowed: cpu"),
            ("latency.batch=0", "constraint.latency.batch: 0; allowed: 1 or more"),
            ("latency.threads=0", "constraint.latency.threads: 0; allowed: 1 or more"),
        ],
    )
    def test_what_is_not_allowed_is_named(self, override, words):
        with pytest.raises(UserError, match=re.escape(words)):
            make_plan(compose(["constraint=c1", f"constraint.{override}"]), 10)

    def test_an_engine_that_is_not_there_is_named_before_anything_starts(self, monkeypatch):
        monkeypatch.setattr(latency, "why_not", lambda engine, device: "no such thing here")
        with pytest.raises(UserError, match=r"constraint\.latency: onnx on cpu: no such thing here"):
            check(compose(["constraint=c1", "constraint.latency_ms=1", "constraint.latency.engine=onnx"]))


class TestReport:
    @pytest.fixture
    def run(self, asked, tmp_path) -> RunDirectory:
        """Twelve made-up trainings of candidates under a bound."""
        constraint = {"name": "demo", "latency_ms": 55.0, "latency": {"engine": "eager", "threads": 1}}
        run = RunDirectory.create(tmp_path / "run", {"constraint": constraint, "search": {"candidates": 12}})
        for number, proposal in enumerate(take(proposer(bound()), 12)):
            spent = Spent(1.0, 10, 0.1, 1.2)
            outcome = Outcome(State.FINISHED, (0, 1), (50.0 + number,) * 2, (50.0,) * 2, epochs=2, spent=spent)
            run.append_record(Record(proposal.candidate, outcome))
        return run

    def test_shows_the_latency_and_the_draws_that_were_too_slow(self, run):
        analysis = analyse(run)
        draws = analysis.draws
        assert draws.over_latency > 0
        [sentence] = [one for one in findings.population(analysis) if "drawn" in one]
        numbers = [int(number) for number in re.findall(r"\d+", sentence)]
        assert numbers[0] == sum(numbers[1:]) and numbers[-1] == draws.over_latency
        assert "latency [ms]" in summary(analysis)
        assert facts.Fact("latency", "at most 55.0 ms, engine eager, threads 1") in facts.facts(analysis.config)

    def test_the_study_keeps_it(self, asked, tmp_path):
        proposals = take(proposer(bound()), 5)
        file = study.StudyFile(tmp_path / "study.db", DEMO)
        for proposal in proposals:
            file.add(proposal)
        assert study.StudyFile(tmp_path / "study.db", DEMO).proposals() == proposals

    def test_a_study_of_an_earlier_version_is_read(self):
        proposal = proposer(None).propose()
        held = study._to_attributes(proposal.candidate)
        del held["latency_ms"]
        held["draws"] = held["draws"][:4]
        trial = SimpleNamespace(user_attrs=held, params=proposal.values, number=0)
        assert study._to_proposal(trial) == proposal


@pytest.mark.slow
class TestSearch:
    # Multiply-adds from a tenth of the target to twice as many, and enough images for them to matter.
    WIDE = (
        "constraint.budget.params=null",
        "constraint.budget.macs.tolerance=0.9",
        "constraint.latency.batch=16",
        "constraint.latency_ms=0.8",
        "sampler=random",
        "search.candidates=3",
    )

    def test_ends_with_candidates_under_the_bound_and_a_resume_measures_no_more(self, tmp_path, cluster, monkeypatch):
        """The reference is taken to need a millisecond, so that the bound is one on what is really measured beside the
        workers, the ratio."""
        monkeypatch.setattr(Meter, "quiet_seconds", lambda self: [0.001])
        found = search(tmp_path, *self.WIDE, cluster)
        run = found.run
        assert "latency: " in found.printed and "at most 0.8 ms are asked for" in found.printed
        reference, *others = run.latencies()
        assert (reference.latency_ms, reference.ratio) == (1.0, 1.0)
        measured = {row.channels: row for row in others}
        records = run.records()
        assert len(records) == 3
        for record in records:
            row = measured[record.candidate.channels]
            assert record.candidate.latency_ms == row.latency_ms <= 0.8
            assert row.ratio_p10 <= row.ratio <= row.ratio_p90
        draws = sum((record.candidate.draws for record in records), Draws())
        assert draws.kept == 3
        assert draws.over_latency >= 1  # the reference itself, the first draw, is over it

        config = run.config_file.read_text()
        run.config_file.write_text(config.replace("candidates: 3", "candidates: 4"))
        asked = []
        ratios = Meter.ratios

        def noted(self, network) -> list[float]:
            asked.append(network.channels)
            return ratios(self, network)

        monkeypatch.setattr(Meter, "ratios", noted)
        monkeypatch.setattr(Meter, "quiet_seconds", None)
        before = [row.channels for row in run.latencies()]
        go_on(run)
        assert run.records()[:3] == records and len(run.records()) == 4
        assert [row.channels for row in run.latencies()] == before + asked
        assert not set(asked) & set(before)
