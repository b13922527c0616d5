"""The eight variants of a network and what is concluded from their trainings."""

import dataclasses

import pytest
import yaml

from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.nets import NetworkSpec
from chansearch.nets.files import spec_to_dict
from chansearch.nets.presets import preset
from chansearch.nets.spec import ACTIVATIONS
from chansearch.report.published import TABLE_3
from chansearch.search.plan import make_skeleton
from chansearch.space import parse_channels
from chansearch.studies.config import NONLINEARITY
from chansearch.studies.nonlinearity import C1_BEST, NONLINEARITY_STUDY, nonlinearity_networks
from chansearch.studies.trained import Plan
from chansearch.studies.trainings import Training


def _config(*overrides):
    return compose(["data=digits", *overrides], tree=NONLINEARITY)


class TestNetworks:
    def test_are_the_best_of_c1_unless_asked_otherwise(self):
        skeleton = make_skeleton(compose(["constraint=c1"]).constraint.skeleton, 10)
        assert skeleton.with_channels(parse_channels(TABLE_3["c1"].best.channels)) == C1_BEST
        networks = nonlinearity_networks(_config(), 7)
        assert tuple(networks) == ACTIVATIONS
        assert networks["relu6"] == dataclasses.replace(C1_BEST, classes=7)

    def test_differ_in_the_expansions_activation_alone(self):
        networks = nonlinearity_networks(_config("model=rexnet_100"), 10)
        assert {name: spec.activation for name, spec in networks.items()} == {name: name for name in ACTIVATIONS}
        assert {dataclasses.replace(spec, activation="silu") for spec in networks.values()} == {networks["silu"]}
        assert networks["silu"] == dataclasses.replace(preset("rexnet_100"), classes=10, input_size=32)

    def test_take_images_of_the_size_asked_for(self):
        networks = nonlinearity_networks(_config("model=rexnet_100", "network.input_size=64", "network.dropout=0"), 10)
        assert (networks["elu"].input_size, networks["elu"].dropout) == (64, 0)

    def test_come_from_a_file_at_its_own_size_where_that_is_small(self, tmp_path):
        spec = NetworkSpec(channels=(4, 6), strides=(1, 2), expansions=(1, 6), input_size=8, classes=3)
        file = tmp_path / "net.yaml"
        file.write_text(yaml.safe_dump({"network": spec_to_dict(spec)}))
        networks = nonlinearity_networks(_config(f"model={file}"), 10)
        assert networks["relu6"] == dataclasses.replace(spec, classes=10)

    @pytest.mark.parametrize(
        ("overrides", "words"),
        [
            (["model=rexnet_99"], ["rexnet_99", "rexnet_100"]),
            (["model=rexnet_plain"], ["model", "rexnet_plain", "no expansion"]),
            (["network.activation=silu"], ["network.activation"]),
            (["network.classes=3"], ["network.classes"]),
            (["network.chanels=3"], ["chanels", "channels"]),
            (["network.input_size=0"], ["input_size", "0"]),
        ],
    )
    def test_refuses_what_cannot_be(self, overrides, words):
        with pytest.raises(UserError) as refused:
            nonlinearity_networks(_config(*overrides), 10)
        for word in words:
            assert word in str(refused.value)


def _conclude(top1):
    config = _config("train.seeds=3")
    trainings = [
        Training(name, seed, "finished", 8, 90.0, top1[name] + seed + 0.03 * ((place + seed) % 3), 40.0, 16, 6.0, 1.0)
        for place, name in enumerate(ACTIVATIONS)
        for seed in range(3)
    ]
    return NONLINEARITY_STUDY.conclude(Plan(NONLINEARITY_STUDY, config, nonlinearity_networks(config, 10)), trainings)


def _by_claim(study, start):
    return next(finding for finding in study.findings if finding.claim.startswith(start))


class TestConclusions:
    def test_hold_where_the_paper_is_right(self):
        study = _conclude(dict(zip(ACTIVATIONS, (60, 70, 70.5, 71, 73, 73, 73.5, 75), strict=True)))
        assert [finding.holds for finding in study.findings] == [True] * 6
        smooth = _by_claim(study, "Smooth")
        assert smooth.measured.startswith("+3.1")
        assert smooth.published.startswith("+0.35 points")
        assert "Hard-Swish the best of them" in _by_claim(study, "SiLU above all").claim

    def test_do_not_where_relu_is_better(self):
        study = _conclude(dict(zip(ACTIVATIONS, (60, 75, 75, 76, 73, 73, 73, 72), strict=True)))
        assert _by_claim(study, "Smooth").holds is False
        assert _by_claim(study, "SiLU above all").holds is False
        assert "LeakyReLU the best of them" in _by_claim(study, "SiLU above all").claim

    def test_are_open_within_the_noise(self):
        study = _conclude(dict.fromkeys(ACTIVATIONS, 70.0))
        assert {finding.holds for finding in study.findings} == {None}
