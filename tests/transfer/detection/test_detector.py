"""Detectors on networks of the family: what they cost, and what they give."""

import dataclasses

import pytest
import torch

from benchmarks.detection import PUBLISHED, as_published
from chansearch.errors import UserError
from chansearch.nets.network import Network
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.presets import preset
from chansearch.transfer.detection.detector import DetectorSpec, make_detector, price

SPEC = as_published("ssdlite")
SMALL = dataclasses.replace(preset("rexnet_100"), channels=(8,) * 16, stem_channels=8, head_channels=32)


def of(head: str, **changes) -> DetectorSpec:
    return dataclasses.replace(as_published(head), **changes)


@pytest.mark.parametrize(("head", "network", "params", "macs"), PUBLISHED)
def test_costs_are_the_published_ones(head, network, params, macs):
    cost = price(preset(network), as_published(head))
    assert cost.params / 1e6 == pytest.approx(params, rel=0.03)
    if macs is not None:
        assert cost.macs / 1e9 == pytest.approx(macs, rel=0.05)


def test_the_params_are_those_of_the_module():
    for head in ("ssdlite", "fasterrcnn", "maskrcnn"):
        spec = of(head, categories=3)
        detector = make_detector(Network(SMALL), spec, Preprocessing())
        assert price(SMALL, spec).params == sum(weight.numel() for weight in detector.parameters())


@pytest.mark.parametrize("head", ["ssdlite", "fasterrcnn", "maskrcnn"])
def test_what_a_detector_gives(head):
    """Losses with a gradient in all that is trained; boxes inside their image; masks as large as it."""
    torch.manual_seed(0)
    sizes = {"min_size": 96, "max_size": 96 if head == "ssdlite" else 128}
    detector = make_detector(Network(SMALL), of(head, categories=3, fpn_channels=16, **sizes), Preprocessing())
    images = [torch.rand(3, 100, 80), torch.rand(3, 64, 120)]
    targets = [
        {"boxes": torch.tensor([[10.0, 10, 60, 60]]), "labels": torch.tensor([2])},
        {"boxes": torch.tensor([[5.0, 5, 50, 50]]), "labels": torch.tensor([3])},
    ]
    for image, target in zip(images, targets, strict=True):
        target["masks"] = torch.ones(1, *image.shape[1:], dtype=torch.uint8)
    losses = detector(images, targets)
    sum(losses.values()).backward()
    assert all(weight.grad is not None for weight in detector.parameters())
    with torch.inference_mode():
        found = detector.eval()(images)
    for image, detections in zip(images, found, strict=True):
        height, width = image.shape[1:]
        boxes = detections["boxes"]
        assert ((boxes >= 0) & (boxes <= torch.tensor([width, height, width, height]))).all()
        assert set(detections["labels"].tolist()) <= {1, 2, 3}
        if head == "maskrcnn":
            assert detections["masks"].shape == (len(boxes), 1, height, width)


def test_frozen_statistics_stay():
    detector = make_detector(Network(SMALL), of("fasterrcnn", categories=1, freeze_bn=True), Preprocessing())
    detector.train()
    body = detector.backbone.body
    before = {name: value.clone() for name, value in body.state_dict().items() if "bn" in name}
    body(torch.rand(2, 3, 64, 64))
    assert all((body.state_dict()[name] == value).all() for name, value in before.items())
    assert not any(weight.requires_grad for name, weight in body.named_parameters() if ".bn." in name)
    assert body.stem.conv.weight.requires_grad


def test_the_features_are_those_of_the_network():
    """The last one of SSDLite is what the classifier pools."""
    network = Network(SMALL).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = network.features(network.stem(image))
        detector = make_detector(network, of("ssdlite", categories=1), Preprocessing()).eval()
        features = list(detector.backbone.body(image).values())
    assert [feature.shape[1:] for feature in features] == [(8, 4, 4), (32, 2, 2)]
    torch.testing.assert_close(features[-1], expected)


def test_a_network_of_too_few_strides():
    shallow = dataclasses.replace(SMALL, strides=(1, 2, 1, 2) + (1,) * 12)
    for head in ("ssdlite", "fasterrcnn"):
        with pytest.raises(UserError, match=r"model: has features of strides 2, 4, 8; .*32 are needed"):
            make_detector(Network(shallow), of(head), Preprocessing())


@pytest.mark.parametrize(
    "change",
    [{"head": "yolo"}, {"min_size": 0}, {"detections": "many"}, {"freeze_bn": 1}, {"extra": 1}, {"samples": None}],
)
def test_a_file_that_says_something_else(change):
    data = SPEC.to_dict() | change
    with pytest.raises(UserError, match=r"^FILE: detector is none: head, categories"):
        DetectorSpec.from_dict(data, "FILE")
    assert DetectorSpec.from_dict(SPEC.to_dict(), "FILE") == SPEC
