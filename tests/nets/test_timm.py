"""The family against timm's, with the same weights: names, shapes, outputs and input gradients."""

import re

import pytest
import timm
import torch
from timm.models.rexnet import RexNet

from benchmarks.family import OF_TIMM, differences, with_same_weights
from chansearch.nets import PRESETS, build, preset

# Every width, with and without timm's rounding.
REXNETS = [name for name in PRESETS if re.fullmatch(r"rexnetr?_\d+", name)]


def _shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def test_all_of_timms_rexnets_are_there():
    named = {name for name in timm.list_models("rexnet*") if name in PRESETS}
    assert named == set(timm.list_models("rexnet*")) == set(OF_TIMM) - {"mobilenetv2_100"}


@pytest.mark.parametrize("name", REXNETS)
def test_every_width_has_timms_tensors(name):
    """With timm's names, so that its state dicts load strictly."""
    with torch.device("meta"):
        ours = build(name)
        theirs = RexNet(width_mult=int(name[-3:]) / 100, ch_div=preset(name).divisor)
    assert _shapes(ours) == _shapes(theirs)
    ours_params, theirs_params = (sum(p.numel() for p in n.parameters()) for n in (ours, theirs))
    assert ours_params == theirs_params


@pytest.mark.parametrize("name", OF_TIMM)
def test_networks_compute_what_timms_do(name):
    torch.manual_seed(0)
    ours, theirs = with_same_weights(name, torch.float64)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    assert theirs(images).std() > 1e-3, "nothing to compare"
    output, gradient = differences(ours, theirs, images)
    assert output < 1e-9
    assert gradient < 1e-9


def test_other_weights_are_told():
    """The comparison can fail: one weight changed shows in both figures."""
    torch.manual_seed(0)
    ours, theirs = with_same_weights("rexnet_100", torch.float64)
    ours.stem.conv.weight = torch.nn.Parameter(1.01 * ours.stem.conv.weight, requires_grad=False)
    assert min(differences(ours, theirs, torch.randn(2, 3, 64, 64, dtype=torch.float64))) > 1e-9


@pytest.mark.parametrize("name", ["rexnet_100", "rexnetr_300"])
def test_the_other_direction_loads_too(name):
    """A trained network of ours goes into timm's class."""
    with torch.device("meta"):
        ours, theirs = build(preset(name)), timm.create_model(name)
    theirs.load_state_dict(ours.state_dict(), strict=True, assign=True)
