"""ReXNet against timm's, with the same weights: names, shapes, outputs and input gradients."""

import pytest
import timm
import torch
from timm.models.rexnet import RexNet

from chansearch.nets import PRESETS, build, preset

PUBLISHED = ("rexnet_100", "rexnet_130", "rexnet_150", "rexnet_200", "rexnet_300")


def _shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("name", PRESETS)
def test_every_width_has_timms_tensors(name):
    with torch.device("meta"):
        ours, theirs = build(name), RexNet(width_mult=int(name[-3:]) / 100)
    assert _shapes(ours) == _shapes(theirs)
    ours_params, theirs_params = (sum(p.numel() for p in n.parameters()) for n in (ours, theirs))
    assert ours_params == theirs_params


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_compute_what_timms_do(name):
    torch.manual_seed(0)
    with torch.device("meta"):
        ours, theirs = build(name), timm.create_model(name)
    # One set of tensors for both networks, statistics of BatchNorm included; variances and scales stay positive.
    weights = {
        key: torch.tensor(1) if key.endswith("num_batches_tracked") else _drawn(key, tensor)
        for key, tensor in theirs.state_dict().items()
    }
    for network in (ours, theirs):
        network.load_state_dict(weights, strict=True, assign=True)
        network.requires_grad_(False).eval()
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64, requires_grad=True)

    logits, expected = ours(images), theirs(images)
    assert expected.std() > 1e-3, "nothing to compare"
    assert _worst(logits, expected) < 1e-9
    upstream = torch.randn_like(expected)
    gradient, expected_gradient = (torch.autograd.grad((out * upstream).sum(), images)[0] for out in (logits, expected))
    assert expected_gradient.abs().max() > 0
    assert _worst(gradient, expected_gradient) < 1e-9


def _drawn(key: str, tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dim() > 1:  # convolutions and the classifier: as large as keeps the signal's size
        return torch.randn(tensor.shape, dtype=torch.float64) * (2 / tensor[0].numel()) ** 0.5
    drawn = torch.rand(tensor.shape, dtype=torch.float64)
    return drawn + 0.5 if key.endswith(("running_var", "bn.weight")) else drawn - 0.5


def _worst(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference, relative to the largest number expected."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", ["rexnet_100", "rexnet_150"])
def test_the_other_direction_loads_too(name):
    """A trained network of ours goes into timm's class."""
    with torch.device("meta"):
        ours, theirs = build(preset(name)), timm.create_model(name)
    theirs.load_state_dict(ours.state_dict(), strict=True, assign=True)
