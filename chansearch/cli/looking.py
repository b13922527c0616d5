"""Commands that look at runs and train nothing: runs, watch, compare."""

from __future__ import annotations

import argparse
import contextlib
import datetime
from typing import TYPE_CHECKING

from chansearch.cli.printing import print_json
from chansearch.cli.settings import add_results
from chansearch.ranges import within

if TYPE_CHECKING:
    from chansearch.live.listing import Listed


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    runs = commands.add_parser("runs", help="list the runs: how far each is, and its best candidate")
    add_results(runs)
    runs.add_argument("--json", action="store_true", help="machine-readable")
    runs.set_defaults(run=_runs)

    watch = commands.add_parser(
        "watch",
        help="the live table of a search, in a second terminal",
        description="Show what a search shows, from its files alone, until it ends. Ctrl-C ends the watching.",
    )
    watch.add_argument("run_directory", nargs="?", metavar="RUN", help="results/RUN (default: the latest)")
    add_results(watch)
    watch.add_argument("--interval", type=float, default=1.0, metavar="S", help="seconds between looks (default: 1)")
    watch.add_argument("--once", action="store_true", help="one picture, and stop")
    watch.set_defaults(run=_watch)

    compare = commands.add_parser(
        "compare",
        help="is the best of one run really better than the best of another: chansearch compare A B",
        description="Say whether B's best candidate is better than A's, on seeds that had no part in choosing them.",
    )
    compare.add_argument("first", metavar="A", help="results/RUN")
    compare.add_argument("second", metavar="B", help="results/RUN")
    compare.add_argument("--json", action="store_true", help="machine-readable")
    compare.set_defaults(run=_compare)


def _runs(given: argparse.Namespace) -> int:
    from chansearch.live.listing import list_runs

    listed = list_runs(given.results)
    if given.json:
        print_json([run.facts() for run in listed])
    elif not listed:
        print(f"no run under {given.results!r}; `chansearch search` starts one")
    else:
        _print_table(listed)
    return 0


def _print_table(listed: list[Listed]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from chansearch.printable import printable

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # a line a run
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("run", "state", "done", "constraint", "data", "best", "by", "begun", "last activity"):
        table.add_column(heading, no_wrap=heading in ("state", "done"), overflow="fold")
    for run in listed:
        table.add_row(*(Text(printable(cell)) for cell in _cells(run)))
    console.print(table)


def _cells(run: Listed) -> list[str]:
    from chansearch.space import format_channels

    if run.problem is not None:
        return [run.run.name, "damaged", "", "", "", run.problem, "", "", ""]
    asked = "?" if run.asked is None else str(run.asked)
    failed = f" ({run.failed} failed)" if run.failed else ""
    best, by = "", ""
    if run.best is not None:
        std = f" ± {run.best.val_top1_std:.2f}" if len(run.best.outcome.val_top1) > 1 else ""
        best = f"{run.accuracy} {run.best.val_top1_mean:.2f}{std} %"
        by = f"#{run.best.candidate.number} {format_channels(run.best.candidate.channels)}"
    done = f"{run.ended}/{asked}{failed}"
    cells = [run.run.name, run.state.value, done, run.constraint, run.data, best, by]
    return [*cells, _ago(run.begun), _ago(run.last_activity)]


def _ago(time: datetime.datetime | None) -> str:
    from chansearch.durations import format_seconds

    if time is None:
        return ""
    return f"{format_seconds(max((datetime.datetime.now().astimezone() - time).total_seconds(), 0.0))} ago"


def _watch(given: argparse.Namespace) -> int:
    within("--interval", given.interval, 0.1, 3600)
    from chansearch.search.rundir import RunDirectory

    run = RunDirectory.named(given.run_directory, given.results)
    from rich.console import Console

    from chansearch.live.following import Follower, follow
    from chansearch.printable import printable

    console = Console(highlight=False, soft_wrap=True)
    if given.once:
        console.print(Follower(run, console).progress.picture())
        return 0
    with contextlib.suppress(KeyboardInterrupt):  # the watching ends; the run does not
        print(printable(follow(run, given.interval, console)))
    return 0


def _compare(given: argparse.Namespace) -> int:
    from chansearch.search.rundir import RunDirectory

    runs = [RunDirectory.open(path) for path in (given.first, given.second)]
    from chansearch.report.better import compare
    from chansearch.report.better_text import comparison_facts, comparison_text

    found = compare(*runs)
    if given.json:
        print_json(comparison_facts(found))
    else:
        print(comparison_text(found))
    return 0
