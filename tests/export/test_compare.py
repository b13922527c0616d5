"""The check that stands before every file: what it measures, and what it lets through."""

import pytest
import torch

from chansearch.errors import UserError
from chansearch.export.compare import BATCHES, TOLERANCE, compare
from tests.export.models import TINY, trained


def off_by(model, amount):
    """The network with ``amount`` added to the first logit of the last image of the largest batch."""

    def run(images):
        logits = model.network(images)
        if len(images) == max(BATCHES):
            logits[-1, 0] += amount
        return logits

    return run


@pytest.fixture(scope="module")
def model():
    return trained(TINY)


def test_equal_logits_are_called_equal(model):
    assert compare(model, model.network, "it") == "it beside torch, batches of 1, 2, 5: equal logits"


def test_the_difference_is_stated_in_full_and_beside_the_largest_logit(model):
    line = compare(model, off_by(model, 2**-15), "it")
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        largest = max(model.network(torch.randn(n, 3, 8, 8, generator=generator)).abs().max().item() for n in BATCHES)
    assert line.endswith(f"logits differ by at most {2**-15:.2g}, {2**-15 / largest:.2g} of the largest")


@pytest.mark.parametrize("amount", [1.0, -1.0, torch.nan, torch.inf])
def test_a_wrong_logit_anywhere_is_refused(model, amount):
    with pytest.raises(UserError, match=rf"it: logits differ from torch's by .* at most {TOLERANCE:g} is allowed"):
        compare(model, off_by(model, amount), "it")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_refused(value):
    model = trained(TINY)
    model.network.head.fc.weight.data[0, 0] = value
    with pytest.raises(UserError, match="logits are not finite"):
        compare(model, model.network, "it")
