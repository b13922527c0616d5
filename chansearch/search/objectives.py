"""What a search is to be good at: accuracy and, where asked for, what a candidate costs (``search.objectives``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chansearch.cost.budget import format_count
from chansearch.errors import UserError
from chansearch.ranges import one_of
from chansearch.search.candidate import Candidate, Record

ACCURACY = "accuracy"
COSTS = ("params", "macs", "latency")
_ALSO = {"flops": "macs"}  # the paper's word


@dataclass(frozen=True)
class Objectives:
    """Accuracy, which is to be high, and any ``costs``, which are to be low."""

    costs: tuple[str, ...] = ()

    @staticmethod
    def of(words: Sequence[str]) -> Objectives:
        """Those of ``search.objectives``; raises ``UserError`` for another list than accuracy and different costs."""
        known = (ACCURACY, *COSTS)
        words = [_ALSO.get(word, word) for word in words]
        for word in words:
            one_of("search.objectives", word, known)
        given = _listed(words)
        if ACCURACY not in words:
            raise UserError(f"search.objectives: {given} has no accuracy; allowed: {_listed([ACCURACY, *words])}")
        if len(set(words)) < len(words):
            raise UserError(f"search.objectives: {given}; allowed: each once, as in {_listed(dict.fromkeys(words))}")
        costs = tuple(word for word in words if word != ACCURACY)
        if words[0] != ACCURACY:
            raise UserError(f"search.objectives: {given}; accuracy comes first: {_listed([ACCURACY, *costs])}")
        return Objectives(costs)

    @staticmethod
    def recorded(words: object) -> Objectives:
        """Those of a run's record: accuracy alone in a run of an earlier version, or where the words are none."""
        try:
            return Objectives.of(words if isinstance(words, list) and words else [ACCURACY])
        except (UserError, TypeError):
            return ACCURACY_ALONE

    @property
    def are_several(self) -> bool:
        return bool(self.costs)

    @property
    def names(self) -> tuple[str, ...]:
        return (ACCURACY, *self.costs)

    @property
    def directions(self) -> list[str]:
        """In Optuna's words."""
        return ["maximize", *("minimize" for _ in self.costs)]

    def values(self, record: Record) -> list[float] | None:
        """A candidate's, in the order of ``names``; None for one that may not be ranked or whose cost is not known."""
        if not record.is_ranked:
            return None
        costs = [cost_of(record.candidate, name) for name in self.costs]
        return None if None in costs else [record.val_top1_mean, *costs]


ACCURACY_ALONE = Objectives()


def cost_of(candidate: Candidate, name: str) -> float | None:
    """What one of ``COSTS`` is of a candidate; None for a latency that was not measured."""
    return candidate.latency_ms if name == "latency" else float(getattr(candidate, name))


def format_cost(name: str, candidate: Candidate) -> str:
    """For people: ``12.3M macs``, or ``1.75 ms``."""
    cost = cost_of(candidate, name)
    return f"{cost:.3g} ms" if name == "latency" else f"{format_count(cost)} {name}"


def _listed(words: Iterable[str]) -> str:
    return f"[{','.join(words)}]"
