"""``Report``: what a run has found."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chansearch.errors import UserError, did_you_mean
from chansearch.search.rundir import RunDirectory
from chansearch.space import format_channels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from chansearch.report import Analysis
    from chansearch.search.candidate import Record

# What a file's ending says of its format; a folder for timm has none.
_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".onnx": "onnx", ".pt2": "torch", ".py": "python"}


class Report:
    """One run, finished or not, as it was when the report first looked: ``Report("results/RUN")``."""

    def __init__(self, run: str | Path | RunDirectory) -> None:
        """Raises ``UserError`` where ``run`` is no run directory."""
        self._run = run if isinstance(run, RunDirectory) else RunDirectory.open(run)

    @classmethod
    def latest(cls, results: str | Path = "results") -> Report:
        """Of the run last started or gone on with under ``results``."""
        return cls(RunDirectory.latest(results))

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._run.path

    @cached_property
    def analysis(self) -> Analysis:
        """All that is known of the run: records, tenths, noise, curves, cost."""
        from chansearch.report import analyse

        return analyse(self._run)

    @property
    def sentences(self) -> list[str]:
        """What the numbers say: how many candidates there are, how far the tenths lie apart, what of that is noise."""
        from chansearch.report import findings

        analysis = self.analysis
        return [*findings.population(analysis), *findings.of_tenths(analysis), findings.images(analysis)]

    @property
    def tenths(self) -> list[dict[str, Any]]:
        """A row a tenth, with means and deviations, in the columns of ``deciles.csv``; None where there is no value."""
        from chansearch.report.deciles import decile_rows

        rows = decile_rows(self.analysis)
        return [{column: None if value == "" else value for column, value in row.items()} for row in rows]

    def to_records(self) -> list[dict[str, Any]]:
        """A row a candidate, best first and those without a rank last: ``pandas.DataFrame(report.to_records())``.

        Accuracies are percentages, means over the seeds; None where there is no value.
        """
        analysis = self.analysis
        return [self._row(record, rank) for rank, record in enumerate(analysis.ranked, start=1)] + [
            self._row(record, None) for record in analysis.unranked
        ]

    def _row(self, record: Record, rank: int | None) -> dict[str, Any]:
        from chansearch.report.quantities import QUANTITIES

        candidate, outcome = record.candidate, record.outcome
        tenth = self.analysis.tenth_of.get(candidate.number)
        return {
            "rank": rank,
            "candidate": candidate.number,
            "tenth": None if tenth is None else tenth.value,
            "channels": format_channels(candidate.channels),
            "state": outcome.state.value,
            "origin": candidate.origin.value,
            **{quantity.column: quantity.of(record) for quantity in QUANTITIES},
            "epochs": outcome.epochs,
            "seconds": outcome.spent.seconds,
            "reason": outcome.reason or None,
        }

    def best(self, rank: int = 1) -> Choice:
        """The best candidate, or the one of another rank; raises ``UserError`` where there is none."""
        from chansearch.search.candidate import why_none_ranked

        ranked = self.analysis.ranked
        if not ranked:
            raise UserError(f"run: {self.path} has no best candidate: {why_none_ranked(self.analysis.records)}")
        if not 1 <= rank <= len(ranked):
            raise UserError(f"rank: {rank}; allowed: 1 to {len(ranked)}, the finished candidates of {self.path}")
        return Choice(self, rank, ranked[rank - 1])

    def figure(self, name: str) -> Figure:
        """A figure of the page: ``channels``, ``accuracy``, ``edf``, ``linearity``, ``curves`` or, where the run has
        recorded the final feature, ``nuclear_norm``."""
        from chansearch.report.write import RANK_FIGURES, RUN_FIGURES

        figures = RUN_FIGURES | (RANK_FIGURES if self.analysis.features else {})
        if name not in figures:
            nearest = did_you_mean(name, figures)
            raise UserError(f"figure: {name!r} is unknown{nearest}; allowed: {', '.join(figures)}")
        return figures[name](self.analysis)

    def write(self) -> Path:
        """Write tables, figures and page into the run directory, as ``chansearch report`` does; gives the page."""
        from chansearch.report import write_report

        return write_report([self._run]).page

    def __str__(self) -> str:
        from chansearch.report.terminal import summary

        return summary(self.analysis)

    def __repr__(self) -> str:
        return f"<Report: {self.path}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@dataclass(frozen=True)
class Choice:
    """A ranked candidate of a run."""

    report: Report
    rank: int
    record: Record

    @property
    def channels(self) -> tuple[int, ...]:
        return self.record.candidate.channels

    @property
    def val_top1(self) -> float:
        """In percent, the mean over the seeds."""
        return self.record.val_top1_mean

    def export(
        self,
        path: str | Path,
        *,
        format: str | None = None,
        form: str = "rexnet",
        params: str | float | None = None,
        macs: str | float | None = None,
        at_most: bool = False,
        input_size: int | None = None,
        classes: int | None = None,
        divisor: int | None = None,
        weights: str | Path | None = None,
    ) -> Path:
        """Write a full ReXNet of this shape, or with ``form="searched"`` the network that was searched; gives the path.

        ``format``: yaml, onnx, torch, python, each known by the ending of ``path``, or timm, a folder. ``params`` and
        ``macs`` are the budget, by default that of ReXNet ×1.0; with ``at_most`` they are upper bounds. A network
        without ``weights`` gets drawn ones. Raises ``UserError``, with nothing written, for what is not to be had.
        """
        from chansearch.export import ExportOptions, export

        ending = Path(path).suffix
        if format is None and ending not in _FORMATS:
            raise UserError(f"format: none given, and {str(path)!r} ends in none of {', '.join(_FORMATS)}")
        export(
            ExportOptions(
                run_directory=str(self.report.path),
                top=self.rank,
                format=format or _FORMATS[ending],
                output=str(path),
                form=form,
                params=_text(params),
                macs=_text(macs),
                at_most=at_most,
                input_size=input_size,
                classes=classes,
                divisor=divisor,
                weights=_text(weights),
            )
        )
        return Path(path)

    def __repr__(self) -> str:
        return f"<Choice: rank {self.rank}, {format_channels(self.channels)}, {self.val_top1:.2f} %>"


def _text(given: object) -> str | None:
    return None if given is None else str(given)
