"""The proxies by name, a line each: what ``--help`` and messages print, without importing anything heavy."""

from __future__ import annotations

from chansearch.ranges import one_of

PROXY_NAMES = {
    "params": "number of parameters",
    "macs": "multiply-adds (the paper's FLOPs)",
    "line": "R² of the best line through the channels",
    "nuclear_norm": "of the final feature at initialisation (ReXNet)",
    "rank_ratio": "rank of the final feature at initialisation over the largest it can be (ReXNet)",
    "grad_norm": "of the gradient of one batch (Abdelfattah et al. 2021)",
    "synflow": "flow of |weights| through the linear network (Tanaka et al. 2020)",
    "naswot": "how differently images switch the activations (Mellor et al. 2021)",
    "zen": "how far the feature moves with the input (Lin et al. 2021)",
    "zico": "inverse variation of the gradients over batches (Li et al. 2023)",
    "near": "effective rank of every layer (Husistein et al. 2025)",
}
# Known from the spec alone: neither weights nor images.
FREE = ("params", "macs", "line")


def parse_proxies(key: str, text: str) -> tuple[str, ...]:
    """``"zen,zico"`` or ``all`` → names, without repetitions; raises ``UserError`` for one that is unknown."""
    names = list(PROXY_NAMES) if text == "all" else [name.strip() for name in text.split(",")]
    for name in names:
        check_proxy(key, name, "all, ")
    return tuple(dict.fromkeys(names))


def check_proxy(key: str, name: str, also: str = "") -> None:
    """Raises ``UserError`` naming ``key`` where there is no proxy of that name; ``also``: what else is allowed."""
    one_of(key, name, PROXY_NAMES, also)
