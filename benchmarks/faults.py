"""Does a search survive SIGKILL? Real searches, killed at random moments, resumed until they are done, then checked.

    python -m benchmarks faults [--runs 50] [--seed 0] [--victims driver,worker,raylet,gcs,tree] [--first 0]

Each run is a process of its own in a temporary folder: the smallest search that still trains. A third of the kills fall
into the time before its first epoch, some into the last candidate and the end, the others in between; in a third of the
runs the resumed search is killed too. At its end each run must be what an unbroken search is: see ``flaws``. A failure
is repeated by ``--first NUMBER --runs 1`` with the same seed and victims. Besides the table, every run goes to
benchmarks/results/faults.csv. Ends with 1 where a run did not survive. ``--work train`` and ``--work study`` cut off a
`chansearch train` and a `chansearch study nonlinearity` instead, all processes at once.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import PATIENCE, TINY, Process, rows, wait_for, whole_lines
from benchmarks.table import RESULTS, markdown, number, publish
from chansearch.errors import UserError
from chansearch.files import csv_text, write_aside
from chansearch.search.candidate import Record
from chansearch.search.rundir import RunDirectory

VICTIMS = ("driver", "worker", "raylet", "gcs", "tree")
_DAEMONS = {"raylet": b"/raylet/raylet\0", "gcs": b"gcs_server\0"}
# Where its head is killed in the second before the raylet knows it, Ray ends the driver itself, in its own words.
_RAY_ENDS_IT = "Failed to connect to GCS within 60 seconds. GCS may have been killed."
_MOMENTS = ("start-up", "training", "end")
CANDIDATES, EPOCHS, SEEDS = 5, 24, 2
SETTINGS = (f"search.candidates={CANDIDATES}", f"train.epochs={EPOCHS}", "train.patience=null", "name=run")
_WHOLE = CANDIDATES * EPOCHS  # epochs of an unbroken search


@dataclass(frozen=True)
class Unbroken:
    """A search that nobody killed: what the others must be equal to, and how long its parts take here."""

    records: list[Record]
    start_seconds: float  # until the first epoch
    epoch_seconds: float  # from one epoch of any candidate to the next
    end_seconds: float  # from the last epoch to the end of the process


@dataclass(frozen=True)
class Fault:
    """Whom to kill, and when: ``after`` epochs have been recorded and then some seconds."""

    victim: str
    after: int
    seconds: float

    @staticmethod
    def draw(chance: random.Random, victim: str, unbroken: Unbroken) -> Fault:
        moment = chance.choice(_MOMENTS)
        if moment == "start-up":
            return Fault(victim, 0, chance.uniform(0, unbroken.start_seconds))
        if moment == "training":
            return Fault(victim, chance.randint(1, _WHOLE - EPOCHS), chance.uniform(0, 2 * unbroken.epoch_seconds))
        after = chance.randint(_WHOLE - EPOCHS, _WHOLE)
        return Fault(victim, after, chance.uniform(0, unbroken.end_seconds if after == _WHOLE else 0.1))


@dataclass
class Life:
    """One run: what was done to it, and what is wrong with it."""

    number: int
    victim: str
    moments: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # from a kill until the driver, or what it left, had ended
    flaws: list[str] = field(default_factory=list)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--victims", default=",".join(VICTIMS))
    parser.add_argument("--work", choices=("search", "train", "study"), default="search")
    options = parser.parse_args(arguments)
    if options.work != "search":
        from benchmarks import powercuts

        with tempfile.TemporaryDirectory(prefix="chansearch-faults-") as folder:
            raise SystemExit(not powercuts.run(options.work, options.runs, options.seed, Path(folder)))
    victims = options.victims.split(",")
    if unknown := set(victims) - set(VICTIMS):
        parser.error(f"--victims: {', '.join(sorted(unknown))}; allowed: {', '.join(VICTIMS)}")
    lives = []
    with tempfile.TemporaryDirectory(prefix="chansearch-faults-") as folder:
        unbroken = measure(Path(folder) / "unbroken")
        print(unbroken_line(unbroken), file=sys.stderr, flush=True)
        try:
            for count in range(options.first, options.first + options.runs):
                chance = random.Random(f"{options.seed} {count}")
                kills = 2 if chance.random() < 1 / 3 else 1
                faults = [Fault.draw(chance, victims[count % len(victims)], unbroken) for _ in range(kills)]
                lives.append(live(Path(folder) / str(count), count, faults, unbroken.records))
                print(_row(lives[-1]), file=sys.stderr, flush=True)
        finally:  # those of a campaign that was stopped are told too
            if lives:
                _publish(lives, options.seed)
    if any(life.flaws for life in lives):
        raise SystemExit(1)


def unbroken_line(unbroken: Unbroken) -> str:
    return (
        f"unbroken: first epoch after {unbroken.start_seconds:.1f} s, one each {unbroken.epoch_seconds:.3f} s, "
        f"ended {unbroken.end_seconds:.1f} s after the last"
    )


def measure(folder: Path) -> Unbroken:
    """Search, and be left alone."""
    folder.mkdir()
    run = RunDirectory(folder / "results" / "run")
    start = time.monotonic()
    process = Process("search", *TINY, *SETTINGS, cwd=folder)
    process.until(lambda: _epochs(run) > 0)
    first = time.monotonic()
    process.until(lambda: _epochs(run) >= _WHOLE)
    last = time.monotonic()
    if process.wait():
        raise SystemExit(f"the search fails with nobody killed: {process.err}")
    return Unbroken(run.records(), first - start, (last - first) / _WHOLE, time.monotonic() - last)


def live(folder: Path, count: int, faults: Sequence[Fault], unbroken: Sequence[Record]) -> Life:
    """A search that suffers each fault in a session of its own, and is resumed until it is done."""
    folder.mkdir()
    run = RunDirectory(folder / "results" / "run")
    life = Life(count, faults[0].victim)
    processes: list[Process] = []
    try:
        for fault in faults:
            processes.append(_begin(folder, run))
            _strike(processes[-1], fault, run, life)
        kept = _whole(run)
        processes.append(_begin(folder, run))
        life.codes.append(processes[-1].wait())
        life.flaws += ending_flaws(processes[-1], life.codes[-1], 0)
        if not _whole(run).startswith(kept):
            life.flaws.append("rows that were whole before the kill have changed")
        life.flaws += flaws(run, unbroken)
        for process in processes:
            wait_until_gone(process)
        if left := set().union(*(process.tree() for process in processes)):
            life.flaws.append(f"{len(left)} processes are left")
    except Exception as error:  # the next run is not to be lost with this one
        life.flaws.append(f"{type(error).__name__}: {error}")
    finally:
        for process in processes:
            process.kill_tree()
    return life


def _begin(folder: Path, run: RunDirectory) -> Process:
    """Resume where there is a run, as a user would; begin where the kill came too early for one."""
    if run.config_file.is_file():
        return Process("resume", "results/run", cwd=folder)
    return Process("search", *TINY, *SETTINGS, cwd=folder)


def _strike(process: Process, fault: Fault, run: RunDirectory, life: Life) -> None:
    """Wait for the moment, kill, and see how the process ends."""
    kept = _whole(run)
    wait_for(process, lambda: _epochs(run) >= min(fault.after, _WHOLE))
    time.sleep(fault.seconds)
    victims = wait_for(process, lambda: _pids(process, fault.victim))
    life.moments.append(moment_of(run) if victims else "over")
    start = time.monotonic()
    if fault.victim == "tree":
        process.kill_tree()
    else:
        for pid in victims[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    code = process.wait()
    life.codes.append(code)
    if fault.victim == "driver":
        wait_until_gone(process)
    life.seconds.append(time.monotonic() - start)
    life.flaws += ending_flaws(process, code, *_codes_allowed(fault.victim, bool(victims)))
    if code == 0 and len(rows(run)) < CANDIDATES:
        life.flaws.append(f"says that it is done after {len(rows(run))} of {CANDIDATES} candidates")
    if not _whole(run).startswith(kept):
        life.flaws.append("rows that were whole before the kill have changed")


def _codes_allowed(victim: str, killed: bool) -> tuple[int, ...]:
    if not killed or victim == "worker":  # the search goes on without it
        return (0,)
    if victim in _DAEMONS:
        return 2, 0  # 0: killed when all was done
    return (-signal.SIGKILL, 0) if victim == "tree" else (-signal.SIGKILL,)


def wait_until_gone(process: Process) -> None:
    """What a dead driver, or a dead head of Ray, leaves ends by itself, within a minute or so."""
    deadline = time.monotonic() + PATIENCE
    while process.tree() and time.monotonic() < deadline:
        time.sleep(0.1)


def _pids(process: Process, victim: str) -> list[int]:
    """Who may be killed, first of all a worker that trains; none where none is there (yet)."""
    if victim in ("driver", "tree"):
        return [process.pid] if process.runs() else []
    if victim == "worker" and (training := list(process.training().values())):
        return training
    wanted = _DAEMONS.get(victim, b"ray::_Probe")
    return [pid for pid in sorted(process.tree()) if wanted in _command(pid)]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def moment_of(run: RunDirectory) -> str:
    """Where a search is: before its first epoch, in its last candidate or at its end, or between."""
    if not _epochs(run):
        return "start-up"
    return "end" if len(rows(run)) >= CANDIDATES - 1 else "training"


def _epochs(run: RunDirectory) -> int:
    """Recorded so far, of all candidates; a group of seeds counts once."""
    if not run.curves_file.is_file():
        return 0
    return max(0, run.curves_file.read_bytes().count(b"\n") - 1) // SEEDS


def _whole(run: RunDirectory) -> bytes:
    return whole_lines(run.candidates_file) if run.candidates_file.is_file() else b""


def ending_flaws(process: Process, code: int, *allowed: int) -> list[str]:
    """What is wrong with the way it ended: another code, a traceback, no word on how to go on."""
    if code == 1 and _RAY_ENDS_IT in process.err:
        return []
    found = []
    if code not in allowed:
        found.append(f"exit code {code}: {process.err.strip()[-300:]}")
    if "Traceback" in process.out + process.err:
        found.append("a traceback")
    if code == 2 and not ("chansearch resume" in process.err or "run the command again" in process.err):
        found.append(f"does not say how to go on: {process.err.strip()[-300:]}")
    return found


def flaws(run: RunDirectory, unbroken: Sequence[Record]) -> list[str]:
    """What is wrong with a run that is done, against one that nobody interrupted; nothing is as it should be."""
    found = []
    try:
        records = run.records()
        with run.locked():
            pass
    except UserError as error:
        return [str(error)]
    numbers = [record.candidate.number for record in records]
    if numbers != [record.candidate.number for record in unbroken] or len(rows(run)) != len(unbroken):
        found.append(f"candidates {numbers} in {len(rows(run))} rows")
    elif [record.candidate for record in records] != [record.candidate for record in unbroken]:
        found.append("other candidates than without a kill")
    elif [_result(record) for record in records] != [_result(record) for record in unbroken]:
        found.append("other accuracies than without a kill")
    found += _curve_flaws(run, records)
    found += _study_flaws(run, records)
    found += _tensorboard_flaws(run, records)
    found += _report_flaws(run)
    return found


def _result(record: Record) -> tuple:
    return record.outcome.state, record.outcome.epochs, record.outcome.val_top1, record.outcome.test_top1


def _curve_flaws(run: RunDirectory, records: Sequence[Record]) -> list[str]:
    """The last training of each is whole; one that was cut off has left its early epochs before it."""
    found, points = [], run.curves()
    for record in records:
        for seed, top1 in zip(record.outcome.seeds, record.outcome.val_top1, strict=True):
            last = [p for p in points if (p.candidate, p.seed) == (record.candidate.number, seed)][-EPOCHS:]
            if [p.epoch for p in last] != list(range(1, EPOCHS + 1)) or last[-1].val_top1 != top1:
                found.append(f"the curve of candidate {record.candidate.number}, seed {seed}, is broken")
    return found


def _study_flaws(run: RunDirectory, records: Sequence[Record]) -> list[str]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.load_study(study_name=None, storage=f"sqlite:///{run.study_file}")
        held = [(trial.user_attrs["candidate"], trial.value) for trial in study.get_trials()]
    except Exception as error:  # whatever Optuna raises, its user cannot read the study
        return [f"study.db: {type(error).__name__}: {error}"]
    # The study got the mean of what the worker reported, the record its four decimals.
    wanted = {record.candidate.number: record.val_top1_mean for record in records}
    if sorted(candidate for candidate, _ in held) != sorted(wanted):
        return [f"study.db has candidates {sorted(candidate for candidate, _ in held)}"]
    return [f"study.db: {c} has {v}" for c, v in held if v is None or abs(v - wanted[c]) > 1e-3]


def _tensorboard_flaws(run: RunDirectory, records: Sequence[Record]) -> list[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = []
    folders = {int(folder.name.split("_")[0]): folder for folder in run.tensorboard.iterdir()}
    for record in records:
        folder = folders.get(record.candidate.number)
        if folder is None:
            found.append(f"TensorBoard lacks candidate {record.candidate.number}")
            continue
        events = EventAccumulator(str(folder)).Reload()
        last = events.Scalars("val_top1/mean")[-1]
        if last.step != EPOCHS or abs(last.value - record.val_top1_mean) > 1e-3:
            found.append(f"TensorBoard: candidate {record.candidate.number} ends in {last}")
    return found


def _report_flaws(run: RunDirectory) -> list[str]:
    from chansearch.report import write_report

    try:
        text = write_report([run]).text
    except Exception as error:  # a report that cannot be written is a flaw, whatever the reason
        return [f"report: {type(error).__name__}: {error}"]
    return (
        [] if f"{CANDIDATES} of {CANDIDATES}" in text or str(CANDIDATES) in text else ["the report has another total"]
    )


def _row(life: Life) -> dict:
    return {
        "run": life.number,
        "victim": life.victim,
        "moments": " ".join(life.moments),
        "codes": " ".join(map(str, life.codes)),
        "seconds": " ".join(f"{seconds:.1f}" for seconds in life.seconds),
        "flaws": "; ".join(" ".join(flaw.split()) for flaw in life.flaws),
    }


def _publish(lives: Sequence[Life], seed: int) -> None:
    table = [_row(life) for life in lives]
    RESULTS.mkdir(exist_ok=True)
    write_aside(RESULTS / "faults.csv", csv_text(table[0], table))
    parts = []
    for victim, moment in itertools.product(VICTIMS, (*_MOMENTS, "over")):
        held = [life for life in lives if life.victim == victim and life.moments[:1] == [moment]]
        if held:
            seconds = [second for life in held for second in life.seconds]
            survived = sum(not life.flaws for life in held)
            parts.append((victim, moment, len(held), survived, number(statistics.median(seconds)) if seconds else ""))
    failures = [_row(life) for life in lives if life.flaws]
    publish(
        "faults",
        "Searches killed at random moments",
        f"{len(lives)} runs of {CANDIDATES} candidates, {EPOCHS} epochs and {SEEDS} seeds on digits, seed {seed}; "
        f"{sum(len(life.moments) for life in lives)} kills (SIGKILL), each followed by `chansearch resume`. Survived: "
        "every candidate once and as without a kill, its curves whole, study, TensorBoard and report readable, no "
        "traceback, no process left. Seconds, median: from the kill until the command had ended by itself (driver, "
        "tree: until nothing of it was left; worker: until the search was done). `over`: it was done before the kill.",
        markdown(("victim", "moment of the first kill", "tried", "survived", "seconds"), parts),
        "\n".join(f"- run {f['run']} ({f['victim']}, {f['moments']}): {f['flaws']}" for f in failures)
        or "No run failed.",
    )
