"""What a study leaves: a folder with its data, its figure and its findings, every file name here alone.

``config.yaml`` (what was asked, with versions and machine), ``data.csv``, ``figure.png`` and ``figure.svg``,
``findings.md``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from chansearch.errors import UserError
from chansearch.files import check_writable, csv_text, time_stamp, write_aside

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    folder = Path(output) if output is not None else Path("results") / f"study-{name}-{time_stamp()}"
    if folder.exists():
        raise UserError(f"--output: {folder} exists already; choose another folder")
    check_writable("--output", folder)
    return folder


def write_study(folder: Path, asked: Mapping, study: Study) -> str:
    """Make the folder and its files; the paragraph and where they are, for a terminal.

    ``asked``: the settings, in plain YAML types.
    """
    from chansearch.provenance import provenance
    from chansearch.report import canvas  # SciPy comes with it

    folder.mkdir(parents=True)
    rendered = canvas.render(study.figure)
    paragraph = study.paragraph()
    config = {**asked, "provenance": provenance()}
    for name, content in (
        ("config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True)),
        ("data.csv", csv_text(study.columns, study.rows)),
        ("figure.png", rendered.png),
        ("figure.svg", rendered.svg),
        ("findings.md", f"# {study.title}\n\n{paragraph}\n"),
    ):
        write_aside(folder / name, content)
    return f"{textwrap.fill(paragraph, _WIDTH)}\n\n{folder}: data.csv, figure.png, figure.svg, findings.md"
