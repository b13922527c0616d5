"""What happens to one trial: workers that hang, are killed or run out of memory, for real, in one small search."""

import pytest

from chansearch.search import runner
from chansearch.search.candidate import State
from tests.search.live import Search, search

pytestmark = pytest.mark.slow

LIMIT = 20  # seconds of a trial; an untroubled one takes three, with the import of torch
CANDIDATES = 7
HOLDS_THE_GIL, ENDS_SLOWLY, IS_STOPPED_ONCE, HAS_NO_MEMORY, IS_KILLED_ONCE, *UNTROUBLED = range(CANDIDATES)


def troubled(folder):
    """The trainable, with the trouble of each candidate before it; made here so that Ray carries it to its workers."""
    holds, slow, stopped = HOLDS_THE_GIL, ENDS_SLOWLY, IS_STOPPED_ONCE
    no_memory, killed = HAS_NO_MEMORY, IS_KILLED_ONCE

    def limit_memory() -> None:
        """To 2 GiB more than now: enough for all but the network that is to come."""
        import resource
        from pathlib import Path

        import chansearch.train.engine  # noqa: F401  # what loads libraries comes before the limit

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, resource.RLIM_INFINITY))

    def train(config, **given):
        import ctypes
        import os
        import signal
        import time

        from chansearch.search.worker import train_candidate

        number = config["number"]
        is_first = not (folder / str(number)).exists()
        (folder / str(number)).touch()
        if number == holds:
            ctypes.PyDLL(None).sleep(100_000)  # a call of PyDLL does not let go of the interpreter
        if number == stopped and is_first:
            os.kill(os.getpid(), signal.SIGSTOP)
        if number == killed and is_first:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == no_memory:
            limit_memory()
            config = config | {"channels": [20_000] * len(config["channels"])}  # a layer of 10 GB
        try:
            train_candidate(config, **given)
        finally:
            if number == slow:
                time.sleep(3)

    return train


class Rung(runner.InOrder):
    """Stops one candidate after its first epoch."""

    def on_trial_result(self, tune_controller, trial, result: dict) -> str:
        return self.STOP if trial.config["number"] == ENDS_SLOWLY else self.CONTINUE


@pytest.fixture(scope="module")
def hard(tmp_path_factory, cluster) -> Search:
    folder = tmp_path_factory.mktemp("hard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "train_candidate", troubled(folder))
        patch.setattr(runner, "make_scheduler", lambda *_: Rung())
        return search(
            folder,
            cluster,
            f"search.candidates={CANDIDATES}",
            f"search.trial_timeout={LIMIT}",
            "search.retries=1",
            "train.batch_size=200",
            "name=hard",
            measured=True,
        )


@pytest.fixture
def outcomes(hard) -> dict:
    return {record.candidate.number: record.outcome for record in hard.run.records()}


def test_each_candidate_is_counted_once(hard, outcomes):
    assert len(hard.run.records()) == len(outcomes) == CANDIDATES


@pytest.mark.parametrize("number", UNTROUBLED)
def test_the_others_go_on(number, outcomes):
    assert (outcomes[number].state, outcomes[number].retries) == (State.FINISHED, 0)


def test_one_that_a_rung_stopped_may_take_its_time_to_end(outcomes):
    """The next one is to train in its process, and would be lost were it not to wait."""
    assert outcomes[ENDS_SLOWLY].state is State.STOPPED_AT_RUNG


@pytest.mark.parametrize("number", [IS_STOPPED_ONCE, IS_KILLED_ONCE])
def test_one_that_was_lost_once_is_trained_again(number, outcomes):
    assert (outcomes[number].state, outcomes[number].retries) == (State.FINISHED, 1)


def test_one_that_hangs_each_time_has_failed_in_its_time(outcomes):
    """Even where not a line of Python runs in its process any more."""
    outcome = outcomes[HOLDS_THE_GIL]
    assert (outcome.state, outcome.retries) == (State.FAILED, 1)
    assert outcome.reason == f"timed out: not at its end after {LIMIT} s (search.trial_timeout)"
    assert outcome.spent.wall_seconds >= 2 * LIMIT


def test_one_without_memory_has_failed_with_that_word(outcomes):
    outcome = outcomes[HAS_NO_MEMORY]
    assert (outcome.state, outcome.retries) == (State.FAILED, 1)
    assert outcome.reason.startswith("worker out of memory: "), outcome.reason


def test_the_user_is_told_what_starts_again_and_why(hard):
    said = hard.printed.splitlines()
    assert f"time limit of a training: {LIMIT} s (search.trial_timeout={LIMIT})" in said
    timed_out = f"timed out: not at its end after {LIMIT} s (search.trial_timeout)"
    assert f"candidate {IS_STOPPED_ONCE} starts again: {timed_out}" in said
    assert any(line.startswith(f"candidate {IS_KILLED_ONCE} starts again: worker died: its process") for line in said)
