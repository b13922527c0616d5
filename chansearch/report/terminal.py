"""The report as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chansearch.printable import printable
from chansearch.report import cost_text, findings, front_text
from chansearch.report.analysis import Analysis
from chansearch.report.plain import columns, wrapped
from chansearch.report.quantities import LINE_R2, TEST_TOP1, Quantity
from chansearch.report.tenths import TenthRow


def summary(analysis: Analysis) -> str:
    """Tenths, gaps, linearity, best and worst of one run, without the paths of its files."""
    lines = [f"run {analysis.name}"]
    lines += wrapped(findings.population(analysis))
    lines += _front(analysis)
    if analysis.tenths:
        lines += ["", *_table(analysis), ""]
        lines.append(f"best   {findings.candidate_text(analysis.ranked[0])}")
        lines += [f"worst  {findings.candidate_text(analysis.ranked[-1])}", ""]
        lines += wrapped(findings.of_tenths(analysis))
    lines += wrapped([findings.images(analysis)])
    lines += _cost(analysis)
    return "\n".join(lines)


def comparison(analyses: Sequence[Analysis]) -> str:
    """What several runs say together."""
    return "\n".join(wrapped(findings.compared(analyses)))


def files_text(files: Sequence[Path]) -> str:
    """A line a file, but one for all figures of a folder."""
    shown = {file if file.suffix not in (".png", ".svg") else file.parent / "*.png, *.svg": None for file in files}
    return "\n".join(["written:", *(f"  {printable(str(file))}" for file in shown)])


def _table(analysis: Analysis) -> list[str]:
    rows = [["tenth", "n", *(quantity.short_heading for quantity in _shown(analysis))]]
    rows += [_row(analysis, row) for row in analysis.tenths]
    for origin, tenths in analysis.tenths_by_origin.items():
        rows += [_row(analysis, row, f", {origin}") for row in tenths]
    if analysis.published:
        for tenth, row in analysis.published.tenths.items():
            rest = [""] * (len(rows[0]) - 6)
            rows.append([f"{tenth}, paper", "", row.top1_text, "", row.params_text, row.macs_text, *rest])
    lines = [*columns(rows), "± over the candidates of a tenth; MACs are the paper's FLOPs"]
    if analysis.published:
        lines.append(f"paper: {analysis.published.source}, CIFAR-100, 30 epochs, mean of three trainings")
    return lines


def _front(analysis: Analysis) -> list[str]:
    if analysis.front is None:
        return []
    table = columns([front_text.headings(analysis), *front_text.rows(analysis)])
    return ["", *table, "", *wrapped(front_text.sentences(analysis))]


def _cost(analysis: Analysis) -> list[str]:
    sentences = wrapped(cost_text.sentences(analysis))
    if not analysis.cost:
        return sentences
    table = columns([cost_text.HEADINGS, *cost_text.rows(analysis.cost)])
    return ["", *table, "", *sentences, *wrapped([cost_text.LEFT_OUT])]


def _row(analysis: Analysis, row: TenthRow, of: str = "") -> list[str]:
    return [
        f"{row.tenth}{of}",
        str(len(row.records)),
        *(row.spreads[quantity.column].text(quantity) for quantity in _shown(analysis)),
    ]


def _shown(analysis: Analysis) -> tuple[Quantity, ...]:
    return analysis.ranking, TEST_TOP1, *analysis.costs, LINE_R2, *analysis.features
