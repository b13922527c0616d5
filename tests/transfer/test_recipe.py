"""timm's parts, as the recipe asks for them."""

import math

import pytest
import torch
from torch import nn

from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.nets.network import Network
from chansearch.transfer.config import TRAINING, RecipeConfig
from chansearch.transfer.recipe import make_average, make_mixup, make_optimizer, make_schedule, peak_lr
from tests.transfer.tiny import SPEC


def recipe(*overrides: str) -> RecipeConfig:
    return compose(list(overrides), None, TRAINING).recipe


def test_the_papers_is_the_default():
    paper = recipe()
    assert (paper.epochs, paper.batch_size, paper.warmup_epochs, paper.weight_decay) == (400, 512, 5, 1e-5)
    assert (paper.optimizer, paper.momentum, paper.schedule, peak_lr(paper)) == ("sgd", 0.9, "cosine", 0.5)
    assert (paper.auto_augment, paper.random_erasing, paper.erasing_mode) == ("rand-m9-mstd0.5", 0.2, "pixel")
    assert (paper.crop_scale, paper.mixup, paper.ema_decay) == ([0.08, 1.0], 0.0, None)
    assert compose([], None, TRAINING).network == {"dropout": 0.2, "drop_path": 0.0}
    large = compose(["recipe=paper_large"], None, TRAINING)
    assert large.network["drop_path"] == 0.2
    assert large.recipe.mixup > 0


def test_the_rate_is_linear_in_the_batch():
    assert peak_lr(recipe("recipe.batch_size=128")) == 0.125


@pytest.mark.parametrize("steps", [1, 7])
def test_the_rate_follows_a_warm_up_and_a_cosine(steps):
    paper = recipe("recipe.epochs=20")
    optimizer = make_optimizer(nn.Linear(2, 2), paper)
    schedule = make_schedule(optimizer, paper, steps)
    for number in range(20 * steps):
        schedule.step_update(number)
        warm = 1e-5 + (0.5 - 1e-5) * number / (5 * steps)
        cosine = 0.25 * (1 + math.cos(math.pi * number / (20 * steps)))
        assert optimizer.param_groups[0]["lr"] == pytest.approx(warm if number < 5 * steps else cosine)


def test_sgd_has_nesterov_momentum_and_decays_matrices_only():
    network = Network(SPEC)
    optimizer = make_optimizer(network, recipe())
    assert type(optimizer) is torch.optim.SGD
    decay = {id(parameter): group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    assert all(group["nesterov"] and group["momentum"] == 0.9 for group in optimizer.param_groups)
    for name, parameter in network.named_parameters():
        assert decay[id(parameter)] == (1e-5 if parameter.ndim > 1 else 0.0), name


def test_the_average_follows_the_weights():
    """Against the closed form: decay at step n is min(0.9, 1 - (1 + n - 1)^(-2/3)), and none at the first."""
    network = nn.Linear(1, 1, bias=False)
    average = make_average(network, recipe("recipe.ema_decay=0.9"))
    expected = 0.0
    for step in range(1, 40):
        with torch.no_grad():
            network.weight.fill_(float(step))
        average.update(network, step=step)
        decay = min(0.9, 1 - step ** (-2 / 3)) if step > 1 else 0.0
        expected = decay * expected + (1 - decay) * step
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert make_average(network, recipe()) is None


def test_mixup_gives_labels_that_add_up():
    torch.manual_seed(0)
    mixup = make_mixup(recipe("recipe.mixup=0.2", "recipe.cutmix=1.0"), classes=5)
    _, labels = mixup(torch.randn(8, 3, 4, 4), torch.arange(8) % 5)
    assert labels.shape == (8, 5)
    torch.testing.assert_close(labels.sum(1), torch.ones(8))
    assert labels.min() == pytest.approx(0.1 / 5)
    assert make_mixup(recipe(), classes=5) is None


def test_an_optimizer_that_timm_has_not_is_refused():
    with pytest.raises(UserError, match=r"recipe\.optimizer: 'sgdd'"):
        make_optimizer(nn.Linear(1, 1), recipe("recipe.optimizer=sgdd"))
