"""The folder for timm: timm's own reader finds the spec, the classes and the weights in it."""

import dataclasses

import pytest
import torch
from timm.models._hub import load_model_config_from_path
from timm.models._pretrained import PretrainedCfg

from chansearch.cli import main
from chansearch.nets.checkpoint import read_tensors
from chansearch.nets.files import spec_from_dict
from tests.export.models import TINY, images, logits, rexnet, save, trained
from tests.nets.specs import draw_spec


def folder_of(tmp_path, model):
    save(tmp_path / "model.pt", model)
    folder = tmp_path / "for timm"
    assert main(["export", str(tmp_path / "model.pt"), "--format", "timm", "-o", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("spec", [TINY, rexnet(), dataclasses.replace(TINY, in_channels=1)])
def test_timm_reads_the_spec_and_the_weights(spec, tmp_path):
    model = trained(spec)
    folder = folder_of(tmp_path, model)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    pretrained, architecture, arguments = load_model_config_from_path(folder)
    assert architecture == "chansearch_rexnet"
    assert spec_from_dict(arguments["spec"], "config.json") == spec
    held = PretrainedCfg(**pretrained)  # which takes no key it does not know
    assert (held.num_classes, held.input_size) == (spec.classes, [spec.in_channels, spec.input_size, spec.input_size])
    weights = read_tensors(folder / "model.safetensors")
    assert weights.keys() == model.network.state_dict().keys()
    for key, value in model.network.state_dict().items():
        assert torch.equal(weights[key], value)


def test_names_of_classes_travel(tmp_path):
    folder = folder_of(tmp_path, trained(TINY, ("ape", "bee", "cat")))
    assert load_model_config_from_path(folder)[0]["label_names"] == ["ape", "bee", "cat"]


@pytest.mark.parametrize("spec", [rexnet(), *map(draw_spec, range(4))], ids=["rexnet", *map(str, range(4))])
def test_timm_builds_the_same_network(spec, tmp_path):
    pytest.importorskip("chansearch.nets.timm_entry")
    import timm

    model = trained(spec)
    network = timm.create_model(f"local-dir:{folder_of(tmp_path, model)}", pretrained=True).eval()
    with torch.inference_mode():
        assert torch.equal(network(images(spec, 4)), logits(model))
