"""ONNX: ONNX Runtime gives torch's logits at any batch size, and the file says how to feed it."""

import dataclasses
import json

import onnx
import onnxruntime
import pytest
import torch

from chansearch.errors import UserError
from chansearch.export import onnx_file
from chansearch.export.onnx_file import to_onnx
from chansearch.nets import ACTIVATIONS
from chansearch.nets.files import spec_from_dict
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.spec import ACTIVATION_PLACES
from tests.export.models import TINY, images, rexnet, trained
from tests.nets.specs import draw_spec


def run(content: bytes, batch: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["logits"], {"images": batch.numpy()})[0])


def check(spec, batches=(1, 3, 8)) -> bytes:
    model = trained(spec)
    content = to_onnx(model).content
    for batch in batches:
        with torch.inference_mode():
            expected = model.network(images(spec, batch))
        assert (run(content, images(spec, batch)) - expected).abs().max() <= 1e-5 * expected.abs().max()
    return content


@pytest.mark.slow
def test_rexnet_without_a_batch_norm_left():
    content = check(rexnet())
    proto = onnx.load_from_string(content)
    onnx.checker.check_model(proto, full_check=True)
    assert [node for node in proto.graph.node if node.op_type == "BatchNormalization"] == []
    [entry], [exit_] = proto.graph.input, proto.graph.output
    shapes = [[axis.dim_param or axis.dim_value for axis in port.type.tensor_type.shape.dim] for port in (entry, exit_)]
    assert (entry.name, exit_.name, shapes) == ("images", "logits", [["batch", 3, 64, 64], ["batch", 1000]])


@pytest.mark.parametrize("seed", range(6))
def test_drawn_networks(seed):
    check(draw_spec(seed))


@pytest.mark.parametrize("four", [ACTIVATIONS[:4], ACTIVATIONS[4:]], ids="-".join)
def test_every_activation(four):
    check(dataclasses.replace(TINY, **dict(zip(ACTIVATION_PLACES, (*four, four[0]), strict=True))))


@pytest.fixture(scope="module")
def named():
    """The file of a network whose classes have names."""
    return to_onnx(trained(TINY, ("Katze", "狗", "oiseau")))


def test_metadata_tells_how_to_feed_it(named):
    proto = onnx.load_from_string(named.content)
    held = {entry.key: json.loads(entry.value) for entry in proto.metadata_props}
    assert spec_from_dict(held["network"], "metadata") == TINY
    assert held["class_names"] == ["Katze", "狗", "oiseau"]
    assert (held["mean"], held["std"]) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert (held["interpolation"], held["crop_pct"]) == ("bicubic", 0.875)


@pytest.mark.parametrize(("channels", "mean"), [(3, (0.1, 0.2, 0.3)), (1, (0.4,))])
def test_metadata_tells_how_the_training_prepared_its_images(channels, mean):
    prepared = Preprocessing(mean, mean, "bilinear", 1.0)
    model = trained(dataclasses.replace(TINY, in_channels=channels))
    proto = onnx.load_from_string(to_onnx(dataclasses.replace(model, preprocessing=prepared)).content)
    held = {entry.key: json.loads(entry.value) for entry in proto.metadata_props}
    assert Preprocessing.from_dict({key: held[key] for key in prepared.to_dict()}, "metadata") == prepared


def test_what_is_not_known_is_not_in_the_metadata():
    proto = onnx.load_from_string(to_onnx(trained(dataclasses.replace(TINY, in_channels=1))).content)
    assert [entry.key for entry in proto.metadata_props] == ["network"]


def test_holds_no_path_of_the_machine_it_was_made_on(named):
    assert b".py" not in named.content
    assert b"stack_trace" not in named.content


def test_states_the_difference_and_what_is_left_of_batch_norm(named):
    facts, difference = named.notes
    assert "0 of them BatchNormalization" in facts
    assert difference.startswith(f"onnxruntime {onnxruntime.__version__} beside torch, batches of 1, 2, 5: ")


def test_a_file_that_computes_something_else_is_refused(monkeypatch):
    """As a bug of an exporter would: one weight of the middle block is off."""
    model = trained(TINY)
    sound = onnx_file.model_to_onnx

    def broken(network, shape):
        proto = sound(network, shape)
        [weight] = [one for one in proto.graph.initializer if one.name == "features.1.conv_pwl.conv.weight"]
        values = onnx.numpy_helper.to_array(weight).copy()
        values[0, 0] += 1
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        return proto

    monkeypatch.setattr(onnx_file, "model_to_onnx", broken)
    with pytest.raises(UserError, match=r"onnxruntime .*: logits differ from torch's by .*; at most 0.0001"):
        to_onnx(model)


def test_what_no_file_can_hold_is_refused_before_the_work():
    spec = dataclasses.replace(TINY, head_channels=10**6, classes=600)
    with torch.device("meta"):
        model = trained(spec)
    with pytest.raises(UserError, match="over 2 GB"):
        to_onnx(model)
