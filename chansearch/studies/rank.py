"""The rank of a layer's output feature (paper sec. 2, Figure 1): random networks, a size at a time.

A feature is f(WX): W and X are drawn from N(0, 1), f is BatchNorm and an activation, in float64. An inverted bottleneck
is a 1×1 convolution, f, a 3×3 convolution, f, a 1×1 convolution, BatchNorm and the zero-padded shortcut; ``identity``
leaves it without activations. B networks of one size, C channels, L columns: the pixels of all maps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chansearch.nets.network import make_activation
from chansearch.studies.rank_plan import LAYERS, RankPlan, Size, weight_shapes

_EPS = 1e-5  # BatchNorm's
_NUMBERS = 500_000  # weights a batch: so many stay in a core's cache, and one size's networks are mostly one batch
# A feature passes for one of full rank when its smallest singular value is surely above 1e-5 of the largest. That is
# far above ``matrix_rank``'s tolerance, max(C, L) · 2.2e-16, and its square is far above the rounding of a Gram matrix,
# which is of the size of that tolerance.
_SURE = 1e-10


@dataclass(frozen=True)
class Ranks:
    """Of the networks of one point: ``ranks`` (activations, networks), ``d_out`` and ``d_in`` (networks,)."""

    layer: str
    tenths: int
    ranks: np.ndarray
    d_out: np.ndarray
    d_in: np.ndarray


@dataclass(frozen=True)
class DrawnNetwork:
    """One network's numbers: ``inputs`` (d_in, L), ``weights`` shaped as ``weight_shapes`` says."""

    size: Size
    inputs: np.ndarray
    weights: Sequence[np.ndarray]


class Draw:
    """The numbers of network ``number`` of a point: a function of seed, layer, ratio and number, the same for every
    activation. The size is drawn at once, the rest by ``network``."""

    def __init__(self, plan: RankPlan, layer: str, tenths: int, number: int) -> None:
        self._plan, self._layer = plan, layer
        self._generator = np.random.default_rng([plan.seed, LAYERS.index(layer), tenths, number])
        low, high = plan.d_out
        self.size = Size.of(int(self._generator.integers(low, high + 1)), tenths, plan.map_size)

    def network(self) -> DrawnNetwork:
        """To be called once."""
        normal = self._generator.standard_normal
        inputs = normal((self.size.d_in, self.size.columns))
        return DrawnNetwork(
            self.size, inputs, [normal(shape) for shape in weight_shapes(self._layer, self.size, self._plan)]
        )


def point_ranks(plan: RankPlan, layer: str, tenths: int) -> Ranks:
    """The ranks of all networks of a layer at a dimension ratio of ``tenths``/10, networks of one size together."""
    draws = [Draw(plan, layer, tenths, number) for number in range(plan.networks)]
    classes: defaultdict[Size, list[int]] = defaultdict(list)
    for number, draw in enumerate(draws):
        classes[draw.size].append(number)
    found = np.empty((len(plan.activations), plan.networks), dtype=np.int64)
    for size, members in classes.items():
        most = max(1, _NUMBERS // sum(a * b * c for a, b, c in weight_shapes(layer, size, plan)))
        for start in range(0, len(members), most):
            batch = members[start : start + most]
            for row, feature in enumerate(layer_features(plan, layer, [draws[number].network() for number in batch])):
                found[row, batch] = feature_ranks(feature).numpy()
    sizes = [draw.size for draw in draws]
    return Ranks(
        layer, tenths, found, np.array([size.d_out for size in sizes]), np.array([size.d_in for size in sizes])
    )


def layer_features(plan: RankPlan, layer: str, networks: Sequence[DrawnNetwork]) -> Iterator[Tensor]:
    """Of ``networks`` of one size: their output features (B, d_out, L), for each of the plan's activations in turn."""
    x = torch.from_numpy(np.stack([network.inputs for network in networks]))
    first, *others = (
        torch.from_numpy(np.stack(kernels)) for kernels in zip(*(n.weights for n in networks), strict=True)
    )
    norm = _NORMS[plan.batch_norm]
    shared = norm(_convolve(x, first, plan.map_size))
    for name in plan.activations:
        f = make_activation(name)
        feature = f(shared.clone())  # activations work in place
        if others:
            middle = _convolve if layer == "bottleneck" else _depthwise
            feature = f(norm(middle(feature, others[0], plan.map_size)))
            feature = norm(_convolve(feature, others[1], plan.map_size))
            feature[:, : x.shape[1]] += x
        yield feature


def feature_ranks(features: Tensor) -> Tensor:
    """(B,): what ``torch.linalg.matrix_rank`` gives for ``features`` (B, C, L), C ≤ L, float64.

    Most features have full rank, and a Cholesky factorization of the Gram matrix proves it many times faster than
    singular values do; those it cannot speak for go to ``matrix_rank``.
    """
    gram = torch.bmm(features, features.mT)
    diagonal = gram.diagonal(dim1=1, dim2=2)  # a view
    diagonal -= _SURE * diagonal.sum(1, keepdim=True)  # the trace is at least the largest eigenvalue
    unsure = torch.linalg.cholesky_ex(gram).info != 0
    ranks = torch.full((len(features),), features.shape[1])
    if unsure.any():
        ranks[unsure] = torch.linalg.matrix_rank(features[unsure])
    return ranks


def _fresh(x: Tensor) -> Tensor:
    return x / (1 + _EPS) ** 0.5


def _batch(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[2:], eps=_EPS)  # of each channel of each network over its columns


_NORMS: dict[str, Callable[[Tensor], Tensor]] = {"fresh": _fresh, "batch": _batch}


def _convolve(x: Tensor, weights: Tensor, side: int) -> Tensor:
    """x (B, C, L), weights (B, C', C, taps) → (B, C', L): the matrix product with the numbers that each pixel sees."""
    seen = _seen(x, side) if weights.shape[3] > 1 else x
    return torch.bmm(weights.transpose(2, 3).flatten(2), seen)


def _depthwise(x: Tensor, weights: Tensor, side: int) -> Tensor:
    """x (B, C, L), weights (B, C, 1, taps) → (B, C, L)."""
    taps = weights.shape[3]
    seen = _seen(x, side).unflatten(1, (taps, -1)) if taps > 1 else x.unsqueeze(1)  # (B, taps, C, L)
    return (seen * weights.permute(0, 3, 1, 2)).sum(1)


def _seen(x: Tensor, side: int) -> Tensor:
    """(B, C, L) → (B, 9·C, L): each pixel's 3×3 neighbourhood on its map, zeros around, tap by tap."""
    maps = F.pad(x.unflatten(2, (-1, side, side)), (1, 1, 1, 1))
    taps = [maps[..., y : y + side, z : z + side].flatten(2) for y in range(3) for z in range(3)]
    return torch.cat(taps, 1)
