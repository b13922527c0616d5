"""The run directory: every file and column name of a run, written, read and resumed here alone.

``config.yaml`` (what was asked, with versions, seed and machine), ``candidates.csv`` (a row for each candidate that has
ended; a contender has one more for each further seed, and its last one counts), ``curves.csv`` (a row an epoch and
seed), ``sessions.csv`` (a row a start or resume in which a candidate ended), ``latencies.csv`` (under a bound on the
latency: the reference, then each configuration that was measured, in order), ``study.db`` (the Optuna study), ``tb/``
(TensorBoard), and what the report adds: ``deciles.csv``, ``front.csv`` (with several objectives), ``figures/``,
``report.html``, ``confirm.csv``; and the replay: ``replay.csv``, ``epochs.csv``.

Tables are appended to, a line at a time, and a torn last line is forgiven: it belongs to a candidate or an epoch that
had not ended. A table keeps the columns it was begun with. Whole files are written aside and renamed. Reading needs
neither Ray, torch nor Optuna.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from chansearch.errors import UserError, did_you_mean
from chansearch.files import (
    csv_text,
    is_locked,
    locked,
    read_mapping,
    refuse_existing,
    refuse_links_out,
    whole_folder,
    write_aside,
    write_mapping,
)
from chansearch.printable import printable
from chansearch.search.candidate import (
    Candidate,
    CurvePoint,
    Draws,
    MeasuredLatency,
    Origin,
    Outcome,
    Record,
    State,
    deviation,
)
from chansearch.search.spent import SessionTime, Spent
from chansearch.space import Member, Shape, format_channels, parse_channels
from chansearch.tables import Tail, append_rows, number, parsed, parts, read_rows, whole

CANDIDATE_COLUMNS = (
    "candidate",
    "state",
    "origin",
    "channels",
    "a",
    "b",
    "knots",
    "values",
    "params",
    "macs",
    "activations",
    "peak_activations",
    "latency_ms",
    "seeds",
    "val_top1",
    "val_top1_mean",
    "val_top1_std",
    "test_top1",
    "test_top1_mean",
    "test_top1_std",
    "nuclear_norm",
    "feature_rank",
    "epochs",
    "images",
    "seconds",
    "eval_seconds",
    "wall_seconds",
    "retries",
    "drawn",
    "duplicate",
    "under_budget",
    "over_budget",
    "over_latency",
    "by_proxy",
    "reason",
)
# Those of what was spent that runs of earlier versions lack.
_LATER_COLUMNS = frozenset({"images", "eval_seconds", "wall_seconds"})
CURVE_COLUMNS = ("candidate", "seed", "epoch", "lr", "train_loss", "val_top1")
LATENCY_COLUMNS = ("channels", "latency_ms", "ratio", "ratio_p10", "ratio_p90", "rounds")
_ROUNDING = 1e-6  # of float64, where a configuration is level and a is 0; b, the first block, is above it
SESSION_COLUMNS = ("started", "workers", "threads", "device", "dtype", "matrix_flops", "start_seconds", "wall_seconds")

# The command that goes on with a run, but for its directory.
RESUME = "chansearch resume"


@dataclass(frozen=True)
class RunDirectory:
    """A run on disk. ``create`` makes one, ``open`` takes an existing one."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def candidates_file(self) -> Path:
        return self.path / "candidates.csv"

    @property
    def curves_file(self) -> Path:
        return self.path / "curves.csv"

    @property
    def sessions_file(self) -> Path:
        return self.path / "sessions.csv"

    @property
    def latencies_file(self) -> Path:
        return self.path / "latencies.csv"

    @property
    def study_file(self) -> Path:
        return self.path / "study.db"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tb"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def deciles_file(self) -> Path:
        return self.path / "deciles.csv"

    @property
    def front_file(self) -> Path:
        return self.path / "front.csv"

    @property
    def page_file(self) -> Path:
        return self.path / "report.html"

    @property
    def confirm_file(self) -> Path:
        return self.path / "confirm.csv"

    @property
    def replay_file(self) -> Path:
        return self.path / "replay.csv"

    @property
    def epochs_file(self) -> Path:
        return self.path / "epochs.csv"

    @staticmethod
    def create(path: Path, config: Mapping) -> RunDirectory:
        """A new run directory holding ``config`` (plain YAML types), whole or not there at all.

        Raises ``UserError`` if it cannot be written, and ``Existing``, which is one, where there is something already.
        """
        run = RunDirectory(Path(path))
        run.refuse_existing()
        try:
            with whole_folder(run.path, RESUME) as aside:
                begun = RunDirectory(aside)
                begun.write_config(config)
                append_rows(begun.candidates_file, CANDIDATE_COLUMNS, [])
                append_rows(begun.curves_file, CURVE_COLUMNS, [])
        except OSError as error:
            raise UserError(f"results: {run.path} cannot be written: {error.strerror}") from None
        return run

    def refuse_existing(self) -> None:
        """Raises ``Existing`` if there is something at the path already."""
        refuse_existing(self.path, RESUME)

    @staticmethod
    def open(path: Path | str) -> RunDirectory:
        """An existing run; raises ``UserError`` where ``path`` is none, or holds a link that leads out of it."""
        run = RunDirectory(Path(path))
        try:
            is_run, is_folder = run.config_file.is_file() and run.candidates_file.is_file(), run.path.is_dir()
        except OSError:  # a name longer than a file's may be, for one
            is_run = is_folder = False
        if not is_run:
            cut_off = "; delete it if a search was cut off as it began" if is_folder else ""
            known = [other.path for place in (run.path.parent, "results") for other in RunDirectory.all_under(place)]
            near = did_you_mean(str(path), map(str, known))
            raise UserError(
                f"run: {str(path)!r} is no run directory{near}; one holds config.yaml and candidates.csv{cut_off}"
            )
        refuse_links_out(run.path)
        return run

    @staticmethod
    def latest(results: Path | str) -> RunDirectory:
        """The run last started or gone on with under ``results``, by the clock of its ``config.yaml``; raises
        ``UserError`` where there is none."""
        runs = RunDirectory.all_under(results)
        if not runs:
            raise UserError(f"run: no run under {str(results)!r}; start one with `chansearch search` or name it")
        return RunDirectory.open(runs[0].path)

    @staticmethod
    def named(path: Path | str | None, results: Path | str) -> RunDirectory:
        """The run at ``path`` or, where none is named, the latest under ``results``; raises ``UserError``."""
        return RunDirectory.open(path) if path else RunDirectory.latest(results)

    @staticmethod
    def all_under(results: Path | str) -> list[RunDirectory]:
        """The runs under ``results``, the one last started or gone on with first, as they lie there: a damaged one is
        among them, and none was checked for links that lead out of it."""
        times = {}
        for file in Path(results).glob("*/config.yaml"):
            # A name with a dot is that of one that is being made, or was when the power went.
            if not file.parent.name.startswith(".") and (file.parent / "candidates.csv").is_file():
                with contextlib.suppress(FileNotFoundError):  # one that was just deleted
                    times[file.parent] = file.stat().st_mtime_ns
        newest = sorted(times, key=lambda run: (times[run], run.name), reverse=True)
        return [RunDirectory(path) for path in newest]

    def config(self) -> dict:
        """What the run was asked for, as plain YAML types."""
        return read_mapping(self.config_file, f"run: {self.config_file}")

    def write_config(self, config: Mapping) -> None:
        """What the run is asked for from now on, in plain YAML types. It is the latest then, see ``latest``, also where
        the clock was set back since the run before."""
        write_mapping(self.config_file, config)
        own = self.config_file.stat().st_mtime_ns
        for other in self.path.parent.glob("*/config.yaml"):
            with contextlib.suppress(FileNotFoundError):  # one that is just being made
                if other != self.config_file:
                    own = max(own, other.stat().st_mtime_ns + 1)
        os.utime(self.config_file, ns=(own, own))

    def append_record(self, record: Record) -> None:
        """Add a candidate that has ended; on disk when this returns."""
        append_rows(self.candidates_file, CANDIDATE_COLUMNS, [_record_to_row(record)])

    def append_curve(self, points: Iterable[CurvePoint]) -> None:
        """Add one epoch of a candidate, a point a seed."""
        append_rows(self.curves_file, CURVE_COLUMNS, [_point_to_row(point) for point in points])

    def records(self) -> list[Record]:
        """All candidates that have ended, by number. Raises ``UserError`` naming the line for a broken one."""
        records = [
            parsed(self.candidates_file, line, row, _row_to_record) for line, row in read_rows(self.candidates_file)
        ]
        lengths = {len(record.candidate.channels) for record in records}
        if len(lengths) > 1:
            raise UserError(
                f"run: {self.candidates_file} has candidates of {min(lengths)} and of {max(lengths)} blocks"
            )
        latest = {record.candidate.number: record for record in records}
        return [latest[number] for number in sorted(latest)]

    def curves(self) -> list[CurvePoint]:
        """All epochs in the order they were written. A candidate that was started again has its early epochs twice;
        the later ones count."""
        if not self.curves_file.is_file():
            return []
        return [parsed(self.curves_file, line, row, _row_to_point) for line, row in read_rows(self.curves_file)]

    def append_latencies(self, latencies: Iterable[MeasuredLatency]) -> None:
        """Add measured configurations, the run's reference before all others; on disk when this returns."""
        append_rows(self.latencies_file, LATENCY_COLUMNS, [_latency_to_row(latency) for latency in latencies])

    def latencies(self) -> list[MeasuredLatency]:
        """All that were measured, the reference first; none where there is no bound on the latency."""
        if not self.latencies_file.is_file():
            return []
        return [parsed(self.latencies_file, line, row, _row_to_latency) for line, row in read_rows(self.latencies_file)]

    def write_sessions(self, sessions: Sequence[SessionTime]) -> None:
        """All sessions so far, the present one last."""
        write_aside(self.sessions_file, csv_text(SESSION_COLUMNS, map(dataclasses.asdict, sessions)))

    def sessions(self) -> list[SessionTime]:
        """The sessions in which a candidate ended, first to last; none in a run of an earlier version."""
        if not self.sessions_file.is_file():
            return []
        return [parsed(self.sessions_file, line, row, _row_to_session) for line, row in read_rows(self.sessions_file)]

    def new_records(self) -> Tail:
        """Candidates as they end, contenders again with each further seed."""
        return Tail(self.candidates_file, _row_to_record)

    def new_curves(self, most_bytes: int) -> Tail:
        """Epochs as they end; the first look goes so far back at most."""
        return Tail(self.curves_file, _row_to_point, most_bytes)

    def is_locked(self) -> bool:
        """Whether a search, or a confirmation, holds it at this moment."""
        return is_locked(self.path)

    def locked(self) -> AbstractContextManager[None]:
        """Held while a search writes: raises ``UserError`` where another one holds it. A dead process holds nothing."""
        return locked(self.path, "search")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _mean_std(values: tuple[float, ...]) -> tuple[float | str, float | str]:
    if not values:
        return "", ""
    return round(statistics.fmean(values), 4), round(deviation(values), 4)


