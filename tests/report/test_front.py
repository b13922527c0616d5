"""The front in the report: what stays of it under the seeds' noise, and the same members wherever it is shown."""

import csv

import numpy as np
import pytest

from chansearch.report import analyse, page, terminal, write_report
from chansearch.report.front import stay_shares
from chansearch.search.candidate import State
from tests.report.synthetic import config, make_record, population, write_run

# Costs rise from left to right; the third is as good as nothing beside the second, the fourth is beaten.
TINY, SMALL, MIDDLE, LARGE = (5, 5, 8, 8, 10), (10, 10, 20, 20, 30), (20, 20, 30, 40, 50), (34, 34, 45, 55, 66)


def settings(*objectives: str, **given) -> dict:
    made = config(**given)
    made["search"] = made["search"] | {"objectives": list(objectives)}
    return made


@pytest.fixture
def run(tmp_path):
    records = [
        make_record(0, [60.0, 60.2, 59.8], channels=LARGE),
        make_record(1, [40.0, 40.2, 40.1], channels=TINY),
        make_record(2, [50.0, 50.4, 49.8], channels=SMALL),
        make_record(3, [50.0, 49.9, 50.4], channels=MIDDLE),
        make_record(4, [39.0, 39.2, 39.1], channels=SMALL),
        make_record(5, [], channels=TINY, state=State.FAILED, reason="gone"),
    ]
    return write_run(tmp_path / "c1-front", records, settings("accuracy", "macs", candidates=6))


class TestWhatStays:
    def test_without_noise_all_does(self):
        points = np.array([[-60.0, 30.0], [-50.0, 20.0], [-40.0, 10.0]])
        assert stay_shares(points, [0, 1, 2], 0.0) == [1.0, 1.0, 1.0]

    def test_the_cheapest_always_does(self):
        points = np.array([[-60.0, 30.0], [-59.9, 20.0], [-59.8, 10.0]])
        assert stay_shares(points, [2], 50.0) == [1.0]

    @pytest.mark.parametrize(("gap", "errors"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (2.0, 2.0)])
    def test_two_neighbours_are_as_the_normal_law_says(self, gap, errors):
        """The dearer one is there while its accuracy exceeds the cheaper one's: a difference of two normal numbers."""
        from scipy.stats import norm

        points = np.array([[-50.0 - gap, 20.0], [-50.0, 10.0]])
        [share] = stay_shares(points, [0], 1.0)
        assert share == pytest.approx(norm.cdf(errors / np.sqrt(2)), abs=0.05)

    def test_dearer_in_one_cost_and_cheaper_in_another_is_no_rival(self):
        points = np.array([[-50.0, 20.0, 5.0], [-60.0, 10.0, 6.0]])
        assert stay_shares(points, [0, 1], 100.0) == [1.0, 1.0]


class TestTheReport:
    def test_the_same_members_in_the_file_the_page_and_the_terminal(self, run):
        report = write_report([run])
        with run.front_file.open() as file:
            rows = list(csv.DictReader(file))
        assert [int(row["candidate"]) for row in rows] == [1, 2, 3, 0]
        assert [int(row["macs"]) for row in rows] == sorted(int(row["macs"]) for row in rows)
        assert run.front_file in report.files
        lines = report.text.splitlines()
        start = next(place for place, line in enumerate(lines) if line.startswith("candidate"))
        assert [line.split()[0] for line in lines[start + 1 : start + 5]] == ["#1", "#2", "#3", "#0"]
        page = run.page_file.read_text()
        section = page[page.index("<h2>Front</h2>") :]
        assert [f">#{number}</td>" in section for number in (1, 2, 3, 0)] == [True] * 4
        assert section.index(">#1</td>") < section.index(">#0</td>")

    def test_the_one_that_owes_its_place_to_noise_is_marked(self, run):
        front = analyse(run).front
        assert [member.record.candidate.number for member in front.members if member.is_doubtful] == []
        stays = {member.record.candidate.number: member.stays for member in front.members}
        assert stays[1] == 1.0
        assert stays[3] < 0.75 < stays[0]

    def test_with_one_seed_nothing_is_said_of_noise(self, tmp_path):
        records = [make_record(0, [60.0], channels=LARGE), make_record(1, [40.0], channels=TINY)]
        run = write_run(tmp_path / "one", records, settings("accuracy", "macs", candidates=2, seeds=1))
        assert [member.stays for member in analyse(run).front.members] == [None, None]
        assert "train.seeds=2 or more would" in " ".join(terminal.summary(analyse(run)).split())

    @pytest.mark.parametrize("objectives", [["accuracy"], ["accuracy", "words"], ["macs", 3], [], None, "accuracy"])
    def test_a_run_of_accuracy_alone_has_none(self, tmp_path, objectives):
        made = config(candidates=12)
        made["search"] = made["search"] | {"objectives": objectives}
        analysis = analyse(write_run(tmp_path / "alone", population(12), made))
        assert analysis.front is None
        assert "<h2>Front" not in page.run_page(analysis, {}) + terminal.summary(analysis)

    def test_before_anything_has_ended_it_is_empty(self, tmp_path):
        run = write_run(tmp_path / "begun", [], settings("accuracy", "params", "macs"))
        write_report([run])
        assert run.front_file.read_text().count("\n") == 1

    def test_the_figure_has_a_panel_a_cost(self, run, tmp_path):
        from chansearch.report.figure_front import draw_front

        assert len(draw_front(analyse(run)).axes) == 1
        both = write_run(tmp_path / "both", run.records(), settings("accuracy", "params", "macs"))
        panels = draw_front(analyse(both)).axes
        assert [panel.get_xlabel() for panel in panels] == ["params [M]", "MACs (the paper's FLOPs) [M]"]
