"""Which candidates are being trained, by the run's ``study.db``: read by SQLite alone, without Optuna."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from urllib.parse import quote

from chansearch.search.candidate import Candidate
from chansearch.search.study import candidate_of

_RUNNING = """
    SELECT held.trial_id, held.key, held.value_json
    FROM trials JOIN trial_user_attributes AS held USING (trial_id)
    WHERE trials.state = 'RUNNING' ORDER BY held.trial_id LIMIT 20000
"""
_MOST_STEPS = 20_000_000  # of SQLite's machine: a file from anywhere may ask it for work without end
_STEPS = 100_000  # between two looks at how many were done


def under_way(study: Path) -> list[Candidate] | None:
    """The candidates that were proposed and have not ended; None where the file cannot be read now: it is not there,
    is being written at this moment, or is no study.

    A look holds SQLite's shared lock for a millisecond; a search that wants to write waits for it.
    """
    if not study.is_file():  # a pipe would be waited for
        return None
    try:
        # Read-only: not even a journal that a killed search has left is rolled back.
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(study))}?mode=ro", timeout=0, uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            steps = iter(range(0, _MOST_STEPS, _STEPS))
            database.set_progress_handler(lambda: next(steps, None) is None, _STEPS)
            rows = database.execute(_RUNNING).fetchall()
    except sqlite3.Error:
        return None
    held: dict[int, dict[str, object]] = {}
    for trial, key, text in rows:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            held.setdefault(trial, {})[key] = json.loads(text)
    candidates = []
    for attributes in held.values():
        with contextlib.suppress(ValueError):  # a trial that someone has added by hand
            candidates.append(candidate_of(attributes))
    return candidates
