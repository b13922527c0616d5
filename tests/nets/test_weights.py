"""Weights of others: told apart by their keys, renamed, and refused with one line where they do not fit."""

import argparse
import decimal
from collections.abc import Iterator

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from chansearch.errors import UserError
from chansearch.nets import NetworkSpec, build, preset
from chansearch.nets.weights import load_weights, read_weights, rename_weights
from tests.nets.specs import draw_spec

SMALL = NetworkSpec((4, 6, 6), (1, 2, 1), (1, 3, 3), stem_channels=4, head_channels=8, classes=5, se_reduction=2)


def _official_layers(spec: NetworkSpec) -> Iterator[tuple[str, str, nn.Module]]:
    """(official name, our name, layer) in the order of the official constructors (rexnetv1.py, rexnetv1_lite.py):
    activations take a place in the numbering and hold nothing."""

    def norm(channels):
        layer = nn.BatchNorm2d(channels)
        nn.init.normal_(layer.running_mean)
        nn.init.normal_(layer.weight)
        return layer

    stem = spec.stem_channels
    yield "features.0", "stem.conv", nn.Conv2d(spec.in_channels, stem, 3, bias=False)
    yield "features.1", "stem.bn", norm(stem)
    c_in = stem
    for block, (c_out, expansion) in enumerate(zip(spec.channels, spec.expansions, strict=True), start=1):
        place, ours, hidden = 0, f"features.{block - 1}", c_in * expansion
        theirs = f"features.{block + 2}.out"
        if expansion > 1:
            yield f"{theirs}.0", f"{ours}.conv_exp.conv", nn.Conv2d(c_in, hidden, 1, bias=False)
            yield f"{theirs}.1", f"{ours}.conv_exp.bn", norm(hidden)
            place = 3
        yield f"{theirs}.{place}", f"{ours}.conv_dw.conv", nn.Conv2d(hidden, hidden, 3, groups=hidden, bias=False)
        yield f"{theirs}.{place + 1}", f"{ours}.conv_dw.bn", norm(hidden)
        if spec.has_se(block):
            squeezed = spec.se_width(hidden)
            yield f"{theirs}.{place + 2}.fc.0", f"{ours}.se.fc1", nn.Conv2d(hidden, squeezed, 1)
            yield f"{theirs}.{place + 2}.fc.1", f"{ours}.se.bn", norm(squeezed)
            yield f"{theirs}.{place + 2}.fc.3", f"{ours}.se.fc2", nn.Conv2d(squeezed, hidden, 1)
            place += 1
        yield f"{theirs}.{place + 3}", f"{ours}.conv_pwl.conv", nn.Conv2d(hidden, c_out, 1, bias=False)
        yield f"{theirs}.{place + 4}", f"{ours}.conv_pwl.bn", norm(c_out)
        c_in = c_out
    last, head, extra = spec.blocks + 3, spec.head_channels, spec.extra_channels
    yield f"features.{last}", f"features.{spec.blocks}.conv", nn.Conv2d(c_in, head, 1, bias=False)
    yield f"features.{last + 1}", f"features.{spec.blocks}.bn", norm(head)
    if extra is None:
        yield "output.1", "head.fc", nn.Conv2d(head, spec.classes, 1)
    else:
        yield "output.0", "head.extra.fc", nn.Conv2d(head, extra, 1)
        yield "output.1", "head.extra.bn", norm(extra)
        yield "output.4", "head.fc", nn.Conv2d(extra, spec.classes, 1)


@pytest.mark.parametrize("name", ["rexnet_100", "rexnet_lite_100", *range(8)])
def test_official_checkpoints_are_renamed(name, tmp_path):
    """Every tensor arrives where its layer is: presets, and drawn networks of any number of blocks."""
    spec = preset(name) if isinstance(name, str) else draw_spec(name)
    theirs, expected = {}, {}
    for official, ours, layer in _official_layers(spec):
        for leaf, tensor in layer.state_dict().items():
            theirs[f"{official}.{leaf}"] = tensor
            linear = ours in ("head.fc", "head.extra.fc") and leaf == "weight"
            expected[f"{ours}.{leaf}"] = tensor[:, :, 0, 0] if linear else tensor
    # No order of a file's keys is relied on: safetensors sorts them.
    torch.save(dict(sorted(theirs.items(), reverse=True)), tmp_path / "official.pth")
    network = build(spec)
    load_weights(network, read_weights(tmp_path / "official.pth"), "official.pth")
    loaded = network.state_dict()
    assert loaded.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(loaded[key], tensor), key


def test_timms_own_state_dicts_load(tmp_path):
    for name in ("rexnet_100", "rexnetr_130", "mobilenetv2_100"):
        theirs = timm.create_model(name)
        save_file(theirs.state_dict(), tmp_path / "timm.safetensors")
        network = build(name)
        load_weights(network, read_weights(tmp_path / "timm.safetensors"), name)
        assert torch.equal(network.head.fc.weight, theirs.get_classifier().weight)
        assert torch.equal(network.stem.conv.weight, next(theirs.parameters()))


def test_what_training_scripts_wrap_is_found(tmp_path):
    """timm's own script: the averaged weights are taken, its arguments are a namespace, and names have a prefix."""
    weights = build(SMALL).state_dict()
    averaged = {f"module._orig_mod.{key}": tensor for key, tensor in weights.items()}
    data = {"epoch": 3, "args": argparse.Namespace(lr=0.5), "state_dict": {}, "state_dict_ema": averaged}
    torch.save(data, tmp_path / "last.pth.tar")
    assert read_weights(tmp_path / "last.pth.tar").keys() == weights.keys()


def test_names_of_nobody_stay(tmp_path):
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"^other: stem\.conv\.weight is missing; are these weights of another"):
        load_weights(build(SMALL), read_weights(tmp_path / "other.pt"), "other")
    whole = dict(build(SMALL).state_dict())
    with pytest.raises(UserError, match=r"^other: layer\.weight is not this network's"):
        load_weights(build(SMALL), whole | {"layer.weight": torch.zeros(2)}, "other")


@pytest.mark.parametrize("strange", ["features.3.out.x.weight", "features.3.out.0.weight", "output.1.weight"])
def test_half_an_official_checkpoint_is_no_crash(strange):
    weights = {"features.0.weight": torch.zeros(1), "output.1.weight": torch.zeros(1), strange: torch.zeros(1)}
    with pytest.raises(UserError, match=r"^half: stem\.conv\.weight has shape"):
        load_weights(build(SMALL), rename_weights(weights), "half")


class _Opened:
    def __reduce__(self):
        return (open, ("executed", "w"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (decimal.Decimal(1), "holds more than tensors"),
        (_Opened(), "holds more than tensors"),
        ({"epoch": 3}, "holds no state dict"),
        ([torch.zeros(1)], "holds no state dict"),
        ({}, "holds no state dict"),
        (b"\x1b[31mjunk" * 30, "holds more than tensors, or is no file"),
        (b"", "cannot be read as weights"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("name", ["file.pt", "file.safetensors"])
def test_junk_is_one_short_line(content, said, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError) as error:
        read_weights(path)
    message = str(error.value).removeprefix(f"{path}: ")
    assert message.startswith(said if name == "file.pt" else "cannot be read as weights")
    assert len(message) < 100
    assert message.isprintable()
    assert [file.name for file in tmp_path.iterdir()] == [name]