def _record_to_row(record: Record) -> dict:
    candidate, outcome = record.candidate, record.outcome
    val_mean, val_std = _mean_std(outcome.val_top1)
    test_mean, test_std = _mean_std(outcome.test_top1)
    return {
        "candidate": candidate.number,
        "state": outcome.state.value,
        "origin": candidate.origin.value,
        "channels": format_channels(candidate.channels),
        "a": repr(candidate.member.a),
        "b": repr(candidate.member.b),
        "knots": " ".join(map(str, candidate.member.shape.knots)),
        "values": " ".join(map(repr, candidate.member.shape.values)),
        "params": candidate.params,
        "macs": candidate.macs,
        "activations": candidate.activations,
        "peak_activations": candidate.peak_activations,
        "latency_ms": "" if candidate.latency_ms is None else candidate.latency_ms,
        "seeds": " ".join(map(str, outcome.seeds)),
        "val_top1": " ".join(f"{value:.4f}" for value in outcome.val_top1),
        "val_top1_mean": val_mean,
        "val_top1_std": val_std,
        "test_top1": " ".join(f"{value:.4f}" for value in outcome.test_top1),
        "test_top1_mean": test_mean,
        "test_top1_std": test_std,
        "nuclear_norm": " ".join(f"{value:.6g}" for value in outcome.nuclear_norm),
        "feature_rank": " ".join(map(str, outcome.feature_rank)),
        "epochs": outcome.epochs,
        **_spent_to_row(outcome.spent),
        "retries": outcome.retries,
        **dataclasses.asdict(candidate.draws),
        "reason": _one_line(outcome.reason),
    }


