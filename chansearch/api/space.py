"""``Space``: which channel configurations there are."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chansearch.api.budget import Budget, read_channels
from chansearch.config import SamplerConfig, SearchConfig, SearchSettings, SpaceConfig
from chansearch.errors import UserError
from chansearch.ranges import at_least, within
from chansearch.space import Member, Shape, fit, make_family
from chansearch.space.member import MOST_BLOCKS

if TYPE_CHECKING:
    from chansearch.search.candidate import Candidate


class Space:
    """The configurations c_i = a·f(i)+b whose f is of one family: ``piecewise``, ``linear``, ``hinge``, ``stagewise``
    or ``free``."""

    def __init__(
        self,
        family: str = "piecewise",
        blocks: int = 5,
        *,
        min_segments: int = 1,
        max_segments: int = 5,
        min_stages: int = 2,
        max_stages: int = 7,
        flat: float = 0.2,
        divisor: int = 1,
    ) -> None:
        """Segments are a ``piecewise`` space's, stages a ``stagewise`` one's; ``flat`` is the probability that a piece
        of a piecewise or free f does not rise. Channels are multiples of ``divisor``. Raises ``UserError``."""
        within("blocks", blocks, 2, MOST_BLOCKS)
        at_least("divisor", divisor, 1)
        self._config = SpaceConfig(family, min_segments, max_segments, min_stages, max_stages, flat, divisor)
        shapes = dataclasses.asdict(self._config)
        del shapes["divisor"]
        self._family = make_family(depth=blocks, **shapes)
        self.blocks = blocks

    @property
    def config(self) -> SpaceConfig:
        """As a search's configuration has it."""
        return copy.deepcopy(self._config)

    def shapes(self, n: int, seed: int = 0) -> list[Shape]:
        """``n`` unguided draws of f: those that a search with this seed looks at first, before any is priced.

        ``shape.at_blocks()`` has the values f(1) … f(d).
        """
        from chansearch.search.propose import unguided_values

        at_least("n", n, 1)
        shapes: list[Shape] = []
        for batch in unguided_values(self._family, "random", seed):
            shapes += map(self._family.decode, batch)
            if len(shapes) >= n:
                break
        return shapes[:n]

    def sample(self, n: int, budget: Budget, seed: int = 0, method: str = "solve") -> list[Candidate]:
        """``n`` different configurations within a budget, priced: the first that a search with this seed would train
        under ``sampler=random``. Fewer where the space has fewer.

        ``method``: ``solve`` a and b for the budget, or draw them and ``reject`` what misses it. Raises ``UserError``
        where no configuration meets the budget.
        """
        from chansearch.search.plan import first_proposals, make_plan
        from chansearch.search.propose import check_reachable

        at_least("n", n, 1)
        self.check_blocks(budget)
        config = SearchConfig(
            constraint=budget.constraint,
            space=self.config,
            sampler=SamplerConfig("random"),
            search=SearchSettings(seed=seed, method=method),
        )
        plan = make_plan(config, budget.skeleton.classes)
        check_reachable(plan.problem, seed)
        return [proposal.candidate for proposal in first_proposals(plan, n)]

    def fit(self, channels: str | Sequence[int]) -> Member:
        """a, b and the f with the fewest segments that give these channels; raises ``ValueError`` where none does."""
        return fit(read_channels(channels, self.blocks), self._config.divisor)

    def check_blocks(self, budget: Budget) -> None:
        """Raises ``UserError`` where the budget is one of networks with another number of blocks."""
        if budget.skeleton.blocks != self.blocks:
            raise UserError(f"blocks: {self.blocks} in the space, {budget.skeleton.blocks} in the budget's skeleton")

    def __repr__(self) -> str:
        return f"<Space: {self._config.family}, {self.blocks} blocks>"
