"""Candidates counted and proposed a second, ours beside the other counters on the same candidates, on one core."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

import numpy as np

from benchmarks.models import CONSTRAINTS, problem
from benchmarks.table import Spread, markdown, number, publish

_REPEATS = 7


def rates(work: Callable[[], object], count: int) -> Spread:
    """Items a second of CPU time, over some repetitions after one that warms up."""
    found = []
    for _ in range(_REPEATS + 1):
        start = time.process_time()
        work()
        found.append(count / (time.process_time() - start))
    return Spread.of(found[1:])


def plain(skeleton, channels) -> tuple[int, int]:
    """Params and MACs of one candidate, layer by layer in plain Python: what one writes first."""
    size = -(-skeleton.input_size // skeleton.stem_stride)
    weights = 9 * skeleton.in_channels * skeleton.stem_channels
    params, macs = weights + 2 * skeleton.stem_channels, weights * size**2
    widths = itertools.pairwise([skeleton.stem_channels, *channels])
    for (before, after), stride, expansion in zip(widths, skeleton.strides, skeleton.expansions, strict=True):
        hidden = before * expansion
        if expansion > 1:
            params += before * hidden + 2 * hidden
            macs += before * hidden * size**2
        size = -(-size // stride)
        params += 11 * hidden + hidden * after + 2 * after
        macs += (9 * hidden + hidden * after) * size**2
    weights = channels[-1] * skeleton.head_channels
    return params + weights + 2 * skeleton.head_channels, macs + weights * size**2


def _drawn(searched, count: int) -> np.ndarray:
    """Channels (count, d) of members of the space, within the budget or not."""
    from chansearch.search.propose import unguided_values

    batches = unguided_values(searched, "random", 0)
    found = []
    while len(found) < count:
        found += [priced.channels for priced in searched.realise(next(batches))]
    return np.array(found[:count])


def _counting(candidates: int) -> list[list]:
    """A row a constraint: arrays of many, the same formula with memory, and one by one in Python."""
    from chansearch.cost import count, price

    rows = []
    for name in CONSTRAINTS:
        searched = problem(f"constraint={name}", classes=100)
        few = _drawn(searched, 2000)
        many = np.tile(few, (candidates // len(few), 1))
        one_by_one = few.tolist()
        ours = count(searched.skeleton, few, count_classifier=False)
        assert [plain(searched.skeleton, row) for row in one_by_one] == list(zip(ours.params, ours.macs, strict=True))
        rows.append(
            [
                name,
                rates(lambda: count(searched.skeleton, many, count_classifier=False), len(many)),  # noqa: B023
                rates(lambda: price(searched.skeleton, many, count_classifier=False), len(many)),  # noqa: B023
                rates(lambda: [plain(searched.skeleton, row) for row in one_by_one], len(few)),  # noqa: B023
            ]
        )
    return rows


def _others() -> list[list]:
    """Counters that run the built network, on the same few candidates of c2; building is part of it, as it must be."""
    import contextlib
    import io

    import torch

    from chansearch.cost import counters
    from chansearch.nets import build

    searched = problem("constraint=c2", classes=100)
    specs = [searched.skeleton.with_channels(row) for row in _drawn(searched, 10)]
    image = torch.zeros(1, 3, 32, 32)
    tools = {"torch FlopCounterMode": counters._torch, "fvcore": counters._fvcore, "ptflops": counters._ptflops}
    rows = []
    for name, tool in tools.items():
        with contextlib.redirect_stdout(io.StringIO()):
            rows.append([name, rates(lambda: [tool(build(spec).eval(), image) for spec in specs], len(specs))])  # noqa: B023
    return rows


def _feasible(name: str, method: str, least: int) -> Spread:
    """Unguided candidates within the budget a second, drawing and everything included."""
    from chansearch.search.propose import unguided

    searched = problem(f"constraint={name}", f"search.method={method}", classes=100)
    found = []
    for seed in range(_REPEATS):
        start = time.process_time()
        kept = len(list(itertools.islice(unguided(searched, "random", seed, set()), least)))
        found.append(kept / (time.process_time() - start))
    return Spread.of(found)


def _proposals(name: str, finished: int) -> Spread:
    """Milliseconds of a TPE proposal that meets the budget and is new, after so many finished candidates."""
    from chansearch.search.candidate import Outcome, Record, State
    from chansearch.search.propose import Proposer
    from chansearch.space import line_r2

    searched = problem(f"constraint={name}", classes=100)

    def told(proposal) -> Record:
        top1 = 100 * float(line_r2(np.array(proposal.candidate.channels)))
        return Record(proposal.candidate, Outcome(State.FINISHED, (0,), (top1,), (top1,), epochs=1))

    unguided = Proposer(searched, "random", 0, startup=2)
    known = [unguided.propose() for _ in range(finished)]
    proposer = Proposer(searched, "tpe", 0, startup=20, known=known)
    for proposal in known:
        proposer.tell(told(proposal))
    found = []
    for _ in range(50):
        start = time.process_time()
        proposal = proposer.propose()
        found.append(1e3 * (time.process_time() - start))
        proposer.tell(told(proposal))
    return Spread.of(found)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks counting", description=__doc__)
    parser.add_argument("--candidates", type=int, default=1_000_000, help="in the arrays")
    parser.add_argument("--finished", type=int, nargs="+", default=[100, 1000, 10_000], help="before TPE is asked")
    options = parser.parse_args(arguments)
    methods = {"solve": 400, "reject": 40}
    publish(
        "counting",
        "Counting and proposing",
        "Each figure is a median with the smallest and the largest, of CPU time on one core. Candidates a second: "
        "`cost.count`, params and MACs; `cost.price`, activations and memory too; the same closed form one by one.",
        markdown(["constraint", "count", "price", "plain Python"], _counting(options.candidates)),
        "Counters that run a built network, c2, candidates a second, building included:",
        markdown(["counter", "candidates a second"], _others()),
        "Unguided candidates that meet the budget, a second, all work included:",
        markdown(
            ["constraint", *methods],
            [[name, *(_feasible(name, method, least) for method, least in methods.items())] for name in CONSTRAINTS],
        ),
        "A TPE proposal that meets the budget and is new (`search.method=solve`), in milliseconds:",
        markdown(
            ["constraint", *(f"after {number(count)}" for count in options.finished)],
            [[name, *(_proposals(name, count) for count in options.finished)] for name in ("c1", "c2", "c4")],
        ),
    )