def _spent_to_row(spent: Spent) -> dict:
    values = dataclasses.asdict(spent)
    return {name: "" if value is None else round(value, 3) for name, value in values.items()}


def _row_to_spent(row: dict[str, str]) -> Spent:
    later = [name for name in _LATER_COLUMNS if row.get(name)]
    numbers = {name: (whole if name == "images" else number)(row, name) for name in later}
    return Spent(seconds=number(row, "seconds"), **numbers)


def _row_to_session(row: dict[str, str]) -> SessionTime:
    return SessionTime(
        started=row["started"] or "",
        workers=whole(row, "workers", 1),
        threads=whole(row, "threads", 1),
        device=row["device"] or "",
        dtype=row["dtype"] or "",
        matrix_flops=number(row, "matrix_flops", 1),
        start_seconds=number(row, "start_seconds"),
        wall_seconds=number(row, "wall_seconds"),
    )


def _latency_to_row(latency: MeasuredLatency) -> dict:
    return dataclasses.asdict(latency) | {"channels": format_channels(latency.channels)}


def _row_to_latency(row: dict[str, str]) -> MeasuredLatency:
    return MeasuredLatency(
        parse_channels(row["channels"] or ""),
        *(number(row, name) for name in ("latency_ms", "ratio", "ratio_p10", "ratio_p90")),
        rounds=whole(row, "rounds"),
    )


