"""Writing a replay into its run directory: two tables and two figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chansearch.errors import UserError
from chansearch.files import csv_text, write_aside
from chansearch.replay import terminal
from chansearch.replay.figures import draw_epochs, draw_replay
from chansearch.replay.session import Options, Replayed, replay_run
from chansearch.report.correlation import Interval
from chansearch.report.terminal import files_text
from chansearch.report.write import write_figures
from chansearch.search.rundir import RunDirectory


def write_replay(run: RunDirectory, options: Options) -> str:
    """Replay, write ``replay.csv``, ``epochs.csv`` and the figures ``replay`` and ``epochs``; gives the text.

    Raises ``UserError`` where the run cannot be replayed or, before any replay, where it cannot be written to.
    """
    with _writing(run):
        _check_writable(run)
    replayed = replay_run(run, options)
    with _writing(run):
        for file, rows in ((run.replay_file, measure_rows(replayed)), (run.epochs_file, agreement_rows(replayed))):
            write_aside(file, csv_text(rows[0], rows))
        figures = {"replay": draw_replay(replayed), "epochs": draw_epochs(replayed)}
        _, files = write_figures(run.figures, figures)
    return "\n\n".join([terminal.summary(replayed), files_text([run.replay_file, run.epochs_file, *files])])


def measure_rows(replayed: Replayed) -> list[dict[str, object]]:
    """A row for each strategy and each truth, ``test`` and ``val``; ``inf`` where it never was."""
    sizes = {
        "candidates": replayed.options.candidates_of(replayed.population),
        "seeds": replayed.population.seeds,
        "epochs": replayed.population.epochs,
    }
    return [
        {"strategy": name, "truth": truth, **sizes, **_flat(vars(measures))}
        for truth, by_name in (("test", replayed.by_test), ("val", replayed.by_val))
        for name, measures in by_name.items()
    ]


def agreement_rows(replayed: Replayed) -> list[dict[str, object]]:
    """A row for each epoch and each way of comparing it with the last."""
    return [_flat(vars(agreement)) for agreement in replayed.agreements]


def _flat(values: Mapping[str, object]) -> dict[str, object]:
    """An interval becomes three columns."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Interval):
            flat |= {key: f"{value.value:.6g}", f"{key}_low": f"{value.low:.6g}", f"{key}_high": f"{value.high:.6g}"}
        else:
            flat[key] = value
    return flat


def _check_writable(run: RunDirectory) -> None:
    """Raises ``OSError`` now rather than after minutes of replays."""
    probe: Path = run.path / ".replay.part"
    probe.touch()
    probe.unlink()
    if run.figures.exists() and not run.figures.is_dir():
        raise NotADirectoryError(20, "is no folder", str(run.figures))


@contextmanager
def _writing(run: RunDirectory) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"replay: {error.filename or run.path} cannot be written: {error.strerror or error}") from None
