"""Which image goes into which part: index arithmetic on labels, deterministic in the seed."""

import numpy as np

from chansearch.errors import UserError


def stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Indices of ``labels``, shape (N,), ordered so that every prefix holds the classes in proportion.

    A prefix is a stratified subset and a shorter prefix is contained in a longer one, which makes the subsets nested.
    In a prefix of n images each class is within one of its share n·(count of the class)/N.
    """
    ranks = np.random.default_rng([seed, 1]).random(len(labels))
    # Position of each image within its class, shuffled, as a quantile in (0, 1): sorting by quantile interleaves.
    by_class = np.lexsort((ranks, labels))
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(labels)) - starts[labels[by_class]]
    quantiles = np.empty(len(labels))
    quantiles[by_class] = (place + 0.5) / counts[labels[by_class]]
    return np.lexsort((ranks, quantiles))  # equal quantiles, as in balanced classes, fall in random order


def cut(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split all indices of ``labels`` into (rest, part), both sorted; ``part`` holds ``fraction`` of each class.

    At least one image of each class lands on either side, so every class needs two images (not checked here).
    """
    ranks = np.random.default_rng([seed, 0]).random(len(labels))
    by_class = np.lexsort((ranks, labels))
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(labels)) - starts[labels[by_class]]
    part_counts = np.clip(np.rint(fraction * counts).astype(np.int64), 1, np.maximum(counts - 1, 1))
    in_part = place < part_counts[labels[by_class]]
    return np.sort(by_class[~in_part]), np.sort(by_class[in_part])


def subset(labels: np.ndarray, count: int | None, seed: int, key: str) -> np.ndarray:
    """Sorted indices of a stratified subset of ``count`` images (None: all); UserError if there are fewer."""
    if count is None:
        return np.arange(len(labels))
    if count > len(labels):
        raise UserError(f"{key}: {count}, but that part has {len(labels)} images; allowed: 1 to {len(labels)}, null")
    return np.sort(stratified_order(labels, seed)[:count])
