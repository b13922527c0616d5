"""Which image goes into which part: index arithmetic on labels, deterministic in the seed."""

import numpy as np

from chansearch.errors import UserError


def stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Indices of ``labels``, shape (N,), ordered so that every prefix holds the classes in proportion.

    A prefix is a stratified subset and a shorter prefix is contained in a longer one, which makes the subsets nested.
    With equally large classes the counts in a prefix differ by at most one.
    """
    rng = np.random.default_rng([seed, 1])
    places, counts = _places(labels, rng)
    # Each image's quantile within its class; sorting by it interleaves the classes. The offset is drawn per class:
    # were it 0.5 for all, the classes of one image would all enter at the same point.
    offsets = rng.random(len(counts))
    return np.argsort((places + offsets[labels]) / counts[labels], kind="stable")


def cut(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split all indices of ``labels`` into (rest, part), both sorted; ``part`` holds ``fraction`` of each class.

    At least one image of each class lands on either side, so every class needs two images (not checked here).
    """
    places, counts = _places(labels, np.random.default_rng([seed, 0]))
    part_counts = np.clip(np.rint(fraction * counts).astype(np.int64), 1, np.maximum(counts - 1, 1))
    in_part = places < part_counts[labels]
    return np.flatnonzero(~in_part), np.flatnonzero(in_part)


def subset(labels: np.ndarray, count: int | None, seed: int, key: str) -> np.ndarray:
    """Sorted indices of a stratified subset of ``count`` images (None: all); UserError if there are fewer."""
    if count is None:
        return np.arange(len(labels))
    if count > len(labels):
        raise UserError(f"{key}: {count}, but that part has {len(labels)} images; allowed: 1 to {len(labels)}, null")
    return np.sort(stratified_order(labels, seed)[:count])


def _places(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each image's place, from 0, in a random order of its class, shape (N,); and the class sizes."""
    by_class = np.lexsort((rng.random(len(labels)), labels))
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    places = np.empty(len(labels), dtype=np.int64)
    places[by_class] = np.arange(len(labels)) - starts[labels[by_class]]
    return places, counts
