"""The page's section on the Pareto front."""

from __future__ import annotations

from chansearch.report import front_text
from chansearch.report.analysis import Analysis
from chansearch.report.page_parts import cell, paragraphs, table, table_row


def front_section(analysis: Analysis) -> list[str]:
    """Nothing for a run of accuracy alone."""
    if analysis.front is None:
        return []
    rows = [
        table_row([cell(number), cell(channels, kind="text"), *map(cell, rest)])
        for number, channels, *rest in front_text.rows(analysis)
    ]
    return ["<h2>Front</h2>", table(front_text.headings(analysis), rows), paragraphs(front_text.sentences(analysis))]
