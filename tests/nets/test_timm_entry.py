"""``chansearch_rexnet`` among timm's models: registered in either order, and whatever timm asks of a model."""

import copy
import dataclasses
import subprocess
import sys

import pytest
import timm
import torch
import yaml
from timm.data import resolve_data_config
from timm.models import group_parameters
from timm.utils import ModelEmaV3
from torch.nn import functional as F

import chansearch  # noqa: F401  (registers the model)
from chansearch.nets import build, preset
from chansearch.nets.files import spec_to_dict
from tests.nets.specs import draw_spec

DRAWN = dataclasses.replace(draw_spec(5), input_size=24, in_channels=3)


def _create(spec, **options):
    return timm.create_model("chansearch_rexnet", spec=spec, **options)


@pytest.mark.parametrize(
    "order",
    ["import chansearch, timm", "import timm, chansearch", "import chansearch, torch, timm.layers, timm.models"],
)
def test_both_orders_register(order):
    code = f"{order}; import timm; assert timm.list_models('chansearch*') == ['chansearch_rexnet']"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_looking_for_timm_is_not_importing_it():
    code = """if True:
        import importlib.util, sys
        import chansearch
        assert not {"timm", "torch", "numpy", "ray"} & sys.modules.keys()
        assert importlib.util.find_spec("timm.models").loader is not None
        import timm
        assert timm.list_models("chansearch*") == ["chansearch_rexnet"]
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_script_of_timms_runs_behind_the_import(tmp_path):
    """The way docs/rexnet.md shows: the script itself knows nothing of chansearch."""
    (tmp_path / "network.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(DRAWN)}))
    (tmp_path / "train.py").write_text(
        "import argparse, timm, torch\n"
        "from timm.utils import ParseKwargs\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--model')\n"
        "parser.add_argument('--model-kwargs', nargs='*', default={}, action=ParseKwargs)\n"
        "if __name__ == '__main__':\n"
        "    args = parser.parse_args()\n"
        "    model = timm.create_model(args.model, num_classes=4, **args.model_kwargs)\n"
        "    print(tuple(model(torch.zeros(2, *timm.data.resolve_data_config(model=model)['input_size'])).shape))\n"
    )
    code = "import chansearch, runpy; runpy.run_path('train.py', run_name='__main__')"
    words = ["--model", "chansearch_rexnet", "--model-kwargs", "spec=network.yaml"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(2, 4)\n"


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("name", ["rexnet_100", "rexnetr_130"])
def test_features_are_those_of_timms_rexnet(name, output_stride):
    torch.manual_seed(0)
    options = {"features_only": True, "output_stride": output_stride}
    ours, theirs = _create(name, **options).eval(), timm.create_model(name, **options).eval()
    ours.load_state_dict(theirs.state_dict())
    for asked in ("channels", "reduction", "module_name"):
        assert getattr(ours.feature_info, asked)() == getattr(theirs.feature_info, asked)()
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        for feature, expected in zip(ours(images), theirs(images), strict=True):
            assert feature.shape == expected.shape
            assert (feature - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("output_stride", [8, 16])
def test_logits_at_a_smaller_output_stride_are_timms(output_stride):
    ours = _create("rexnet_100", output_stride=output_stride).eval()
    theirs = timm.create_model("rexnet_100", output_stride=output_stride).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        expected = theirs(images)
        assert (ours(images) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("spec", ["drawn", "yaml", "rexnet_plain", "rexnet_lite_100"])
def test_a_spec_of_ones_own(spec, tmp_path):
    """The same logits as the builder's network, and features whose channels and reductions are as said."""
    if spec == "yaml":
        (tmp_path / "own.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(DRAWN)}))
        spec = tmp_path / "own.yaml"
    spec = DRAWN if spec == "drawn" else spec
    plain, model = build(spec).eval(), _create(spec).eval()
    model.load_state_dict(plain.state_dict(), strict=True)
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        assert torch.equal(model(images), plain(images))
        for options in ({}, {"feature_cls": "getter"}):
            features = _create(spec, features_only=True, **options).eval()
            found = features(images)
            info = features.feature_info
            assert [f.shape[1] for f in found] == info.channels()
            assert [f.shape[2] for f in found] == [-(-48 // reduction) for reduction in info.reduction()]


def test_both_ways_to_features_agree():
    torch.manual_seed(0)
    model = _create("rexnet_plain").eval()  # its first block has a stride: the first feature is the stem's
    listed = _create("rexnet_plain", features_only=True).eval()
    weights = {key.replace("features.", "features_"): tensor for key, tensor in model.state_dict().items()}
    assert listed.load_state_dict(weights, strict=False).missing_keys == []
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        final, intermediates = model.forward_intermediates(images)
        assert torch.equal(final, model.forward_features(images))
        for one, other in zip(intermediates, listed(images), strict=True):
            assert torch.equal(one, other)
        assert torch.equal(model.forward_intermediates(images, [1], True, True, "NCHW", True)[0], intermediates[1])
    assert model.prune_intermediate_layers([0, 2]) == [0, 2]
    assert torch.equal(model(images), intermediates[2])


@pytest.mark.parametrize("name", ["rexnet_100", "rexnet_lite_100"])
def test_the_head_can_be_taken_away(name):
    spec = preset(name)
    images = torch.randn(2, 3, 64, 64)
    model = _create(name).eval()
    width = spec.extra_channels or spec.head_channels
    assert (model.num_classes, model.num_features, model.head_hidden_size) == (1000, 1280, width)
    assert model.get_classifier() is model.head.fc
    before = model.forward_head(model.forward_features(images), pre_logits=True)
    model.reset_classifier(7)
    assert (model(images).shape, model.num_classes, model.spec.classes) == ((2, 7), 7, 7)
    model.reset_classifier(0)
    assert torch.equal(model(images), before)
    model.reset_classifier(0, "")
    assert torch.equal(model(images), model.forward_features(images))
    assert (model(images).shape, model.head_hidden_size) == ((2, 1280, 2, 2), 1280)
    assert _create(name, num_classes=0, global_pool="")(images).shape == (2, 1280, 2, 2)


def test_options_reach_the_network():
    model = _create("rexnet_100", num_classes=5, in_chans=1, drop_rate=0.4, drop_path_rate=0.3)
    assert model(torch.zeros(2, 1, 32, 32)).shape == (2, 5)
    assert (model.head.drop.p, model.features[15].drop_path.probability) == (0.4, 0.3)
    assert (model.spec.classes, model.spec.in_channels) == (5, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "spec: is missing"),
        ({"spec": "rexnet_101"}, "network: 'rexnet_101' is unknown"),
        ({"spec": "missing.yaml"}, "missing.yaml: cannot be read"),
        ({"spec": "rexnet_100", "output_stride": 4}, "output_stride: 4 is unknown; allowed: 8, 16, 32"),
        ({"spec": "rexnet_100", "global_pool": "max"}, "global_pool: 'max' is unknown"),
        ({"spec": "rexnet_100", "global_pool": ""}, "global_pool: '' gives a feature map"),
        ({"spec": "rexnet_100", "drop_rate": 1.5}, "dropout: 1.5 is out of range"),
    ],
    ids=str,
)
def test_mistakes_are_value_errors(options, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        timm.create_model("chansearch_rexnet", **options)


def test_checkpointing_gives_the_same_gradients():
    spec = dataclasses.replace(preset("rexnet_100"), channels=(8, 12, 16), strides=(1, 2, 2), expansions=(1, 6, 6))
    torch.manual_seed(0)
    model = _create(spec, num_classes=3, drop_rate=0.0).double()
    images, labels = torch.randn(4, 3, 32, 32, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    gradients = []
    for enable in (False, True):
        again = copy.deepcopy(model)
        again.set_grad_checkpointing(enable)
        F.cross_entropy(again(images), labels).backward()
        _, intermediates = again.forward_intermediates(images)
        sum(feature.sum() for feature in intermediates).backward()
        gradients.append({name: parameter.grad for name, parameter in again.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradients[1][name], gradient, rtol=1e-9, atol=1e-12), name


def test_what_timms_scripts_ask_of_a_model():
    model = _create(DRAWN)
    assert resolve_data_config(model=model)["input_size"] == (3, 24, 24)
    assert model.default_cfg["num_classes"] == DRAWN.classes
    assert (model.default_cfg["first_conv"], model.default_cfg["classifier"]) == ("stem.conv", "head.fc")
    groups = group_parameters(model, model.group_matcher())
    assert sorted(name for names in groups.values() for name in names) == sorted(dict(model.named_parameters()))
    averaged = ModelEmaV3(model, decay=0.5)
    before = averaged.module.head.fc.bias.clone()
    with torch.no_grad():
        model.head.fc.bias += 1
    averaged.update(model)
    assert torch.allclose(averaged.module.head.fc.bias, before + 0.5)


def test_weights_from_a_file_through_timm(tmp_path):
    """``pretrained_cfg_overlay`` of timm: the file is loaded, another number of classes leaves its classifier out."""
    torch.manual_seed(1)
    weights = build(DRAWN).state_dict()
    torch.save(weights, tmp_path / "weights.pth")
    overlay = {"file": str(tmp_path / "weights.pth")}
    model = _create(DRAWN, pretrained=True, pretrained_cfg_overlay=overlay)
    assert all(torch.equal(model.state_dict()[key], weights[key]) for key in weights)
    other = _create(DRAWN, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=DRAWN.classes + 1)
    assert torch.equal(other.stem.conv.weight, weights["stem.conv.weight"])
    assert other.head.fc.out_features == DRAWN.classes + 1
    with pytest.raises(RuntimeError, match="No pretrained weights exist"):
        _create("rexnet_110", pretrained=True)
