"""One worker's training, in this process: what it writes, and that it goes on as if never cut off."""

import csv
import errno

import pytest
import torch

from chansearch.errors import UserError
from chansearch.nets.checkpoint import load_checkpoint, read_tensors
from chansearch.nets.model import open_model
from chansearch.train.results import Diverged
from chansearch.transfer import loop
from chansearch.transfer.classification import Classification
from tests.transfer.tiny import CLASSES, SPEC, make_trainer, run_until

STEPS = 5  # an epoch
VARIANTS = {
    "plain": (),
    "everything": ("recipe.ema_decay=0.9", "recipe.clip_grad=1.0", "recipe.cutmix=1.0"),
    "bfloat16": ("train.precision=bf16",),
    "another optimizer": ("recipe.optimizer=adamw", "recipe.lr=0.1", "train.kernels=torch"),
}


def rows(root, name: str) -> list[dict[str, str]]:
    with (root / name / "epochs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def timeless(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if "second" not in key} for row in rows]


def tensors(root, name: str) -> dict[str, torch.Tensor]:
    data = read_tensors(root / name / "checkpoints" / "last.pt")
    return data["network"] | {f"average {key}": value for key, value in (data["average"] or {}).items()}


@pytest.fixture(scope="module", params=VARIANTS)
def unbroken(request, world):
    """A training of three epochs, and the settings of its variant."""
    name, more = request.param.replace(" ", "-"), VARIANTS[request.param]
    make_trainer(world, name, *more).run()
    return world, name, more


def test_every_epoch_has_a_row(unbroken):
    world, name, more = unbroken
    found = rows(world, name)
    assert [int(row["epoch"]) for row in found] == [1, 2, 3]
    assert float(found[-1]["train_loss"]) < float(found[0]["train_loss"])
    for row in found:
        assert 0 <= float(row["val_top1"]) <= float(row["val_top5"]) == 100  # of three classes
        assert float(row["images_per_second"]) > 0
    assert ("ema_val_top1" in found[0]) == ("recipe.ema_decay=0.9" in more)


@pytest.mark.parametrize("cut_at", [3, STEPS, 2 * STEPS + 4])
def test_cut_off_and_resumed_it_is_the_same_bit_for_bit(unbroken, cut_at):
    world, name, more = unbroken
    often = (*more, "train.checkpoint_minutes=1e-9")
    broken = f"{name}-cut-at-{cut_at}"
    run_until(make_trainer(world, broken, *often), cut_at)
    held = read_tensors(world / broken / "checkpoints" / "last.pt")["progress"]
    assert STEPS * len(held["rows"]) + held["step"] == cut_at
    make_trainer(world, broken, *often).run()
    assert timeless(rows(world, broken)) == timeless(rows(world, name))
    ours, theirs = tensors(world, broken), tensors(world, name)
    assert ours.keys() == theirs.keys()
    for key in ours:
        assert torch.equal(ours[key], theirs[key]), key


def test_the_model_is_the_better_of_weights_and_average(unbroken):
    world, name, _ = unbroken
    last = rows(world, name)[-1]
    averaged = float(last.get("ema_val_top1", -1)) > float(last["val_top1"])
    data = read_tensors(world / name / "checkpoints" / "last.pt")
    expected = data["average" if averaged else "network"]
    saved = load_checkpoint(world / name / "model.pt")
    assert saved.classes == CLASSES
    assert saved.spec == SPEC
    assert all(torch.equal(saved.weights[key], expected[key]) for key in expected)
    assert open_model(world / name).trained


def test_what_is_complete_is_left_alone(unbroken):
    world, name, more = unbroken
    before = rows(world, name)
    make_trainer(world, name, *more).run()
    assert rows(world, name) == before


def test_tensorboard_has_every_epoch_once(world):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_until(make_trainer(world, "board", "train.checkpoint_minutes=1e-9"), STEPS + 2)
    make_trainer(world, "board").run()
    board = EventAccumulator(str(world / "board" / "tb")).Reload()
    assert {"train_loss", "val_top1", "val_top5", "lr"} <= set(board.Tags()["scalars"])
    assert [event.step for event in board.Scalars("val_top1")] == [1, 2, 3]


def test_kernels_of_our_own_train_as_torchs_do(world):
    for kernels in ("native", "torch"):
        make_trainer(world, kernels, f"train.kernels={kernels}").run()
    native, plain = rows(world, "native"), rows(world, "torch")
    # Rounding grows with the steps, by as much as torch's own kernels round.
    for ours, theirs, near in zip(native, plain, (1e-3, 1e-3, 3e-3), strict=True):
        assert float(ours["train_loss"]) == pytest.approx(float(theirs["train_loss"]), abs=near)


@pytest.mark.parametrize("accumulation", [2, 3])
def test_a_step_moves_the_running_averages_once(world, accumulation):
    """By the mean over its micro-batches; torch alone would move them once a micro-batch."""
    batch = 8 * accumulation
    trainer = make_trainer(
        world, f"momentum-{accumulation}", f"recipe.batch_size={batch}", "train.kernels=torch", "recipe.epochs=2"
    )
    means = []
    stem = trainer._network.stem
    stem.conv.register_forward_hook(lambda *given: means.append(given[-1].mean((0, 2, 3)).detach()))
    trainer._network.train()
    trainer._train_step(trainer._task.batches(1, 0), 0)
    assert len(means) == accumulation
    torch.testing.assert_close(stem.bn.running_mean, 0.1 * torch.stack(means).mean(0))


def test_accumulated_gradients_are_those_of_the_whole_batch(world):
    """Without BatchNorm's micro-batches and without chance, against one backward pass over all images."""
    calm = ("network.dropout=0", "network.drop_path=0", "recipe.mixup=0", "train.kernels=torch")
    trainer = make_trainer(world, "accumulated", *calm)
    network = trainer._network
    trainer._optimizer.step = lambda: None
    trainer._optimizer.zero_grad = lambda **_: None
    network.eval()  # BatchNorm by its running averages
    loss = trainer._train_step(trainer._task.batches(1, 0), 0)
    accumulated = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    network.zero_grad()
    both = [next(batches) for batches in [trainer._task.batches(1, 0)] for _ in range(2)]
    whole = trainer._task.loss(network, tuple(torch.cat(parts) for parts in zip(*both, strict=True)))
    whole.backward()
    torch.testing.assert_close(loss, whole.detach())
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, accumulated[name], rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_no_number_stops_it_and_leaves_the_checkpoint(world):
    trainer = make_trainer(world, "diverged", "train.checkpoint_minutes=1e-9")
    loss = trainer._task.loss

    def spoil(network, batch):
        held = world / "diverged" / "checkpoints" / "last.pt"
        gone_wrong = held.exists() and read_tensors(held)["progress"]["step"] == 3
        return loss(network, batch) * (float("nan") if gone_wrong else 1)

    trainer._task.loss = spoil
    with pytest.raises(Diverged, match="diverged in epoch 1: training loss is nan"):
        trainer.run()
    assert read_tensors(world / "diverged" / "checkpoints" / "last.pt")["progress"]["step"] == 3
    assert all(value.isfinite().all() for value in tensors(world, "diverged").values())


def test_a_full_disk_is_named_and_leaves_the_checkpoint(world, monkeypatch):
    run_until(make_trainer(world, "full", "train.checkpoint_minutes=1e-9"), 2)
    before = (world / "full" / "checkpoints" / "last.pt").read_bytes()

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", no_room)
    with pytest.raises(UserError, match=r"\.pt cannot be written: .*No space left.*the checkpoint before it stays"):
        make_trainer(world, "full").run()
    assert (world / "full" / "checkpoints" / "last.pt").read_bytes() == before
    assert sorted(path.name for path in (world / "full" / "checkpoints").iterdir()) == ["last.pt", "start.pt"]


@pytest.mark.parametrize("damage", ["cut short", "another network", "a list"])
def test_a_checkpoint_that_is_none_is_named(world, damage):
    name = damage.replace(" ", "-")
    run_until(make_trainer(world, name, "train.checkpoint_minutes=1e-9"), 2)
    file = world / name / "checkpoints" / "last.pt"
    if damage == "cut short":
        file.write_bytes(file.read_bytes()[:1000])
    elif damage == "a list":
        torch.save([1, 2], file)
    more = ["network.head_channels=40"] if damage == "another network" else []
    with pytest.raises(UserError, match=r"last\.pt") as caught:
        make_trainer(world, name, *more)
    assert "\n" not in str(caught.value)


def test_the_line_of_an_epoch():
    row = {"epoch": 2, "train_loss": 1.23456, "lr": 0.5, "val_top1": 61.2, "val_top5": 83.4}
    row |= {"ema_val_top1": 62.5, "images_per_second": 1234.5, "seconds": 90.0}
    expected = "epoch 2/10  loss 1.235  lr 0.5  top-1 61.20  top-5 83.40  averaged 62.50  1,234 images/s  12 min left"
    measures = Classification.summary(row)
    assert loop._line(row, measures, 10) == expected
    assert "left" not in loop._line(row, measures, 2)


def test_weights_that_left_the_finite_numbers_replace_no_checkpoint(world):
    """The loss is of the weights before the last step of an epoch, and says nothing of those after it."""
    trainer = make_trainer(world, "overflown")
    train_step = trainer._train_step

    def overflow(batches, number):
        loss = train_step(batches, number)
        if number == 2 * STEPS - 1:
            with torch.no_grad():
                trainer._network.head.fc.weight[0, 0] = torch.inf
        return loss

    trainer._train_step = overflow
    with pytest.raises(Diverged, match="epoch 2: the weights are not finite"):
        trainer.run()
    assert len(rows(world, "overflown")) == 1
    for held in (tensors(world, "overflown"), load_checkpoint(world / "overflown" / "model.pt").weights):
        assert all(tensor.isfinite().all() for tensor in held.values())
