"""Real trainings, of seconds."""

import dataclasses
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from chansearch.errors import UserError
from chansearch.nets import NetworkSpec, build
from chansearch.train import DataConfig, Diverged, TrainConfig
from chansearch.train.data import load
from chansearch.train.dataset import Augmentation, Split
from chansearch.train.engine import GroupTrainer, measure_step
from chansearch.train.native.modules import FusedBatchNormAct
from chansearch.train.payback import CompileWatch, Payback
from chansearch.train.seedrun import build_optimizer

from .conftest import random_dataset, tiny_model


def recipe(**changes) -> TrainConfig:
    return TrainConfig(**{"epochs": 2, "batch_size": 32, "device": "cpu", "patience": None, **changes})


def small_model() -> nn.Module:
    return tiny_model(classes=4)


def _by_seed(results) -> dict[int, list]:
    """Each seed's results over the epochs."""
    return {seed.seed: [epoch.seeds[place] for epoch in results] for place, seed in enumerate(results[0].seeds)}


@pytest.mark.parametrize("precision", ["auto", "bf16"])
def test_digits_are_learned(precision):
    digits = load(DataConfig(name="digits", augment="crop", crop_padding=1), 16, 1)
    trainer = GroupTrainer(tiny_model, digits, recipe(epochs=5, precision=precision), [0, 1])
    results = list(trainer)
    assert results[-1].mean_val_top1 > 80
    assert min(trainer.test_top1()) > 80
    assert results[-1].seeds[0].train_loss < results[0].seeds[0].train_loss


def test_an_epoch_result_says_what_was_done():
    first, second = GroupTrainer(small_model, random_dataset(train=100), recipe(warmup_epochs=1.0), [5, 9])
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.images == 2 * 96  # two seeds, three whole batches of 32
    assert first.lr == pytest.approx(0.1)  # the warm-up's last step
    assert [result.seed for result in first.seeds] == [5, 9]
    assert first.seconds > first.eval_seconds > 0


def test_a_seed_is_the_same_alone_in_company_and_again():
    def train(seeds):
        trainer = GroupTrainer(small_model, random_dataset(), recipe(), seeds)
        results = _by_seed(list(trainer))
        return {seed: (results[seed], top1) for seed, top1 in zip(seeds, trainer.test_top1(), strict=True)}

    company = train([0, 1, 2])
    torch.manual_seed(123)  # what else drew from the global generator is no matter
    torch.rand(7)
    assert train([1]) == {1: company[1]}
    assert train([2, 1]) == {2: company[2], 1: company[1]}
    assert company[0] != company[1]


def test_weights_and_dropout_have_a_stream_for_each_seed():
    """Order and augmentation are switched off; their streams are tested with ``draw``."""
    still = dataclasses.replace(random_dataset(train=32), augmentation=Augmentation(crop_padding=0, flip=False))

    def losses(make_model):
        [result] = GroupTrainer(make_model, still, recipe(epochs=1), [0, 1])
        return [seed.train_loss for seed in result.seeds]

    def same_weights(dropout):
        torch.manual_seed(0)
        return tiny_model(classes=4, dropout=dropout)

    first, second = losses(lambda: same_weights(dropout=0.0))
    assert first == pytest.approx(second, abs=1e-5)  # one batch of everything: the order changes the rounding only
    for make_model in (lambda: tiny_model(classes=4, dropout=0.0), lambda: same_weights(dropout=0.5)):
        first, second = losses(make_model)
        assert abs(first - second) > 1e-4


def test_the_callers_generator_is_left_as_it_was():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(GroupTrainer(small_model, random_dataset(), recipe(epochs=1), [0]))
    assert torch.equal(torch.rand(3), expected)


