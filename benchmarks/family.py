"""The family beside what is published of it, and beside timm's modules with the same weights."""

from __future__ import annotations

import argparse
from pathlib import Path

import timm
import torch
import yaml
from torch import Tensor, nn

from benchmarks.table import markdown, publish
from chansearch.cost import price_spec
from chansearch.cost.counters import torch_counts
from chansearch.nets import PRESETS, build, preset
from chansearch.nets.weights import rename_weights
from chansearch.report.published import TABLE_5

# The networks that timm has too.
OF_TIMM = tuple(name for name in PRESETS if name in timm.list_models())
_GOLDEN = Path(__file__).parents[1] / "tests" / "golden.yaml"


def scaling_table() -> str:
    """Params and MACs of every row of Tables 5 and A and of MobileNetV2: published, closed form, torch's counter."""
    golden = yaml.safe_load(_GOLDEN.read_text(encoding="utf-8"))
    mobilenet = next(row for row in golden["table_1"] if row["name"] == "MobileNetV2")
    rows = [*golden["table_5"], mobilenet | {"network": "mobilenetv2_100"}]
    columns = ["network", "published", "closed form", "torch's counter", "params", "MACs"]
    return markdown(columns, [_scaling_row(row) for row in rows])


def _scaling_row(row: dict) -> list[str]:
    name = row["network"]
    params, macs = _counted(name)
    closed = "none"
    if name in PRESETS:
        costs = price_spec(preset(name))
        closed = _exact(costs["params"], costs["macs"])
    differences = [params / (row["params_m"] * 1e6) - 1, macs / (row["macs_b"] * 1e9) - 1]
    published = f"{row['params_m']:g}M / {row['macs_b']:g}B"
    return [f"`{name}`", published, closed, _exact(params, macs), *(f"{100 * d:+.1f} %" for d in differences)]


def _exact(params: int, macs: int) -> str:
    return f"{params:,} / {macs:,}"


def _counted(name: str) -> tuple[int, int]:
    """Params and MACs of the module, the MACs by running it on tensors without memory."""
    size = next((row.input_size for row in TABLE_5 if row.model == name), 224)
    with torch.device("meta"):
        network = (build(name) if name in PRESETS else timm.create_model(name)).eval()
        counts = torch_counts(network, (3, size, size))
    return counts["params"], counts["macs"]


def with_same_weights(name: str, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, nn.Module]:
    """Ours and timm's network of a name, in inference, with one set of drawn weights and statistics in both."""
    with torch.device("meta"):
        ours, theirs = build(name), timm.create_model(name)
    weights = {key: _drawn(key, tensor, dtype) for key, tensor in theirs.state_dict().items()}
    theirs.load_state_dict(weights, strict=True, assign=True)
    ours.load_state_dict(rename_weights(weights), strict=True, assign=True)
    return tuple(network.requires_grad_(False).eval() for network in (ours, theirs))


def _drawn(key: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if tensor.dim() > 1:  # convolutions and the classifier: as large as keeps the signal's size
        return torch.randn(tensor.shape, dtype=dtype) * (2 / tensor[0].numel()) ** 0.5
    drawn = torch.rand(tensor.shape, dtype=dtype)
    # Variances and the scales of BatchNorm stay positive; of vectors only those scales are called weight.
    return drawn + 0.5 if key.endswith(("running_var", "weight")) else drawn - 0.5


def differences(ours: nn.Module, theirs: nn.Module, images: Tensor) -> tuple[float, float]:
    """Largest difference of the logits, and of the gradients of the images; each relative to the largest number."""
    images = images.requires_grad_()
    logits, expected = ours(images), theirs(images)
    upstream = torch.randn_like(expected)
    gradients = [torch.autograd.grad((out * upstream).sum(), images)[0] for out in (logits, expected)]
    return _worst(logits, expected), _worst(*gradients)


def _worst(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


def _equality_table() -> str:
    rows = []
    for name in OF_TIMM:
        torch.manual_seed(0)
        ours, theirs = with_same_weights(name)
        params = [sum(p.numel() for p in network.parameters()) for network in (ours, theirs)]
        found = differences(ours, theirs, torch.randn(2, 3, 224, 224))
        rows.append([f"`{name}`", *(f"{p:,}" for p in params), *(f"{d:.1e}" for d in found)])
    return markdown(["network", "params", "timm's", "logits", "gradient of the images"], rows)


def main(arguments: list[str]) -> None:
    argparse.ArgumentParser(prog="python -m benchmarks family", description=__doc__).parse_args(arguments)
    publish(
        "family",
        "The family",
        "Params and MACs (the paper's FLOPs) of one image, classifier counted; EfficientNets are timm's, at 224, 240, "
        "260 and 300 pixels, the others at 224. The last two columns are ours beside the published figures.",
        scaling_table(),
        f"Against timm {timm.__version__}, both in float32 with the same drawn weights and statistics: largest "
        "difference over two images of 224 pixels, relative to the largest number.",
        _equality_table(),
    )
