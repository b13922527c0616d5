"""The constraints that are measured, and the best published model of each."""

from __future__ import annotations

CONSTRAINTS = ("c1", "c2", "c3", "c4")


def problem(*overrides: str, classes: int):
    """What a search with these overrides would look for."""
    from chansearch.config import compose
    from chansearch.search.plan import make_plan

    return make_plan(compose(overrides), classes).problem


def best(constraint: str):
    """The spec of Table 3's best model, for ten classes."""
    from chansearch.report.published import TABLE_3
    from chansearch.space import parse_channels

    skeleton = problem(f"constraint={constraint}", classes=10).skeleton
    return skeleton.with_channels(parse_channels(TABLE_3[constraint].best.channels))
