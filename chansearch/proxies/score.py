"""The score of a network by any proxy: the larger, the better it is hoped to train."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Callable, Iterator

import torch

from chansearch.cost import price_spec
from chansearch.nets.network import Network
from chansearch.nets.spec import ACTIVATION_PLACES, NetworkSpec
from chansearch.proxies.activations import naswot, near, zen
from chansearch.proxies.features import nuclear_norm, rank_ratio
from chansearch.proxies.gradients import grad_norm, synflow, zico
from chansearch.proxies.names import FREE
from chansearch.proxies.probe import Probe
from chansearch.space import line_r2

SEEDS = 3  # initialisations a score is the mean of

_LINEAR = dict.fromkeys(ACTIVATION_PLACES, "identity")
_MEASURES: dict[str, Callable[[Network, Probe], float]] = {
    "nuclear_norm": nuclear_norm,
    "rank_ratio": rank_ratio,
    "grad_norm": grad_norm,
    "synflow": synflow,
    "naswot": naswot,
    "zen": zen,
    "zico": zico,
    "near": near,
}
# What a proxy's definition changes of the network before it looks at it.
_CHANGES: dict[str, dict] = {"synflow": _LINEAR, "zen": {"shortcut": "none"}}


def score(name: str, spec: NetworkSpec, probe: Probe, seeds: int = SEEDS) -> float:
    """By the proxy called ``name``, mean over initialisations 0 to ``seeds`` − 1.

    A function of the spec, the images and the number of seeds: the same on every call, whatever ran before. Runs on one
    thread of the processor. ``params`` and ``macs`` leave the classifier out, as the paper's constraints do.
    """
    if name in FREE:
        return _free(name, spec)
    changed = dataclasses.replace(spec, **_CHANGES.get(name, {}))
    with _one_thread():
        return statistics.fmean(_measured(name, changed, probe, seed) for seed in range(seeds))


def _free(name: str, spec: NetworkSpec) -> float:
    if name == "line":
        return float(line_r2(spec.channels))
    return float(price_spec(spec, count_classifier=False)[name])


def _measured(name: str, spec: NetworkSpec, probe: Probe, seed: int) -> float:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _MEASURES[name](Network(spec), probe)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums come out the same however many threads there are, and those that train keep theirs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
