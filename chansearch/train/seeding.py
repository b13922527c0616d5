"""Random numbers that depend on a seed, a purpose and an epoch, and on nothing that ran before."""

import hashlib

import torch


def derive_seed(seed: int, purpose: str, epoch: int = 0) -> int:
    """A 63-bit seed of its own for each (seed, purpose, epoch): neighbouring seeds share no stream."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """A CPU generator, so that orders and crops are the same whatever device trains."""
    return torch.Generator().manual_seed(derive_seed(seed, purpose, epoch))
