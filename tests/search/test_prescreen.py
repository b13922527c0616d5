"""The prescreen: which draw of a group becomes a candidate, the counting, the resume, and a real search with one."""

import re

import pytest

from benchmarks.processes import TINY, rows
from chansearch.cli import main
from chansearch.nets.spec import NetworkSpec
from chansearch.proxies import score as scoring
from chansearch.proxies.probe import Probe
from chansearch.report import findings
from chansearch.report.analysis import analyse
from chansearch.report.write import write_report
from chansearch.search import propose, study
from chansearch.search.candidate import Draws, Origin
from chansearch.search.prescreen import Prescreen
from chansearch.search.propose import Proposer
from tests.search.live import go_on, search
from tests.search.problems import first, problem, scored, take, take_all

UNGUIDED = ("random", "qmc")
DRAWS = 4


def prescreened(drawn_from, proxy: str = "macs", draws: int = DRAWS) -> Prescreen:
    return Prescreen(proxy, draws, drawn_from.skeleton)


def proposer(drawn_from, sampler: str, known=(), **options) -> Proposer:
    return Proposer(drawn_from, sampler, 0, startup=6, known=known, prescreen=prescreened(drawn_from, **options))


@pytest.mark.parametrize("sampler", UNGUIDED)
def test_each_candidate_is_the_best_of_its_group_of_the_plain_stream(sampler):
    drawn_from = problem("constraint=c1")
    plain = [proposal.candidate for proposal in first(drawn_from, sampler, 0, 10 * DRAWS)]
    found = [proposal.candidate for proposal in take(proposer(drawn_from, sampler), 10)]
    groups = [plain[start : start + DRAWS] for start in range(0, len(plain), DRAWS)]
    for number, (candidate, group) in enumerate(zip(found, groups, strict=True)):
        best = max(group, key=lambda own: own.macs)
        assert (candidate.number, candidate.origin) == (number, Origin.PRESCREENED)
        assert (candidate.channels, candidate.member) == (best.channels, best.member)
        drawn = sum((own.draws for own in group), Draws())
        assert candidate.draws == drawn + Draws(by_proxy=DRAWS - 1)
        assert candidate.draws.kept == 1


@pytest.mark.parametrize("sampler", UNGUIDED)
def test_goes_on_after_a_resume_without_scoring_what_is_known(sampler, monkeypatch):
    drawn_from = problem("constraint=c1")
    whole = take(proposer(drawn_from, sampler), 8)
    scored_specs = []
    plain = scoring.score

    def noted(name: str, spec: NetworkSpec, *rest) -> float:
        scored_specs.append(spec.channels)
        return plain(name, spec, *rest)

    monkeypatch.setattr(scoring, "score", noted)
    for known in (0, 1, 5):
        scored_specs.clear()
        resumed = proposer(drawn_from, sampler, known=whole[:known])
        assert take(resumed, 8 - known) == whole[known:]
        assert len(scored_specs) == (8 - known) * DRAWS


def test_a_proxy_of_untrained_networks_chooses_the_same_each_time():
    demo, proxy = problem("constraint=demo"), "synflow"
    found = take(proposer(demo, "random", proxy=proxy, draws=3), 2)
    assert take(proposer(demo, "random", proxy=proxy, draws=3), 2) == found
    group = [proposal.candidate.channels for proposal in first(demo, "random", 0, 3)]
    noise = Probe.noise(demo.skeleton)
    scores = [scoring.score(proxy, demo.skeleton.with_channels(channels), noise) for channels in group]
    assert found[0].candidate.channels == group[scores.index(max(scores))]


def test_a_guided_sampler_chooses_by_itself_after_its_start():
    drawn_from = problem("constraint=c1")
    guided = proposer(drawn_from, "tpe")
    found = []
    for top1 in range(9):
        found.append(guided.propose())
        guided.tell(scored(found[-1], float(top1)))
    assert found[:6] == take(proposer(drawn_from, "random"), 6)
    assert [p.candidate.origin for p in found] == [Origin.PRESCREENED] * 6 + [Origin.SAMPLER] * 3
    assert {p.candidate.draws.by_proxy for p in found[6:]} == {0}
    resumed = proposer(drawn_from, "tpe", known=found)
    assert resumed.propose().candidate.channels not in {p.candidate.channels for p in found}


def test_a_space_that_runs_out_gives_the_best_of_what_is_left(monkeypatch):
    monkeypatch.setattr(propose, "_EXHAUSTED_AFTER", 5_000)
    small = problem("constraint=c1", "space=linear", "space.divisor=8")
    members = [proposal.candidate for proposal in take_all(Proposer(small, "random", 0, startup=2))]
    found = [proposal.candidate for proposal in take_all(proposer(small, "random"))]
    assert len(found) == -(-len(members) // DRAWS)
    assert found[-1].macs == max(own.macs for own in members[(len(found) - 1) * DRAWS :])


def test_the_study_keeps_who_was_set_aside(tmp_path):
    demo = problem("constraint=demo")
    proposals = take(proposer(demo, "random"), 3)
    file = study.StudyFile(tmp_path / "study.db", demo)
    for proposal in proposals:
        file.add(proposal)
    assert study.StudyFile(tmp_path / "study.db", demo).proposals() == proposals


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "sampler.prescreen=naswott",
            r"sampler.prescreen: 'naswott' is unknown \(did you mean naswot\?\); allowed: null",
        ),
        ("sampler.prescreen_draws=1", r"sampler.prescreen_draws: 1; allowed: 2 or more"),
    ],
)
def test_a_mistake_is_told_at_once(setting, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["search", *TINY, setting]) == 2
    assert re.search(line, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
class TestSearch:
    ASKED = ("sampler=random", "sampler.prescreen=synflow", "sampler.prescreen_draws=3", "search.candidates=2")

    @pytest.fixture(scope="class")
    def found(self, tmp_path_factory, cluster):
        return search(tmp_path_factory.mktemp("prescreen"), *self.ASKED, cluster)

    def test_trains_the_best_of_each_group_and_counts_the_others(self, found):
        demo = problem("constraint=demo")
        asked = take(Proposer(demo, "random", 0, startup=2, prescreen=prescreened(demo, "synflow", 3)), 2)
        records = found.run.records()
        assert [record.candidate for record in records] == [proposal.candidate for proposal in asked]
        for row in rows(found.run):
            assert (row["origin"], row["by_proxy"]) == ("prescreened", "2")
        assert re.search(r"prescreen: the best of 3 draws by synflow, \S+ s a draw measured: ", found.printed)
        assert "4 by the prescreen)" in found.printed

    def test_the_report_says_that_they_are_no_sample_of_the_space(self, found):
        text = " ".join(findings.population(analyse(found.run)))
        assert "+ 4 set aside by the prescreen." in text
        assert "2 candidates are each the best of 3 draws by synflow" in text
        assert "report.html" in write_report([found.run]).text

    def test_a_resume_goes_on_with_the_next_group(self, found):
        run = found.run
        records = run.records()
        run.config_file.write_text(run.config_file.read_text().replace("candidates: 2", "candidates: 3"))
        go_on(run)
        demo = problem("constraint=demo")
        asked = take(Proposer(demo, "random", 0, startup=2, prescreen=prescreened(demo, "synflow", 3)), 3)
        assert run.records()[:2] == records
        assert run.records()[2].candidate == asked[2].candidate