def test_read_only_arrays_are_accepted_in_silence_and_left_as_they_are():
    data = random_dataset()
    before = data.fingerprint
    del data.__dict__["fingerprint"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(GroupTrainer(small_model, data, recipe(epochs=1), [0]))
    assert data.fingerprint == before
    assert not data.train.images.flags.writeable


class _Fixed(nn.Module):
    """Always answers class 0: no accuracy ever improves on the first epoch's."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.new_ones(len(x), 1) @ self.weight * 0 + torch.tensor([1.0, 0, 0, 0])


def test_training_stops_when_the_mean_no_longer_improves():
    trainer = GroupTrainer(_Fixed, random_dataset(), recipe(epochs=20, patience=3), [0, 1])
    results = list(trainer)
    assert [result.epoch for result in results] == [1, 2, 3, 4]
    assert trainer.stopped_early
    assert len(trainer.test_top1()) == 2


@pytest.mark.parametrize("changes", [{"patience": None, "epochs": 8}, {"patience": 3, "epochs": 4}])
def test_a_training_that_reaches_its_last_epoch_was_not_stopped(changes):
    trainer = GroupTrainer(_Fixed, random_dataset(), recipe(**changes), [0])
    assert len(list(trainer)) == changes["epochs"]
    assert not trainer.stopped_early


def test_accuracies_are_percent_of_the_part_they_name():
    data = random_dataset(val=40, test=50)  # every fourth label is class 0: 10 of 40, and 13 of 50
    trainer = GroupTrainer(_Fixed, data, recipe(epochs=1, eval_batch_size=7), [0])
    [result] = trainer
    assert result.mean_val_top1 == 25.0
    assert trainer.test_top1() == (26.0,)


def test_a_candidate_abandoned_midway_can_still_be_measured():
    trainer = GroupTrainer(small_model, random_dataset(), recipe(epochs=5), [0])
    next(iter(trainer))
    assert 0 <= trainer.test_top1()[0] <= 100


def test_an_absurd_learning_rate_diverges():
    trainer = GroupTrainer(small_model, random_dataset(), recipe(epochs=20, lr=1e6, warmup_epochs=0.0), [4])
    with pytest.raises(Diverged) as error:
        list(trainer)
    assert error.value.seed == 4
    assert error.value.epoch >= 1
    assert "nan" in error.value.reason or "finite" in error.value.reason


def test_infinite_inputs_diverge_in_the_first_epoch():
    data = dataclasses.replace(random_dataset(), std=(0.0,))
    with pytest.raises(Diverged, match="seed 0 diverged in epoch 1: training loss is nan"):
        list(GroupTrainer(small_model, data, recipe(), [0]))


def test_weights_that_end_in_nan_are_noticed_when_measured():
    class LateNan(_Fixed):
        def forward(self, x):
            return super().forward(x) if self.training else super().forward(x) * torch.nan

    with pytest.raises(Diverged, match="epoch 1: the network's outputs are not finite"):
        list(GroupTrainer(LateNan, random_dataset(), recipe(), [0]))


def test_fewer_images_than_a_batch_are_one_batch():
    [result] = GroupTrainer(small_model, random_dataset(train=10), recipe(epochs=1, batch_size=128), [0])
    assert result.images == 10


def test_a_model_that_cannot_take_the_images_fails_by_itself():
    with pytest.raises(RuntimeError, match="channels"):
        list(GroupTrainer(lambda: tiny_model(channels=3), random_dataset(), recipe(), [0]))


def test_only_matrices_are_decayed():
    model = tiny_model()
    decayed, free = build_optimizer(model, recipe(weight_decay=0.1)).param_groups
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0.0
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in free["params"])
    assert len(decayed["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_bfloat16_on_a_cpu_trains_like_float32():
    def losses(precision):
        [result] = GroupTrainer(small_model, random_dataset(), recipe(epochs=1, precision=precision), [0])
        return result.seeds[0].train_loss

    assert losses("bf16") != losses("fp32")
    assert losses("bf16") == pytest.approx(losses("fp32"), rel=0.02)


def _losses(make_model, **changes) -> list[float]:
    """At a small rate: at a large one, two roundings part ways within an epoch."""
    trainer = GroupTrainer(make_model, random_dataset(), recipe(precision="fp32", lr=0.003, **changes), [0])
    return [result.seeds[0].train_loss for result in trainer]


def test_kernels_of_our_own_train_as_torchs_do():
    spec = NetworkSpec(
        (6, 9), strides=(1, 2), expansions=(1, 6), head_channels=40, in_channels=1, input_size=8, classes=4
    )
    losses, built = {}, []

    def network() -> nn.Module:
        built.append(build(spec))
        return built[-1]

    for kernels in ("native", "torch"):
        built.clear()
        losses[kernels] = _losses(network, kernels=kernels)
        fused = [any(isinstance(part, FusedBatchNormAct) for part in model.modules()) for model in built]
        assert fused and all(ours == (kernels == "native") for ours in fused)
    assert losses["native"] == pytest.approx(losses["torch"], rel=1e-3)


def no_dropout() -> nn.Module:
    """A compiled dropout draws other numbers."""
    return tiny_model(classes=4, dropout=0.0)


def test_torch_compile_changes_no_result():
    assert _losses(no_dropout, compile="true", kernels="torch") == pytest.approx(
        _losses(no_dropout, compile="false", kernels="torch"), rel=1e-4
    )


def test_a_training_goes_on_compiled_from_where_it_was():
    """What a GPU would do once its epochs are measured; here compiling is said to have paid back before."""
    plain = _losses(no_dropout, epochs=5, kernels="torch")
    trainer = GroupTrainer(
        no_dropout, random_dataset(), recipe(precision="fp32", lr=0.003, epochs=5, kernels="torch"), [0]
    )
    trainer._watch = CompileWatch(Payback(compile_seconds=0.0, gain=2.0), 5)
    ran, losses = [], []
    for result in trainer:
        ran.append(trainer._runs[0].use_compiled)
        losses.append(result.seeds[0].train_loss)
    assert ran[:3] == [False, True, True]
    assert losses == pytest.approx(plain, rel=1e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_worker_without_the_gpu_asked_for_says_so():
    with pytest.raises(UserError, match=r"train\.device: 'cuda' asked for, but no GPU"):
        GroupTrainer(small_model, random_dataset(), recipe(device="cuda"), [0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["auto", "fp16", "fp32"])
def test_digits_are_learned_on_a_gpu(precision):
    digits = load(DataConfig(name="digits", augment="crop", crop_padding=1), 16, 1)
    trainer = GroupTrainer(tiny_model, digits, recipe(epochs=5, device="cuda", precision=precision), [0, 1])
    assert list(trainer)[-1].mean_val_top1 > 80


def test_a_step_can_be_timed_without_data():
    time = measure_step(tiny_model, recipe(batch_size=8, eval_batch_size=16), 8, 1, 10, steps=2)
    assert time.images_per_second_train > 0
    assert time.images_per_second_eval > 0


def test_labels_reach_the_loss_in_the_order_of_the_images():
    """Images that show their label are learned to the last one only if both are shuffled alike."""
    data = random_dataset(train=64)
    labels = np.arange(64) % 4
    images = np.broadcast_to((labels * 60).astype(np.uint8)[:, None, None, None], (64, 1, 8, 8)).copy()
    data = dataclasses.replace(data, train=Split(images, labels), val=Split(images, labels))
    results = list(GroupTrainer(small_model, data, recipe(epochs=20, batch_size=16), [0]))
    assert results[-1].seeds[0].train_loss < 0.05


SPEC = NetworkSpec((6, 9), strides=(1, 2), expansions=(1, 6), head_channels=40, in_channels=1, input_size=8, classes=4)
KERNELS = pytest.mark.parametrize("kernels", ["native", "torch"])


def _spoiled(value: float, tensor: str, seed: int = 0) -> Callable[[], nn.Module]:
    """A network maker that puts ``value`` into one tensor of the ``seed``-th network it makes."""
    made = []

    def make() -> nn.Module:
        made.append(build(SPEC))
        if len(made) == seed + 1:
            made[-1].state_dict()[tensor].view(-1)[0] = value
        return made[-1]

    return make


@KERNELS
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", ["features.1.conv_dw.conv.weight", "features.1.conv_exp.bn.weight"])
def test_one_weight_that_is_not_finite_is_noticed(kernels, precision, value, place):
    """No activation and no comparison may swallow it."""
    trainer = GroupTrainer(_spoiled(value, place), random_dataset(), recipe(kernels=kernels, precision=precision), [0])
    with pytest.raises(Diverged, match="seed 0 diverged in epoch 1"):
        list(trainer)


@KERNELS
def test_a_running_average_that_is_not_finite_is_noticed(kernels):
    """Neither the loss nor the outputs show it: the channel is divided to nothing."""
    make = _spoiled(float("inf"), "features.1.conv_exp.bn.running_var")
    trainer = GroupTrainer(make, random_dataset(), recipe(kernels=kernels), [0])
    with pytest.raises(Diverged, match="epoch 1: weights or running averages are not finite"):
        list(trainer)


def test_the_seed_that_diverged_is_named():
    trainer = GroupTrainer(_spoiled(float("nan"), "head.fc.weight", seed=1), random_dataset(), recipe(), [5, 6, 7])
    with pytest.raises(Diverged, match="seed 6 diverged in epoch 1: training loss is nan"):
        list(trainer)


def test_a_final_feature_that_is_not_finite_has_no_spectrum():
    """LAPACK would refuse it in words of its own, or give a norm that is no number."""
    trainer = GroupTrainer(lambda: build(SPEC), random_dataset(), recipe(epochs=1), [3])
    list(trainer)
    with torch.no_grad():
        trainer._runs[0]._model.features[2].bn.bias[0] = torch.nan
    with pytest.raises(Diverged, match="seed 3 diverged in epoch 1: the network's final feature is not finite"):
        trainer.feature_spectra()


@KERNELS
def test_what_a_process_trained_before_changes_no_bit(kernels):
    """Whichever worker a candidate lands on, and whatever ran there: also one that diverged."""

    def train(make_model) -> list:
        trainer = GroupTrainer(make_model, random_dataset(), recipe(kernels=kernels), [0, 1])
        return [*(result.seeds for result in trainer), trainer.test_top1()]

    alone = train(lambda: build(SPEC))
    with pytest.raises(Diverged):
        train(_spoiled(float("nan"), "head.fc.weight"))
    train(lambda: build(dataclasses.replace(SPEC, channels=(12, 5), activation="silu")))
    assert train(lambda: build(SPEC)) == alone
