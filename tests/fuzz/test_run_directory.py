"""The tables and the study of a run that came from anywhere: read, or refused in one line."""

import contextlib
import shutil
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch.config import compose
from chansearch.errors import UserError
from chansearch.search.plan import make_plan
from chansearch.search.rundir import RunDirectory
from tests.fuzz import harness
from tests.fuzz.harness import examples, hold
from tests.fuzz.mutations import bytes_of, tables
from tests.fuzz.runs import OVERRIDES

_QUICK = [
    "export --run run",
    "export --run run --as searched --top 2",
    "resume run",
    "confirm run",
    "export --run run --top 99",
    "watch run",
    "runs --results . --json",
]
_DRAWN = [
    "report run",
    "report run results/latest",
    "replay run --replays 2 --strategy asha,tpe,contenders",
    "study conventions --run run",
    "compare run results/latest",
]


@pytest.mark.parametrize("table", ["candidates.csv", "curves.csv", "sessions.csv"])
def test_a_table(table, here):
    file = here / "run" / table
    few = 15 if table == "candidates.csv" else 5
    hold("tables of a run", few, tables(file.read_text()), file, _QUICK, here)


@pytest.mark.parametrize("table", ["candidates.csv", "curves.csv", "sessions.csv"])
def test_a_table_that_is_drawn(table, here):
    file = here / "run" / table
    hold("tables of a run, drawn", 1, tables(file.read_text()), file, _DRAWN, here)


@st.composite
def _harm(draw) -> list[str]:
    """Statements that leave a file of SQLite's, with another content."""
    rows = st.sampled_from(
        ["trial_user_attributes", "trial_params", "trials", "studies", "trial_values", "trial_heartbeats"]
    )
    tables_there = st.one_of(rows, st.sampled_from(["alembic_version", "version_info", "study_directions"]))
    attributes = [
        "candidate",
        "origin",
        "channels",
        "a",
        "b",
        "knots",
        "values",
        "params",
        "macs",
        "draws",
        "latency_ms",
    ]
    json = [
        "1",
        "-1",
        "null",
        "[]",
        "{}",
        '"x"',
        "NaN",
        "1e999",
        '["a"]',
        "[1, 1]",
        "x",
        "",
        "[1, 1e9]",
        '"1-2"',
        "9" * 30,
        "true",
    ]
    done = []
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.integers(0, 4))
        if kind == 0:
            done.append(f"DROP TABLE {draw(tables_there)}")
        elif kind == 1:
            done.append(f"DELETE FROM {draw(tables_there)}")
        elif kind == 2:
            where = draw(st.sampled_from(["number = 0", "state = 'RUNNING'", "1"]))
            state = draw(st.sampled_from(["RUNNING", "COMPLETE", "WAITING", "nothing", "FAIL"]))
            done.append(f"UPDATE trials SET state = '{state}' WHERE {where}")
        else:
            key, value = draw(st.sampled_from(attributes)), draw(st.sampled_from(json))
            where = draw(st.sampled_from([f"key = '{key}'", f"key = '{key}' AND trial_id = 1"]))
            done.append(f"UPDATE trial_user_attributes SET value_json = '{value}' WHERE {where}")
    return done


def test_a_study(here, tmp_path_factory):
    """As a resume reads it, once Ray is there."""
    from chansearch.search.propose import Proposer
    from chansearch.search.study import StudyFile

    folder = tmp_path_factory.mktemp("study")
    problem = make_plan(compose(OVERRIDES), 10).problem
    right = folder / "right.db"
    study = StudyFile(right, problem)
    proposer = Proposer(problem, "random", 0, startup=3)
    for _ in range(3):
        study.add(proposer.propose())
    records = RunDirectory(here / "run").records()
    file = folder / "study.db"

    @examples(8)
    @given(
        st.one_of(
            _harm(),
            bytes_of(right.read_bytes()),
            st.sampled_from([b"", b"\x00" * 4096, b"text\n", b"SQLite format 3\x00"]),
        )
    )
    def hold(harm):
        harness.tried["study of a run"] += 1
        if isinstance(harm, bytes):
            file.write_bytes(harm)
        else:
            shutil.copy(right, file)
            with sqlite3.connect(file) as database:
                for statement in harm:
                    with contextlib.suppress(sqlite3.OperationalError):  # the table is gone already
                        database.execute(statement)
            database.close()
        try:
            with harness.hurried():
                read = StudyFile(file, problem)
                read.finish(records[:3])
                read.proposals()
        except UserError as error:
            harness.clear_line(str(error), "study.db")

    hold()