def _measured(row: Mapping[str, str], column: str) -> float:
    """Of a training that diverges it is nan, or infinite."""
    return float(row[column]) if row[column] in ("nan", "inf") else number(row, column)


def _top1(row: Mapping[str, str], column: str) -> float:
    """In percent; nan where a training has diverged."""
    return math.nan if row[column] == "nan" else number(row, column, 0, 100)


def _row_to_record(row: dict[str, str]) -> Record:
    channels = parse_channels(row["channels"] or "")
    shape = Shape(parts(row, "knots", whole), parts(row, "values", number))
    if shape.depth != len(channels):
        raise ValueError(f"knots are of {shape.depth} blocks, channels of {len(channels)}")
    candidate = Candidate(
        number=whole(row, "candidate"),
        origin=Origin(row["origin"]),
        member=Member(number(row, "a", -_ROUNDING), number(row, "b", _ROUNDING), shape),
        channels=channels,
        **{name: whole(row, name) for name in ("params", "macs", "activations", "peak_activations")},
        draws=Draws(
            *(whole(row, name) for name in ("drawn", "duplicate", "under_budget", "over_budget")),
            **{name: whole(row, name) for name in ("over_latency", "by_proxy") if row.get(name)},
        ),
        latency_ms=number(row, "latency_ms") if row.get("latency_ms") else None,
    )
    outcome = Outcome(
        state=State(row["state"]),
        seeds=parts(row, "seeds", whole),
        val_top1=parts(row, "val_top1", _top1),
        test_top1=parts(row, "test_top1", _top1),
        nuclear_norm=parts(row, "nuclear_norm", _measured),
        feature_rank=parts(row, "feature_rank", whole),
        epochs=whole(row, "epochs"),
        spent=_row_to_spent(row),
        retries=whole(row, "retries"),
        reason=row["reason"] or "",
    )
    if len(set(outcome.seeds)) < len(outcome.seeds):
        raise ValueError(f"seeds are {row['seeds']!r}; each may be there once")
    for name in ("val_top1", "test_top1", "nuclear_norm", "feature_rank"):
        if len(getattr(outcome, name)) > len(outcome.seeds):
            raise ValueError(f"{name} has {len(getattr(outcome, name))} entries for {len(outcome.seeds)} seeds")
    return Record(candidate, outcome)


def _point_to_row(point: CurvePoint) -> dict:
    return {
        "candidate": point.candidate,
        "seed": point.seed,
        "epoch": point.epoch,
        "lr": f"{point.lr:.6g}",
        "train_loss": f"{point.train_loss:.6g}",
        "val_top1": f"{point.val_top1:.4f}",
    }


def _row_to_point(row: dict[str, str]) -> CurvePoint:
    return CurvePoint(
        candidate=whole(row, "candidate"),
        seed=whole(row, "seed"),
        epoch=whole(row, "epoch", 1),
        lr=number(row, "lr"),
        train_loss=_measured(row, "train_loss"),
        val_top1=_top1(row, "val_top1"),
    )
