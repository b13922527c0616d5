"""Whether a network can be built on this machine at all."""

from __future__ import annotations

import os

from chansearch.cost.count import price_spec
from chansearch.errors import UserError
from chansearch.nets.spec import NetworkSpec

_BYTES = 4  # of a float32


def check_memory(spec: NetworkSpec) -> None:
    """Raises ``UserError`` for a network whose weights and largest activations, of one image, are more than this
    machine has memory: asked for, it would be refused by torch in many lines or end the process."""
    costs = price_spec(spec)
    needed = _BYTES * (costs["params"] + costs["peak_activations"])
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise UserError(
            f"network: {costs['params']:,} params at {spec.input_size}x{spec.input_size} take "
            f"{needed / 2**30:,.0f} GiB of memory; this machine has {there / 2**30:,.0f}"
        )
