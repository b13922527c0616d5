"""``chansearch export --pareto``: a folder with a network for every candidate on a run's Pareto front.

What is asked of a full network (``--macs 400M``) is asked of the front's most expensive; the others are to cost in
proportion to what they cost as candidates, classifier aside, and keep their start b/(a+b): they differ in cost as the
candidates do.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence

from chansearch.cost import parse_count, price_spec
from chansearch.cost.budget import format_count
from chansearch.errors import UserError
from chansearch.export.command import ExportOptions, Searched, candidate_document, drawn_model, reference_for
from chansearch.export.formats import Exported, Format, check, write
from chansearch.files import csv_text
from chansearch.nets.files import spec_from_dict
from chansearch.search.asked import objectives as objectives_of
from chansearch.search.candidate import Record, why_none_ranked
from chansearch.search.front import front
from chansearch.search.objectives import Objectives, cost_of
from chansearch.search.rundir import RunDirectory

LISTING = "front.csv"
COLUMNS = ("file", "candidate", "val_top1_mean", "searched_params", "searched_macs", "latency_ms", "params", "macs")

# Options that say something of a single network.
_OF_ONE = {
    "network": "NETWORK",
    "top": "--top",
    "channels": "--channels",
    "weights": "--weights",
    "pretrained": "--pretrained",
}


def export_front(options: ExportOptions) -> None:
    """Write the folder; raises ``UserError``, with nothing written, where one of its networks is not to be had."""
    for field in dataclasses.fields(ExportOptions):
        if field.name in _OF_ONE and getattr(options, field.name) != field.default:
            raise UserError(f"--pareto: writes every network of a front; {_OF_ONE[field.name]} is for a single one")
    chosen = check(options.format, options.output, several="--pareto")
    run = RunDirectory.named(options.run_directory, options.results)
    objectives = _objectives(run)
    members = _members(run, objectives)
    files: dict[str, bytes] = {}
    listed, notes = [], []
    for record, scaled in zip(members, _scaled(options, members, objectives), strict=True):
        document = _document(scaled, record, run)
        stem = f"candidate_{record.candidate.number}_{format_count(document['costs']['macs']).replace('.', '_')}"
        made = _made(chosen, document)
        if isinstance(made.content, Mapping):
            files |= {f"{stem}/{name}": content for name, content in made.content.items()}
        else:
            files[stem + chosen.suffix] = made.content
        notes += [f"{stem}: {note}" for note in made.notes]
        listed.append(_row(stem + chosen.suffix, record, document["costs"]))
    files[LISTING] = csv_text(COLUMNS, listed).encode()
    costs = [format_count(row["macs"]) for row in (listed[0], listed[-1])]
    notes.append(f"{len(listed)} networks, from {costs[0]} to {costs[1]} MACs, listed in {LISTING}")
    write(Exported(files, tuple(notes)), options.output)
    if chosen.weights:
        print("chansearch: note: the weights are drawn, untrained", file=sys.stderr)


def _objectives(run: RunDirectory) -> Objectives:
    found = objectives_of(run.config())
    if not found.are_several:
        raise UserError(
            f"--pareto: {run.path} was searched for accuracy alone; search.objectives=[accuracy,macs] makes a front"
        )
    return found


def _members(run: RunDirectory, objectives: Objectives) -> list[Record]:
    records = run.records()
    members = front(records, objectives)
    if not members:
        raise UserError(f"run: {run.path} has no candidate to export: {why_none_ranked(records)}")
    return members


def _scaled(options: ExportOptions, members: Sequence[Record], objectives: Objectives) -> list[ExportOptions]:
    """The options of each member's network, with what it is to cost."""
    if options.form == "searched":
        return [options] * len(members)
    asked = {name: parse_count(f"--{name}", text) for name in ("params", "macs") if (text := getattr(options, name))}
    whole = reference_for(options)
    costs, without = price_spec(whole), price_spec(whole, count_classifier=False)
    if not asked:
        name = "params" if objectives.costs == ("params",) else "macs"
        asked = {name: float(costs[name])}
    scaled: list[dict[str, str]] = [{} for _ in members]
    for name, target in asked.items():
        classifier = costs[name] - without[name]
        most = max(cost_of(record.candidate, name) for record in members)
        for record, targets in zip(members, scaled, strict=True):
            share = cost_of(record.candidate, name) / max(most, 1)  # a record from anywhere may say 0
            targets[name] = f"{max(classifier + share * (target - classifier), 1):.0f}"
    return [dataclasses.replace(options, **targets) for targets in scaled]


def _document(options: ExportOptions, record: Record, run: RunDirectory) -> dict:
    try:
        return candidate_document(options, Searched.of(record, run))
    except UserError as error:
        raise UserError(
            f"--pareto: candidate {record.candidate.number}: {error}; a higher --macs or --params, or --as searched"
        ) from None


def _made(chosen: Format, document: dict) -> Exported:
    if not chosen.weights:
        return Exported(chosen.load()(document).encode())
    return chosen.load()(drawn_model(spec_from_dict(document["network"], "export")))


def _row(file: str, record: Record, costs: dict) -> dict:
    candidate = record.candidate
    return {
        "file": file,
        "candidate": candidate.number,
        "val_top1_mean": round(record.val_top1_mean, 4),
        "searched_params": candidate.params,
        "searched_macs": candidate.macs,
        "latency_ms": "" if candidate.latency_ms is None else candidate.latency_ms,
        "params": costs["params"],
        "macs": costs["macs"],
    }
