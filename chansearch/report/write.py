"""Writing the report: into the run directory, and for several runs into a folder beside the first."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError
from chansearch.files import csv_text, write_aside
from chansearch.report import canvas, page, terminal
from chansearch.report.analysis import Analysis, analyse
from chansearch.report.deciles import decile_columns, decile_rows
from chansearch.report.figure_accuracy import draw_accuracy, draw_nuclear_norm
from chansearch.report.figure_channels import draw_channels
from chansearch.report.figure_compare import draw_compare
from chansearch.report.figure_curves import draw_curves
from chansearch.report.figure_edf import draw_edf
from chansearch.report.figure_front import draw_front
from chansearch.report.figure_linearity import draw_linearity
from chansearch.report.front import COLUMNS as FRONT_COLUMNS
from chansearch.report.front import front_rows
from chansearch.search.rundir import RunDirectory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUN_FIGURES: dict[str, Callable[[Analysis], Figure]] = {
    "channels": lambda analysis: draw_channels([analysis]),
    "accuracy": draw_accuracy,
    "edf": draw_edf,
    "linearity": draw_linearity,
    "curves": draw_curves,
}
# Of runs with several objectives.
FRONT_FIGURES: dict[str, Callable[[Analysis], Figure]] = {"front": draw_front}
# Of runs that have recorded the final feature.
RANK_FIGURES: dict[str, Callable[[Analysis], Figure]] = {"nuclear_norm": draw_nuclear_norm}
COMBINED_FIGURES: dict[str, Callable[[Sequence[Analysis]], Figure]] = {
    "channels": draw_channels,
    "compare": draw_compare,
}
_LONGEST_NAME = 100  # characters of a combined folder's name; file systems stop at 255 bytes


@dataclass(frozen=True)
class Written:
    """What was written. ``page`` is the one to open, ``text`` the summary for the terminal."""

    analyses: tuple[Analysis, ...]
    page: Path
    files: tuple[Path, ...]
    text: str


def write_report(runs: Sequence[RunDirectory]) -> Written:
    """Write tables, figures and page of each run and, of several, a page that compares them.

    A run that is still going on is reported as far as it has come. Raises ``UserError`` for no run, for one that
    cannot be read, and where nothing can be written.
    """
    distinct = {run.path.resolve(): run for run in runs}
    if not distinct:
        raise UserError("run: none given; name at least one run directory")
    runs = list(distinct.values())
    analyses = [analyse(run) for run in runs]
    files: list[Path] = []
    try:
        for analysis in analyses:
            files += _write_run(analysis)
        if len(runs) > 1:
            files += _write_combined(combined_folder(runs), analyses)
    except OSError as error:
        raise UserError(
            f"report: {error.filename or runs[0].path} cannot be written: {error.strerror or error}"
        ) from None
    parts = [terminal.summary(analysis) for analysis in analyses]
    parts += [terminal.comparison(analyses)] if len(runs) > 1 else []
    parts += [terminal.files_text(files)]
    return Written(analyses=tuple(analyses), page=files[-1], files=tuple(files), text="\n\n".join(parts))


def combined_folder(runs: Sequence[RunDirectory]) -> Path:
    """Where the report of several runs goes: ``report-<run>+<run>…`` beside the first.

    A name that is too long, or whose runs lie in different folders, ends in a digest of the paths.
    """
    paths = [run.path.resolve() for run in runs]
    name = "report-" + "+".join(path.name for path in paths)
    encoded = os.fsencode(name)
    if len(encoded) > _LONGEST_NAME or len({path.parent for path in paths}) > 1:
        digest = hashlib.sha256(b"\n".join(map(os.fsencode, paths))).hexdigest()[:8]
        name = f"{encoded[:_LONGEST_NAME].decode(errors='ignore')}-{digest}"
    return paths[0].parent / name


def _write_run(analysis: Analysis) -> list[Path]:
    run = analysis.run
    write_aside(run.deciles_file, csv_text(decile_columns(analysis), decile_rows(analysis)))
    tables = [run.deciles_file]
    if analysis.front is not None:
        write_aside(run.front_file, csv_text(FRONT_COLUMNS, front_rows(analysis.front.members)))
        tables.append(run.front_file)
    figures = (FRONT_FIGURES if analysis.front else {}) | RUN_FIGURES | (RANK_FIGURES if analysis.features else {})
    drawn = {name: draw(analysis) for name, draw in figures.items()}
    svgs, files = write_figures(run.figures, drawn)
    write_aside(run.page_file, page.run_page(analysis, svgs))
    return [*tables, *files, run.page_file]


def _write_combined(folder: Path, analyses: Sequence[Analysis]) -> list[Path]:
    drawn = {name: draw(analyses) for name, draw in COMBINED_FIGURES.items()}
    svgs, files = write_figures(folder / "figures", drawn)
    file = folder / "report.html"
    write_aside(file, page.combined_page(analyses, svgs))
    return [*files, file]


def write_figures(folder: Path, figures: Mapping[str, Figure]) -> tuple[dict[str, str], list[Path]]:
    """PNG and SVG of each figure; the SVG texts by name, and the files."""
    folder.mkdir(parents=True, exist_ok=True)
    svgs, files = {}, []
    for name, figure in figures.items():
        png, svg = folder / f"{name}.png", folder / f"{name}.svg"
        rendered = canvas.render(figure)
        write_aside(png, rendered.png)
        write_aside(svg, rendered.svg)
        svgs[name] = rendered.svg
        files += [png, svg]
    return svgs, files
