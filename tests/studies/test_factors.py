"""The four networks of Table 2 and what is concluded from their trainings."""

import dataclasses

import pytest
from matplotlib.text import Text

from chansearch.config import compose
from chansearch.cost import price_spec
from chansearch.nets import NetworkSpec
from chansearch.report import canvas
from chansearch.studies.config import STUDY
from chansearch.studies.factors import FACTORS, factor_networks
from chansearch.studies.published import TABLE_2
from chansearch.studies.trained import Plan
from chansearch.studies.trainings import Training

NETWORKS = tuple(factor_networks(100).values())
NAMES = tuple(factor_networks(100))


class TestNetworks:
    @pytest.mark.parametrize("count_classifier", [True, False])
    @pytest.mark.parametrize("place", range(4))
    def test_cost_what_table_2_prints(self, place, count_classifier):
        macs = price_spec(NETWORKS[place], count_classifier=count_classifier)["macs"]
        assert macs == pytest.approx(TABLE_2[place].macs_m * 1e6, rel=0.02)

    @pytest.mark.parametrize(("place", "expansion", "ratio"), [(0, 20, 0.22), (1, 6, 0.22), (2, 6, 0.8), (3, 6, 0.8)])
    def test_have_the_stated_dimension_ratios(self, place, expansion, ratio):
        spec = NETWORKS[place]
        assert spec.expansions == (expansion, expansion)
        first, second = spec.channels
        assert [round(spec.stem_channels / first, 2), round(first / second, 2)] == [ratio, ratio]

    def test_differ_in_nothing_else(self):
        """Channels follow from the ratios and the MACs; the last step changes the activation alone."""

        def rest(spec: NetworkSpec) -> NetworkSpec:
            return dataclasses.replace(spec, channels=(1, 1), stem_channels=1, expansions=(1, 1), activation="relu6")

        assert len({rest(spec) for spec in NETWORKS}) == 1
        assert dataclasses.replace(NETWORKS[2], activation="silu") == NETWORKS[3]
        assert [spec.activation for spec in NETWORKS] == ["relu6", "relu6", "relu6", "silu"]


def _conclude(top1s, seeds=3, failed=()):
    """The study of trainings whose seeds lie 0.2 points apart; the nuclear norm is a hundred times the top-1."""
    config = compose(["data=cifar100", f"train.seeds={seeds}"], tree=STUDY)
    trainings = []
    for place, (name, top1) in enumerate(zip(NAMES, top1s, strict=True)):
        for seed in range(seeds):
            value = top1 + 0.2 * seed + 0.05 * ((place + seed) % 2)
            if (place, seed) in failed:
                trainings.append(Training(name, seed, "failed", reason="worker died: gone"))
            else:
                trainings.append(Training(name, seed, "finished", 30, value + 1, value, 100 * value, 500, 80.0, 60.0))
    return FACTORS.conclude(Plan(FACTORS, config, factor_networks(100)), trainings)


class TestConclusions:
    def test_hold_where_every_step_is_above_the_noise(self):
        study = _conclude([48.0, 52.1, 53.8, 54.6])
        assert [finding.holds for finding in study.findings] == [True] * 8
        assert study.findings[0].published == "+4.1 points"
        assert study.findings[0].measured.startswith("+4.1")

    def test_do_not_hold_the_other_way_round(self):
        study = _conclude([54.6, 53.8, 52.1, 48.0])
        assert [finding.holds for finding in study.findings] == [False] * 8

    def test_say_when_a_step_is_within_the_noise(self):
        study = _conclude([48.0, 52.1, 52.12, 54.6])
        assert [finding.holds for finding in study.findings[:4]] == [True, None, True, None]
        assert "within the noise" in study.findings[1].measured
        assert "open" in study.paragraph()

    def test_leave_open_what_one_seed_cannot_tell(self):
        study = _conclude([48.0, 52.1, 53.8, 54.6], seeds=1)
        assert {finding.holds for finding in study.findings} == {None}
        assert "noise unknown" in study.paragraph()

    def test_stand_beside_what_failed(self):
        study = _conclude([48.0, 52.1, 53.8, 54.6], failed={(1, 0), (1, 1), (1, 2), (2, 2)})
        assert study.findings[0].measured == "not trained"
        assert study.findings[2].holds is True
        assert "+ DR of the bottlenecks 0.8, seed 2 (worker died: gone)" in study.note
        row = study.rows[1]
        assert (row["trainings"], row["failed"], row["test_top1_mean"]) == (3, 3, "")
        assert study.rows[2]["failed"] == 1
        assert canvas.render(study.figure).png.startswith(b"\x89PNG")

    def test_put_the_published_numbers_beside_the_measured(self):
        study = _conclude([48.0, 52.1, 53.8, 54.6])
        assert [row["published_top1"] for row in study.rows] == [48.0, 52.1, 53.8, 54.6]
        assert [row["published_macs_m"] for row in study.rows] == [103, 99, 105, 105]
        assert study.rows[0]["test_top1_mean"] == pytest.approx(48.2 + 0.05 / 3)
        drawn = {text.get_text() for text in study.figure.findobj(Text)}
        assert {
            "published: CIFAR-100, three trainings",
            "6,895.9",
            "nuclear norm of the final feature",
        } <= drawn
