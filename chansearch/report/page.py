"""``report.html``: one file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chansearch.report import cost_text, facts, findings, listing
from chansearch.report.analysis import Analysis
from chansearch.report.page_data import combined_data, run_data
from chansearch.report.page_front import front_section
from chansearch.report.page_parts import (
    COMBINED_SCRIPTS,
    RUN_SCRIPTS,
    asset,
    cell,
    document,
    escaped,
    figure,
    paragraphs,
    table,
    table_row,
)
from chansearch.report.quantities import LINE_R2, TEST_TOP1, Quantity
from chansearch.report.tenths import TenthRow
from chansearch.search import asked
from chansearch.search.candidate import State
from chansearch.space import format_channels

CAPTIONS = {
    "front": "The candidates that no other beats, and those that are beaten; costs by equal factors, bar: ± one "
    "standard deviation over the seeds. Hollow: beaten in more than half of the redraws.",
    "channels": "Mean output channels of each tenth against the block index, ± one standard deviation over its "
    "candidates (cf. the paper's Figure 2).",
    "accuracy": "Accuracy against what a candidate costs. Colour: tenth; mark: who drew the candidate; bar: ± one "
    "standard deviation over the seeds.",
    "edf": "Distribution of the error: the share of candidates with at most a given error.",
    "linearity": "R² of the best line through each configuration: faint points are candidates, the large mark their "
    "mean, the bar its 95 % bootstrap interval.",
    "curves": "Accuracy after each epoch, mean over the seeds. Grey: in no tenth, stopped at a rung, failed or in "
    "training.",
    "compare": "Left: mean channels of each run's top tenth ± one standard deviation, dashed the best line through "
    "them and its R² (cf. the paper's Figure 4). Right: mean accuracy of each tenth ± one standard deviation over its "
    "candidates; below, the paper's own top tenth on CIFAR-100 where the constraint is one of the paper's.",
    "nuclear_norm": "Accuracy against the nuclear norm of the final feature of the same images, mean over the seeds. "
    "Colour: tenth; mark: who drew the candidate; bar: ± one standard deviation over the seeds.",
}
# Of a run whose seeds went to contenders.
_FIRST_SEED_CAPTIONS = {
    "accuracy": "Accuracy against what a candidate costs, on the first seed, which all candidates have. Colour: tenth; "
    "mark: who drew the candidate. Stars: contenders over all their seeds, ± one standard deviation.",
    "curves": "Accuracy after each epoch, first seed. Grey: in no tenth, stopped at a rung, failed or in training.",
}
_WIDE = ("accuracy", "compare", "channels")
# Figures of one run that the page draws itself, where they answer; the files are there all the same.
_INTERACTIVE = ("accuracy", "channels", "curves")
_WITHOUT_SCRIPTS = (
    "Without JavaScript this page has no charts that answer, no filters and no comparison of candidates. Accuracy "
    "against cost, channels and learning curves are in figures/ beside it, as PNG and SVG; all candidates follow."
)
_COMBINED_WITHOUT_SCRIPTS = "Without JavaScript this page lacks the charts in which the runs lie over each other."


def run_page(analysis: Analysis, figures: Mapping[str, str]) -> str:
    """The page of one run; ``figures`` are SVG texts by name."""
    captions = CAPTIONS | _FIRST_SEED_CAPTIONS if analysis.contenders else CAPTIONS
    body = [f"<h1>{escaped(analysis.name)}</h1>", paragraphs(findings.population(analysis)), *front_section(analysis)]
    if analysis.tenths:
        body += ["<h2>Tenths</h2>", _tenths_table(analysis), _best_and_worst(analysis)]
        body += [paragraphs(findings.of_tenths(analysis))]
    body += [f'<p class="note">{escaped(findings.images(analysis))}</p>']
    body += ["<h2>Candidates</h2>", asset("explore.html"), _without_scripts(analysis)]
    body += ["<h2>Figures</h2>", *_figures(figures, captions, leave_out=_INTERACTIVE)]
    body += _cost(analysis)
    body += ["<h2>How they ended</h2>", _states(analysis), _failures(analysis)]
    body += ["<h2>Configuration</h2>", _facts(analysis)]
    data = run_data(analysis) | {"captions": {name: captions[name] for name in _INTERACTIVE}}
    return document(f"chansearch: {analysis.name}", "".join(body), data, RUN_SCRIPTS)


def combined_page(analyses: Sequence[Analysis], figures: Mapping[str, str]) -> str:
    """The page of several runs: what is drawn of all of them, and their tenths under each other."""
    body = [f"<h1>{len(analyses)} runs compared</h1>", paragraphs(findings.compared(analyses))]
    body += [asset("overlay.html"), f'<noscript><p class="note">{escaped(_COMBINED_WITHOUT_SCRIPTS)}</p></noscript>']
    body += _figures(figures, CAPTIONS)
    for place, analysis in enumerate(analyses, start=1):
        body += [f"<h2>{place}: {escaped(analysis.name)}</h2>", paragraphs(findings.population(analysis))]
        if analysis.tenths:
            body += [_tenths_table(analysis), _best_and_worst(analysis)]
            body += [paragraphs(findings.of_tenths(analysis))]
        body += [
            f'<p class="note">{escaped(findings.images(analysis))}</p>',
            paragraphs(cost_text.sentences(analysis)),
            "<h3>Configuration</h3>",
            _facts(analysis),
        ]
    title = "chansearch: " + " + ".join(analysis.name for analysis in analyses)
    return document(title, "".join(body), combined_data(analyses), COMBINED_SCRIPTS)


def _figures(figures: Mapping[str, str], captions: Mapping[str, str], leave_out: Sequence[str] = ()) -> list[str]:
    shown = {name: svg for name, svg in figures.items() if name not in leave_out}
    return [figure(svg, captions[name], wide=name in _WIDE) for name, svg in shown.items()]


def _tenths_table(analysis: Analysis) -> str:
    ranking = analysis.ranking
    shown = (ranking, TEST_TOP1, *analysis.costs, *analysis.features)
    headings = ["tenth", "candidates", *(quantity.heading for quantity in shown), "R² of the best line, 95 % interval"]
    rows = [
        _tenth_row(row.tenth, row, shown, findings.interval_text(analysis.linearity[row.tenth]))
        for row in analysis.tenths
    ]
    for origin, own in analysis.tenths_by_origin.items():
        rows += [
            _tenth_row(f"{row.tenth} of {origin} draws", row, shown, row.spreads[LINE_R2.column].text(LINE_R2))
            for row in own
        ]
    if analysis.published is None:
        return table(headings, rows)
    for tenth, paper in analysis.published.tenths.items():
        cells = [f"{tenth} in the paper", "", paper.top1_text, "", paper.params_text, paper.macs_text]
        cells += [""] * (len(headings) - len(cells))
        rows.append(table_row([cell(text) for text in cells], "paper"))
    data, fidelity = facts.text(analysis.config, "data.name"), facts.text(analysis.config, "fidelity")
    note = (
        f"In the paper: {analysis.published.source}, on CIFAR-100, 30 epochs, mean of three trainings. This "
        f"run: data {data}, fidelity {fidelity}. ± is over the candidates of a tenth."
    )
    return table(headings, rows) + f'<p class="note">{escaped(note)}</p>'


def _tenth_row(label: str, group: TenthRow, shown: Sequence[Quantity], linearity: str) -> str:
    spreads = [group.spreads[quantity.column].text(quantity) for quantity in shown]
    return table_row([cell(text) for text in (label, len(group.records), *spreads, linearity)], group.tenth.value)


def _best_and_worst(analysis: Analysis) -> str:
    lines = [
        f"Best: {findings.candidate_text(analysis.ranked[0])}.",
        f"Worst ranked: {findings.candidate_text(analysis.ranked[-1])}.",
    ]
    if analysis.published and analysis.published.best:
        best, worst = analysis.published.best, analysis.published.worst
        lines.append(
            f"Published for this constraint: best {best.channels}, {best.top1} %; "
            f"worst {worst.channels}, {worst.top1} %."
        )
    return paragraphs(lines)


def _cost(analysis: Analysis) -> list[str]:
    sentences = paragraphs(cost_text.sentences(analysis))
    if not analysis.cost:
        return ["<h2>Cost</h2>", sentences] if sentences else []
    rows = [table_row([cell(text) for text in row]) for row in cost_text.rows(analysis.cost)]
    note = f'<p class="note">{escaped(cost_text.LEFT_OUT)}</p>'
    return ["<h2>Cost</h2>", table(cost_text.HEADINGS, rows), sentences, note]


def _states(analysis: Analysis) -> str:
    rows = [table_row([cell(state), cell(count)]) for state, count in analysis.states.items()]
    return table(["state", "candidates"], rows)


def _without_scripts(analysis: Analysis) -> str:
    """What a browser that runs no scripts shows of the candidates; others do not even build it."""
    columns = listing.columns(analysis)
    ranked = {record.candidate.number for record in analysis.ranked}
    rows = []
    for record in (*analysis.ranked, *analysis.unranked):
        texts = {column.key: column.text(column.of(record)) for column in columns}
        number = record.candidate.number
        texts["number"] = f"#{number}"
        # A stopped candidate's accuracy is of fewer epochs than those it stands beside.
        if number not in ranked and analysis.ranking.of(record) is not None:
            texts[analysis.ranking.column] += " (not ranked)"
        cells = [cell(text, "text" if key == "channels" else "") for key, text in texts.items()]
        rows.append(table_row(cells, analysis.tenth_of.get(number, "")))
    listed = table([column.heading for column in columns], rows)
    return f'<noscript><p class="note">{escaped(_WITHOUT_SCRIPTS)}</p>{listed}</noscript>'


def _failures(analysis: Analysis) -> str:
    failed = [record for record in analysis.records if record.outcome.state is State.FAILED]
    if not failed:
        return ""
    rows = [
        table_row(
            [
                cell(f"#{record.candidate.number}"),
                cell(format_channels(record.candidate.channels), "text"),
                cell(record.outcome.epochs),
                cell(record.outcome.retries),
                cell(record.outcome.reason or facts.UNKNOWN, "reason"),
            ]
        )
        for record in failed
    ]
    return "<h3>Failures</h3>" + table(["candidate", "channels", "epochs", "retries", "reason"], rows)


def _facts(analysis: Analysis) -> str:
    entries = [
        *facts.facts(analysis.config),
        facts.Fact("ranked by", f"{analysis.ranking.label} (data.rank_on={asked.rank_on(analysis.config)})"),
    ]
    return "<dl>" + "".join(f"<dt>{escaped(f.label)}</dt><dd>{escaped(f.value)}</dd>" for f in entries) + "</dl>"
