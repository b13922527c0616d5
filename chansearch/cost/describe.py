"""Costs for people: a configuration's figures with their convention, and a network block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chansearch.cost.budget import Budget
from chansearch.cost.count import CONVENTION, price, price_spec
from chansearch.cost.counters import other_counters
from chansearch.cost.memory import check_memory
from chansearch.nets import NetworkSpec
from chansearch.space import format_channels

if TYPE_CHECKING:
    from chansearch.nets.network import Network

_BYTES = 4  # of a float32


def cost_facts(spec: NetworkSpec, budget: Budget | None) -> dict:
    """All figures of one network in plain types, with and without the classifier; ``budget`` adds its verdict."""
    check_memory(spec)
    facts = {
        "channels": format_channels(spec.channels),
        "input_size": spec.input_size,
        "classes": spec.classes,
        "with_classifier": price_spec(spec, count_classifier=True),
        "without_classifier": price_spec(spec, count_classifier=False),
        "other_counters": other_counters(spec),
        "convention": CONVENTION,
    }
    if budget is not None:
        costs = price(spec, np.array([spec.channels]), count_classifier=budget.count_classifier)
        facts["budget"] = budget.describe()
        facts["verdict"] = budget.verdicts(costs)[0].value
    return facts


def cost_text(facts: dict) -> str:
    """``cost_facts`` as a table."""
    with_classifier, without = facts["with_classifier"], facts["without_classifier"]
    lines = [
        f"{facts['channels']}  ({facts['input_size']}x{facts['input_size']} input, {facts['classes']} classes)",
        f"{'':<30}{'classifier counted':>20}{'not counted':>16}",
    ]
    for label, name in (
        ("params", "params"),
        ("MACs (the paper's FLOPs)", "macs"),
        ("activations", "activations"),
        ("peak activations", "peak_activations"),
    ):
        lines.append(f"{label:<30}{with_classifier[name]:>20,}{without[name]:>16,}")
    peak = with_classifier["peak_activations"] * _BYTES / 2**20
    lines.append(f"{'peak activation memory':<30}{peak:>16.2f} MiB   one image in float32")
    if "budget" in facts:
        lines += ["", f"budget: {facts['budget']}: {facts['verdict']}"]
    lines += ["", "what is counted:", *(f"  {name}: {what}" for name, what in facts["convention"].items())]
    lines += ["", "other counters, classifier counted:"]
    for name, found in facts["other_counters"].items():
        lines.append(f"  {name:<8} params {found['params']:>12,}  MACs {found['macs']:>14,}  {found['note']}")
    return "\n".join(lines)


def describe_network(network: Network) -> str:
    """Block by block, as built: output shape, params and MACs by torch's own counter, after one forward pass."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    spec = network.spec
    network.eval()
    shapes: dict[str, tuple[int, ...]] = {}
    parts = {"stem": network.stem}
    parts |= {f"block {i}": block for i, block in enumerate(network.features[:-1], start=1)}
    parts |= {"head": network.features[-1], "classifier": network.head}
    for name, part in parts.items():
        part.register_forward_hook(lambda _, __, output, name=name: shapes.__setitem__(name, tuple(output.shape[1:])))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits = network(torch.zeros(1, spec.in_channels, spec.input_size, spec.input_size))
    by_module = counter.get_flop_counts()
    paths = {module: path for path, module in network.named_modules()}
    lines = [f"{'':<11}{'output':<16}{'stride':>6}{'expand':>7}{'SE':>5}{'params':>13}{'MACs':>16}"]
    for name, part in parts.items():
        macs = sum(by_module.get(f"Network.{paths[part]}", {}).values()) // 2
        params = sum(parameter.numel() for parameter in part.parameters())
        shape = "x".join(map(str, shapes[name]))
        lines.append(f"{name:<11}{shape:<16}{_block_columns(spec, name):<18}{params:>13,}{macs:>16,}")
    costs = price_spec(spec)
    lines.append(f"{'total':<45}{costs['params']:>13,}{costs['macs']:>16,}")
    lines += [
        "",
        f"channels {format_channels(spec.channels)}",
        f"MACs are multiply-adds (the paper's FLOPs) at {spec.input_size}x{spec.input_size}, classifier counted",
        f"forward pass: 1x{spec.in_channels}x{spec.input_size}x{spec.input_size} -> {tuple(logits.shape)}, all finite: "
        f"{'yes' if bool(torch.isfinite(logits).all()) else 'no'}",
    ]
    return "\n".join(lines)


def _block_columns(spec: NetworkSpec, name: str) -> str:
    if not name.startswith("block"):
        return f"{spec.stem_stride:>6}" if name == "stem" else ""
    block = int(name.split()[1])
    se = f"/{spec.se_reduction}" if spec.has_se(block) else "-"
    return f"{spec.strides[block - 1]:>6}{spec.expansions[block - 1]:>7}{se:>5}"
