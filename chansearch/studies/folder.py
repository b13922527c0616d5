"""What a study leaves: a folder with its data, its figure and its findings, every file name here alone.

``config.yaml`` (what was asked, with versions and machine, at the start and at each resume), ``data.csv``,
``figure.png`` and ``figure.svg``, ``findings.md``; in a study that trains also ``trainings.csv``, which a resume reads.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.errors import UserError
from chansearch.files import (
    check_writable,
    csv_text,
    read_mapping,
    refuse_links_out,
    time_stamp,
    unused,
    write_aside,
    write_mapping,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CONFIG = "config.yaml"
_WIDTH = 120  # columns of the paragraph in a terminal


@dataclass(frozen=True)
class Finding:
    """A statement of the paper, what was measured for it and what the paper printed, numbers with their units.

    ``published`` is empty where the paper has no number; ``holds`` is None where nothing can be said.
    """

    claim: str
    measured: str
    published: str = ""
    holds: bool | None = None

    def sentence(self) -> str:
        """``Claim: holds (measured …; published …).``"""
        verdict = {True: "holds", False: "does not hold", None: "open"}[self.holds]
        published = f"; published {self.published}" if self.published else ""
        return f"{self.claim}: {verdict} ({self.measured}{published})."


@dataclass(frozen=True)
class Study:
    """The outcome of a study. ``rows`` go to ``data.csv`` under ``columns``; ``note`` says what must be known to read
    the numbers: sizes, seeds, images."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, object]]
    figure: Figure
    findings: Sequence[Finding]
    note: str

    def paragraph(self) -> str:
        """The findings in sentences, then the note."""
        return " ".join([*(finding.sentence() for finding in self.findings), self.note])


def open_folder(name: str, output: str | None) -> Path:
    """Where a study will write, not made yet: ``output``, or ``results/study-NAME-TIME``.

    Raises ``UserError`` where there is something already or nothing can be written.
    """
    folder = Path(output) if output is not None else unused(Path("results") / f"study-{name}-{time_stamp()}")
    if folder.exists():
        raise UserError(f"--output: {folder} exists already; choose another folder")
    check_writable("--output", folder)
    return folder


def write_study(folder: Path, asked: Mapping, study: Study) -> str:
    """Make the folder and its files; the paragraph and where they are, for a terminal.

    ``asked``: the settings, in plain YAML types.
    """
    begin_study(folder, asked)
    return finish_study(folder, study)


def begin_study(folder: Path, asked: Mapping, **facts: object) -> None:
    """Make the folder with its ``config.yaml``: ``asked``, and ``facts`` beside versions and machine."""
    from chansearch.provenance import provenance

    folder.mkdir(parents=True)
    config = {**asked, "provenance": provenance(**facts)}
    write_mapping(folder / _CONFIG, config)


def read_begun(folder: Path) -> dict:
    """What ``begin_study`` wrote, in plain YAML types; raises ``UserError`` where there is none."""
    if not (folder / _CONFIG).is_file():
        raise UserError(f"--resume: {str(folder)!r} is no study's folder; one holds {_CONFIG}")
    refuse_links_out(folder)
    return read_mapping(folder / _CONFIG, f"--resume: {folder / _CONFIG}")


def finish_study(folder: Path, study: Study) -> str:
    """Write what was found into a folder that was begun, over what an earlier end wrote; gives what ``write_study``
    does."""
    from chansearch.report import canvas  # SciPy comes with it

    rendered = canvas.render(study.figure)
    paragraph = study.paragraph()
    for name, content in (
        ("data.csv", csv_text(study.columns, study.rows)),
        ("figure.png", rendered.png),
        ("figure.svg", rendered.svg),
        ("findings.md", f"# {study.title}\n\n{paragraph}\n"),
    ):
        write_aside(folder / name, content)
    return f"{textwrap.fill(paragraph, _WIDTH)}\n\n{folder}: data.csv, figure.png, figure.svg, findings.md"
