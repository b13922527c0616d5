"""Every strategy replayed on the population recorded in ``benchmarks/population/``: seed-epochs, and what they find."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import markdown, publish
from chansearch.errors import UserError
from chansearch.replay.names import STRATEGY_NAMES
from chansearch.replay.session import Options, replay_run
from chansearch.replay.strategies import Schedule
from chansearch.replay.terminal import agreement_rows, cost_rows, notes, population_text, winner_rows
from chansearch.search.rundir import RunDirectory

POPULATION = Path(__file__).parent / "population"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks replay", description=__doc__)
    parser.add_argument("--replays", type=int, default=200, help="default: 200; gp gets a tenth of them")
    parser.add_argument("--grace", type=int, default=3, help="epochs before a candidate may be stopped (default: 3)")
    parser.add_argument("--contenders", type=int, default=3, help="who get the seeds others are spared (default: 3)")
    given = parser.parse_args(arguments)
    schedule = Schedule(grace=given.grace, contenders=given.contenders)
    try:
        replayed = replay_run(
            RunDirectory.open(POPULATION), Options(tuple(STRATEGY_NAMES), given.replays, schedule=schedule)
        )
    except UserError as error:
        print(f"benchmarks replay: {error}", file=sys.stderr)
        sys.exit(2)
    publish(
        "replay",
        "Search strategies replayed on a recorded population",
        " ".join(population_text(replayed)),
        f"Rungs from epoch {schedule.grace}; one in {schedule.reduction} goes on; {schedule.contenders} contenders.",
        _table(cost_rows(replayed.by_test)),
        "The winner, by test_top1, mean over all seeds:",
        _table(winner_rows(replayed.by_test)),
        "The winner, by val_top1, mean over all seeds (optimistic, see below):",
        _table(winner_rows(replayed.by_val)),
        "How an epoch ranks the candidates against the last one:",
        _table(agreement_rows(replayed)),
        *notes(replayed),
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    return markdown(rows[0], rows[1:])
