"""Networks to export: with weights and statistics as a training leaves them, none of them zero or one."""

import dataclasses
from pathlib import Path

import torch

from chansearch.export import to_yaml
from chansearch.nets import NetworkSpec, preset
from chansearch.nets.checkpoint import Checkpoint, save_checkpoint
from chansearch.nets.files import spec_to_dict
from chansearch.nets.model import Model
from chansearch.nets.network import Network

TINY = NetworkSpec(
    channels=(4, 6, 7),
    strides=(1, 2, 1),
    expansions=(1, 3, 2),
    stem_channels=4,
    head_channels=10,
    classes=3,
    input_size=8,
    se_reduction=4,
    se_from=2,
)


def rexnet(**changes) -> NetworkSpec:
    """ReXNet ×1.0 on small images, for the clock."""
    return dataclasses.replace(preset("rexnet_100"), **({"input_size": 64} | changes))


def trained(spec: NetworkSpec, classes: tuple[str, ...] | None = None, seed: int = 0) -> Model:
    """In evaluation mode; its statistics, scales and biases are drawn too."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = Network(spec).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            for tensor, low, high in (
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    network.head.fc.bias.data.uniform_(-1, 1, generator=generator)
    return Model("net", spec, network, True, classes)


def images(spec: NetworkSpec, batch: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, spec.in_channels, spec.input_size, spec.input_size, generator=generator)


def logits(model: Model, batch: int = 4) -> torch.Tensor:
    with torch.inference_mode():
        return model.network(images(model.spec, batch))


def save_yaml(path: Path, spec: NetworkSpec) -> Path:
    path.write_text(to_yaml({"network": spec_to_dict(spec)}), encoding="utf-8")
    return path


def save(path: Path, model: Model) -> Path:
    save_checkpoint(path, Checkpoint(model.spec, model.network.state_dict(), model.classes))
    return path
