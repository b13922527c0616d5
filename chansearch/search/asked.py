"""What a run was asked for, read from its ``config.yaml`` as it is: a key that is missing, or odd, is not known.

For those who only look at a run. Who searches reads the whole of it, checked, by ``chansearch.config``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chansearch.search.candidate import Record
from chansearch.search.contenders import left
from chansearch.search.objectives import Objectives


def setting(config: Mapping, dotted: str) -> object | None:
    """The value under a dotted key, ``None`` where any part of the way is missing."""
    found: object = config
    for key in dotted.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def rank_on(config: Mapping) -> str:
    """The part that ranks: ``test`` as in the paper, else ``val``."""
    return "test" if setting(config, "data.rank_on") == "test" else "val"


def candidates_asked(config: Mapping) -> int | None:
    """How many candidates the run is to train."""
    asked = setting(config, "search.candidates")
    return asked if isinstance(asked, int) else None


def objectives(config: Mapping) -> Objectives:
    """What the run is to be good at."""
    return Objectives.recorded(setting(config, "search.objectives"))


def contenders(config: Mapping) -> int | None:
    """How many candidates are to get all seeds, the others one; ``None`` where every candidate gets them all."""
    count = setting(config, "scheduler.contenders")
    return count if setting(config, "scheduler.name") == "contenders" and isinstance(count, int) else None


def seeds_asked(config: Mapping) -> int:
    """How many seeds a candidate, or a contender, is to be trained with; 1 where that is not known."""
    asked = setting(config, "train.seeds")
    return asked if isinstance(asked, int) else 1


def further_left(config: Mapping, records: Iterable[Record]) -> int:
    """Further seeds of contenders that have not ended; none where every candidate gets all of them."""
    count = contenders(config)
    return 0 if count is None else len(left(records, count, seeds_asked(config)))


def epochs_asked(config: Mapping) -> int:
    """How many epochs a training takes at most; 0 where that is not known."""
    asked = setting(config, "train.epochs")
    return asked if isinstance(asked, int) else 0
