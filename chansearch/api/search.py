"""``Search``: a search from Python, to the letter what ``chansearch search`` does."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chansearch.api.budget import Budget
from chansearch.api.report import Report
from chansearch.api.space import Space
from chansearch.config import SearchConfig, as_setting, compose
from chansearch.errors import Interrupted, UserError
from chansearch.ranges import at_least

if TYPE_CHECKING:
    from chansearch.search.candidate import Candidate

# Words of this API for keys of the section ``search``.
_OF_SEARCH = ("candidates", "seed", "method")


class Search:
    """A search that has been checked and may be run: ``Search(constraint="c1", data="digits", candidates=20)``."""

    def __init__(
        self,
        *settings: str,
        space: str | Space | None = None,
        budget: Budget | None = None,
        config_dir: str | Path | None = None,
        **values: Any,
    ) -> None:
        """Groups and settings as the command takes them (``"train.epochs=3"``), or by name: ``data="folder"``,
        ``data__root=DIR`` (``__`` stands for the dot), ``candidates=20``, ``name="first"``. A later one holds.

        ``budget`` is a constraint made in Python. ``config_dir``: a folder of the user's own groups. Raises
        ``UserError``, before anything is written, for what is unknown, out of its range or cannot be met.
        """
        from chansearch.search.session import check

        given = [] if budget is None else _constraint(budget)
        if isinstance(space, Space):
            given += _flat("space", dataclasses.asdict(space.config))
        elif space is not None:
            given.append(as_setting("space", space))
        given += settings
        given += (as_setting(_key(name), value) for name, value in values.items())
        config = compose(given, None if config_dir is None else str(config_dir))
        self._plan = check(config)
        if isinstance(space, Space):
            space.check_blocks(self.budget)

    @property
    def config(self) -> SearchConfig:
        """Every key with its value."""
        return self._plan.config

    @property
    def budget(self) -> Budget:
        """What its candidates may cost."""
        return Budget.of(self.config.constraint, self._plan.skeleton.classes)

    def candidates(self, n: int = 10) -> list[Candidate]:
        """The first ``n`` unguided candidates, with what they cost, without training any; a bound on the latency and a
        prescreen are not asked."""
        from chansearch.search.plan import first_proposals

        at_least("n", n, 1)
        return [proposal.candidate for proposal in first_proposals(self._plan, n)]

    def dry_run(self) -> None:
        """Print the first ten candidates and the estimated time; trains and writes nothing."""
        from chansearch.search.session import start

        with _work(quiet=False):
            start(self._plan, dry_run=True)

    def run(self, *, quiet: bool = False) -> Report:
        """Search to the end, and print what the command prints unless ``quiet``. Each call makes a run directory.

        Ray is started and stopped, or the cluster of ``cluster__address`` is joined and left. Ctrl-C, or a notebook's
        stop button, raises ``KeyboardInterrupt``, which says how to go on. Raises ``UserError`` before any worker
        starts, and outside the main thread.
        """
        from chansearch.search.session import start

        with _work(quiet):
            run = start(self._plan)
        assert run is not None  # only a dry run has none
        return Report(run)

    @staticmethod
    def resume(
        run: str | Path, *settings: str, force: bool = False, retry_failed: bool = False, quiet: bool = False
    ) -> Report:
        """Go on with a run that was cut off, as ``chansearch resume`` does; ``settings`` are what is to be otherwise:
        ``"search.candidates=300"``."""
        from chansearch.search.rundir import RunDirectory
        from chansearch.search.session import resume

        with _work(quiet):
            return Report(resume(RunDirectory.open(run), settings, force=force, retry_failed=retry_failed))

    def __repr__(self) -> str:
        config = self.config
        return (
            f"<Search: {config.search.candidates} candidates of constraint {config.constraint.name} "
            f"on {config.data.name}, {config.train.epochs} epochs, {config.train.seeds} seeds>"
        )


def _key(name: str) -> str:
    return f"search.{name}" if name in _OF_SEARCH else name.replace("__", ".")


def _constraint(budget: Budget) -> list[str]:
    held = dataclasses.asdict(budget.constraint)
    del held["budget"]["flops"]  # another word for macs: as null it would take them away
    return _flat("constraint", held)


def _flat(key: str, value: Any) -> list[str]:
    """Settings of every value in a section."""
    if not isinstance(value, dict):
        return [as_setting(key, value)]
    return [setting for name, inner in value.items() for setting in _flat(f"{key}.{name}", inner)]


@contextlib.contextmanager
def _work(quiet: bool) -> Iterator[None]:
    """Around what Ray is started for."""
    if threading.current_thread() is not threading.main_thread():
        raise UserError("search: runs in the main thread only, which Ctrl-C and the death of Ray can interrupt")
    try:
        with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
            yield
    except Interrupted as stopped:
        raise KeyboardInterrupt(f"stopped; go on with `{stopped.command}`, or from Python with Search.resume") from None
