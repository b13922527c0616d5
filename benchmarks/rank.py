"""The rank study's batches beside the plain loop: a network at a time, torch's modules, torch.linalg.matrix_rank.

    python -m benchmarks rank [--networks 1000] [--plain 20]

One process of one thread. The plain loop takes the first ``--plain`` networks of each point, the batches all of them;
both are given in networks a second, and the ranks of the common networks are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.table import Spread, markdown, number, publish
from chansearch.nets.network import make_activation
from chansearch.studies.rank import Draw, DrawnNetwork, feature_ranks, layer_features, point_ranks
from chansearch.studies.rank_plan import RankPlan, Size

_REPEATS = 5


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks rank", description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=20, help="networks of each point in the plain loop")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    plan = RankPlan(networks=options.networks)
    point_ranks(RankPlan(networks=2), *plan.points[0])  # the first call loads libraries
    publish(
        "rank",
        "Ranks of random networks: batches beside the plain loop",
        f"4 layers × 10 dimension ratios × {len(plan.activations)} activations, one process of one thread. Plain loop: "
        f"the first {options.plain} networks of each point, one at a time; batches: all {options.networks}, drawing "
        "their numbers included in both.",
        markdown(
            ("layer", "plain loop [networks/s]", "batches [networks/s]", "ratio", "different ranks"),
            [_compare(plan, layer, options.plain) for layer in plan.layers],
        ),
        "The rank of 24 ReLU features [µs a feature]:",
        markdown(("d_out × N", *_WAYS), [_rank_ways(d_out) for d_out in (10, 30, 50)]),
    )


def plain_feature(plan: RankPlan, layer: str, activation: str, network: DrawnNetwork) -> Tensor:
    """(d_out, L) in float64, from modules as anyone would write them."""
    size, side = network.size, plan.map_size
    x = torch.from_numpy(network.inputs)
    maps = x.unflatten(1, (-1, side, side)).transpose(0, 1)  # (N, C, H, W)
    steps, last = [], len(network.weights) - 1
    for place, weights in enumerate(network.weights):
        steps += [_conv(layer, place, weights), nn.BatchNorm2d(len(weights), dtype=torch.float64)]
        if place < last or last == 0:
            steps.append(make_activation(activation))
    layers = nn.Sequential(*steps).train(plan.batch_norm == "batch")
    with torch.no_grad():
        y = layers(maps)
        if last:
            y[:, : size.d_in] += maps
    return y.transpose(0, 1).flatten(1)


def _conv(layer: str, place: int, weights: np.ndarray) -> nn.Conv2d:
    c_out, c_in, taps = weights.shape
    depthwise = layer == "bottleneck_dw" and place == 1
    kernel = 3 if layer == "conv3x3" or (layer != "conv1x1" and place == 1) else 1
    conv = nn.Conv2d(
        c_in * (c_out if depthwise else 1),
        c_out,
        kernel,
        padding=kernel // 2,
        groups=c_out if depthwise else 1,
        bias=False,
        dtype=torch.float64,
    )
    with torch.no_grad():
        if taps == kernel**2:
            conv.weight.copy_(torch.from_numpy(weights).unflatten(2, (kernel, kernel)))
        else:  # the other taps keep their random weights: on a map of one pixel they meet the padding
            conv.weight[:, :, 1, 1] = torch.from_numpy(weights[:, :, 0])
    return conv


def plain_ranks(plan: RankPlan, layer: str, tenths: int) -> np.ndarray:
    """(activations, networks), as ``point_ranks`` gives them."""
    return np.array(
        [
            [
                int(
                    torch.linalg.matrix_rank(plain_feature(plan, layer, name, Draw(plan, layer, tenths, one).network()))
                )
                for one in range(plan.networks)
            ]
            for name in plan.activations
        ]
    )


def _compare(plan: RankPlan, layer: str, few: int) -> tuple[object, ...]:
    tenths = [tenths for named, tenths in plan.points if named == layer]
    sample = RankPlan(networks=few)
    plain, plain_seconds = _timed(lambda: [plain_ranks(sample, layer, ratio) for ratio in tenths])
    ours, our_seconds = _timed(lambda: [point_ranks(plan, layer, ratio).ranks for ratio in tenths])
    points = len(tenths) * len(plan.activations)
    rates = points * few / plain_seconds, points * plan.networks / our_seconds
    different = sum(int((a != b[:, :few]).sum()) for a, b in zip(plain, ours, strict=True))
    return layer, *map(number, rates), f"{rates[1] / rates[0]:.1f}", f"{different} of {points * few}"


def _timed(work: Callable[[], list[np.ndarray]]) -> tuple[list[np.ndarray], float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


_WAYS: dict[str, Callable[[Tensor], object]] = {
    "matrix_rank, one at a time": lambda features: [torch.linalg.matrix_rank(feature) for feature in features],
    "matrix_rank, batched": torch.linalg.matrix_rank,
    "svdvals, batched": torch.linalg.svdvals,
    "eigvalsh of the Gram matrices": lambda features: torch.linalg.eigvalsh(features @ features.mT),
    "Cholesky, then matrix_rank": feature_ranks,
}


def _rank_ways(d_out: int) -> tuple[object, ...]:
    """At a dimension ratio of a half, where all are of full rank."""
    size = Size.of(d_out, 5, 1)
    plan = RankPlan(activations=("relu",), d_out=(d_out, d_out))
    networks = [Draw(plan, "conv1x1", 5, one).network() for one in range(24)]
    (features,) = layer_features(plan, "conv1x1", networks)
    times = []
    for way in _WAYS.values():
        way(features)
        times.append(Spread.of([_timed(lambda way=way: way(features))[1] / 24 * 1e6 for _ in range(_REPEATS)]))
    return f"{d_out} × {size.columns}", *times
