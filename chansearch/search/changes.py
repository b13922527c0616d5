"""What may be changed between the sessions of a run, and what a change does to the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chansearch.config import SearchConfig
from chansearch.errors import UserError
from chansearch.search.problem import Problem

# Keys and sections of the configuration. Everything that stands in neither table is what the candidates and their
# accuracies mean: it is changed with --force only, and the record says where.

# May change freely, and why.
FREE = {
    "results": "the run lies where it lies",
    "name": "the run lies where it lies",
    "cluster": "where and how many at a time are trained, not what",
    "search.candidates": "more of the same",
    "search.retries": "of workers that die",
    "search.trial_timeout": "of workers that hang",
    "data.root": "the same images elsewhere, which their fingerprint shows",
    "data.test_root": "the same images elsewhere, which their fingerprint shows",
    "data.url": "the same images elsewhere, which their fingerprint shows",
    "data.cache": "the same images elsewhere, which their fingerprint shows",
    "train.device": "the same arithmetic, rounded as on another machine",
    "train.kernels": "the same arithmetic, rounded as on another machine",
    "train.compile": "the same arithmetic, rounded as on another machine",
    "train.eval_batch_size": "what is measured does not depend on it",
}

# Can never change, and why.
FIXED = {
    "search.objectives": "study.db and what the sampler has learned are of the old ones",
    "constraint.skeleton": "the candidates would be other networks",
    "constraint.budget.count_classifier": "params and MACs would be counted in another way",
    "constraint.latency": "the latencies so far were measured in that way",
    "data.name": "the images would be others",
    "data.val_fraction": "the images would be others",
    "data.test_fraction": "the images would be others",
    "data.split_seed": "the images would be others",
    "data.rank_on": "the images would be others",
    "data.train_images": "the images would be others",
    "data.val_images": "the images would be others",
    "data.test_images": "the images would be others",
}

# What decides which numbers the sampler moves; see ``check_changes``.
_OF_THE_PARAMETERS = ("space", "constraint.budget", "search.method")


@dataclass(frozen=True)
class Change:
    """One key, dotted, with its values in plain types."""

    key: str
    before: object
    after: object

    def __str__(self) -> str:
        return f"{self.key} {_text(self.before)} → {_text(self.after)}"


def changes(before: SearchConfig, after: SearchConfig) -> list[Change]:
    """Every key that has another value, in the schema's order."""
    old, new = _flat(dataclasses.asdict(before)), _flat(dataclasses.asdict(after))
    keys = dict.fromkeys([*old, *new])
    return [Change(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def check_changes(changed: Sequence[Change], before: Problem, after: Problem, ended: int, *, force: bool) -> None:
    """Raises ``UserError`` naming the keys that may not change, or not without ``force``.

    ``ended`` candidates have. Another set of numbers for the sampler to move is never allowed: what it has learned,
    and what ``study.db`` holds, are of the old ones.
    """
    for change in changed:
        if why := _entry(FIXED, change.key):
            raise UserError(f"{change.key}: {_was(change)}; it cannot change in a run, even with --force: {why}")
        if change.key == "search.candidates" and change.after < ended:
            raise UserError(f"{change.key}: {change.after}; {ended} have ended; allowed: {ended} or more")
    if before.parameters() != after.parameters():
        keys = ", ".join(c.key for c in changed if any(_is_in(c.key, part) for part in _OF_THE_PARAMETERS))
        raise UserError(f"{keys}: cannot change in a run, even with --force: a sampler would move other numbers")
    refused = with_meaning(changed)
    if refused and not force:
        raise UserError(
            f"resume: {'; '.join(f'{change.key} {_was(change)}' for change in refused)}: candidates and accuracies "
            "would no longer mean the same; set back what has changed, start another run, or go on with --force"
        )


def with_meaning(changed: Iterable[Change]) -> list[Change]:
    """Those that need ``--force``."""
    return [change for change in changed if not _entry(FREE, change.key)]


def describe_changes(changed: Sequence[Change], ended: int, waiting: int) -> str:
    """What goes on under what, for the terminal."""
    said = f"changed: {', '.join(map(str, changed))}"
    if not with_meaning(changed):
        return said
    proposed = f"; {waiting} proposed before train under the new settings" if waiting else ""
    return (
        f"{said}. Kept: {ended} candidates with their accuracies under the old settings{proposed}. No longer "
        "comparable: candidates before and after the change, and with them ranks, rungs and the sampler's model"
    )


def _entry(table: Mapping[str, str], key: str) -> str | None:
    return next((why for part, why in table.items() if _is_in(key, part)), None)


def _is_in(key: str, part: str) -> bool:
    return key == part or key.startswith(f"{part}.")


def _flat(section: Mapping, prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in section.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def _was(change: Change) -> str:
    return f"was {_text(change.before)} and is {_text(change.after)}"


def _text(value: object) -> str:
    return "null" if value is None else str(value)
