"""The strategies by name, a line each: what ``--help`` prints, without importing anything heavy."""

from chansearch.ranges import one_of

STRATEGY_NAMES = {
    "paper": "every candidate, all seeds, all epochs, in random order",
    "tpe": "all seeds and epochs, in the order TPE proposes",
    "cmaes": "all seeds and epochs, in the order CMA-ES proposes",
    "gp": "all seeds and epochs, in the order a Gaussian process proposes (slow: a tenth of the replays)",
    "prescreen-macs": "the half with the most MACs alone, all seeds and epochs",
    "prescreen-params": "the half with the most params alone, all seeds and epochs",
    "prescreen-line": "the half nearest to a straight line alone, all seeds and epochs",
    "asha": "all seeds in lockstep, asynchronous rungs (scheduler=asha)",
    "halving": "all seeds in lockstep, everyone to each rung, the best third goes on",
    "one-seed": "one seed of everyone to the end, the other seeds for the contenders",
    "prescreen-one-seed": "the half with the most MACs alone: one seed, the other seeds for the contenders",
    "prescreen-contenders": "the same, with the one seed under asynchronous rungs",
    "contenders": "one seed under asynchronous rungs, the other seeds for the contenders",
    "halving-contenders": "one seed under synchronous rungs, the other seeds for the contenders",
    "racing": "synchronous rungs, one seed more at each of them",
    "tpe-contenders": "contenders, in the order TPE proposes",
}
# Replayed on a tenth of the draws.
SLOW = ("gp",)
# What is replayed where none is named: those that need no sampler and take no time.
QUICK = tuple(name for name in STRATEGY_NAMES if not name.startswith(("tpe", "cmaes", "gp")))


def parse_strategies(text: str) -> tuple[str, ...]:
    """``"paper,asha"`` or ``all`` → names, without repetitions; raises ``UserError`` for one that is unknown."""
    given = list(STRATEGY_NAMES) if text == "all" else [name.strip() for name in text.split(",")]
    for name in given:
        one_of("--strategy", name, STRATEGY_NAMES, "all, ")
    return tuple(dict.fromkeys(given))
