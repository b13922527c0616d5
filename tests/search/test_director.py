"""What the driver itself does goes wrong in mid-search: it ends at once, says so, and nothing is lost or made up."""

import errno

import pytest

from chansearch.errors import UserError
from chansearch.search.candidate import State
from chansearch.search.rundir import RunDirectory
from chansearch.search.study import StudyFile
from tests.search.live import go_on, search

pytestmark = pytest.mark.slow
CANDIDATES = 4


def _failing(monkeypatch, owner: type, name: str, call: int, error: Exception) -> None:
    """``owner.name`` raises ``error`` when it is called for the ``call``-th time, and would work from then on."""
    works, calls = getattr(owner, name), []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            raise error
        return works(*arguments)

    monkeypatch.setattr(owner, name, fails_once)


@pytest.mark.parametrize(
    ("owner", "name", "call", "error", "said"),
    [
        pytest.param(
            *(RunDirectory, "append_record", 2, OSError(errno.ENOSPC, "No space left on device")),
            "is full .*`chansearch resume",
            id="record",
        ),
        # The worker's next report would end its candidate: nothing may be recorded once an epoch is lost.
        pytest.param(
            *(RunDirectory, "append_curve", 2, OSError(errno.EROFS, "Read-only file system")),
            "cannot be written .*`chansearch resume",
            id="epoch",
            marks=pytest.mark.harm,
        ),
        pytest.param(
            *(StudyFile, "add", 3, ZeroDivisionError("a bug")), "^a bug$", id="proposal", marks=pytest.mark.harm
        ),
    ],
)
def test_a_write_that_fails_ends_the_search(owner, name, call, error, said, cluster, tmp_path, monkeypatch):
    settings = (cluster, "cluster.workers=1", f"search.candidates={CANDIDATES}", "name=x")
    _failing(monkeypatch, owner, name, call, error)
    with pytest.raises(UserError if isinstance(error, OSError) else type(error), match=said):
        search(tmp_path, *settings)
    run = RunDirectory(tmp_path / "x")
    before = run.candidates_file.read_bytes()
    records = run.records()
    assert all(record.outcome.state is State.FINISHED for record in records)
    assert len(records) < CANDIDATES

    go_on(run)
    assert run.candidates_file.read_bytes().startswith(before)
    assert [record.candidate.number for record in run.records()] == list(range(CANDIDATES))
    assert all(record.outcome.state is State.FINISHED for record in run.records())
    assert all(record.outcome.retries == 0 for record in run.records())
