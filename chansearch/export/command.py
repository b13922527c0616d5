"""``chansearch export``: from a run's candidate, channels given by hand or a network there is, to what is written."""

from __future__ import annotations

import dataclasses
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chansearch.cost import parse_count, price_spec
from chansearch.errors import UserError
from chansearch.export.document import candidate_source, document
from chansearch.export.formats import Exported, check, write
from chansearch.export.full import full_network, reference, unrounded_start
from chansearch.files import section
from chansearch.nets import NetworkSpec
from chansearch.nets.files import spec_from_dict
from chansearch.search.candidate import Record, ranked, why_none_ranked
from chansearch.search.rundir import RunDirectory
from chansearch.space import Member, fit, format_channels, parse_channels

if TYPE_CHECKING:
    from chansearch.nets.model import Model

# A network further than this from a budget that was asked for in so many words is refused, not handed out.
_TOLERANCE = 0.05

# Options that say something of a search's candidate, and nothing of a network that is there already.
_OF_CANDIDATES = {
    "run_directory": "--run",
    "results": "--results",
    "top": "--top",
    "channels": "--channels",
    "form": "--as",
    "params": "--params",
    "macs": "--macs",
    "at_most": "--at-most",
    "divisor": "--divisor",
}

# Of the weights of a network that comes without.
_SEED = 0


@dataclass(frozen=True)
class ExportOptions:
    """What ``chansearch export`` was asked for; None where the default holds."""

    network: str | None = None
    run_directory: str | None = None
    results: str = "results"
    top: int = 1
    channels: str | None = None
    form: str = "rexnet"
    params: str | None = None
    macs: str | None = None
    at_most: bool = False
    input_size: int | None = None
    classes: int | None = None
    divisor: int | None = None
    se: str | None = None
    activation: str | None = None
    depthwise_activation: str | None = None
    format: str = "yaml"
    weights: str | None = None
    pretrained: bool = False
    output: str | None = None


@dataclass(frozen=True)
class Searched:
    """What is exported: a member, and the run's record and configuration where it has one."""

    channels: tuple[int, ...]
    member: Member
    record: Record | None
    run: RunDirectory | None

    @staticmethod
    def of(record: Record, run: RunDirectory) -> Searched:
        return Searched(record.candidate.channels, record.candidate.member, record, run)


def export(options: ExportOptions) -> None:
    """Write what was asked for; raises ``UserError``, with nothing written, for what is not to be had."""
    chosen = check(options.format, options.output)
    if not chosen.weights:
        for option, given in (("--weights", options.weights is not None), ("--pretrained", options.pretrained)):
            if given:
                raise UserError(f"{option}: --format {options.format} holds no weights; leave it out")
        write(Exported(chosen.load()(export_document(options)).encode()), options.output)
        return
    model = export_model(options)
    write(chosen.load()(model), options.output)
    if not model.trained:
        print(f"chansearch: note: the weights are drawn with seed {_SEED}, untrained; see --weights", file=sys.stderr)


def export_document(options: ExportOptions) -> dict:
    """The document to write; raises ``UserError`` for a run, rank, budget or network that is not to be had."""
    if options.network is not None:
        spec = _opened(options).spec
        return document(spec, price_spec(spec), {"network": options.network})
    return candidate_document(options, _searched(options))


def candidate_document(options: ExportOptions, searched: Searched) -> dict:
    """That of a candidate; raises ``UserError`` where it cannot cost what is asked for."""
    if options.form == "searched":
        spec, member = _small(options, searched), searched.member
        costs = price_spec(spec)
    else:
        found = _full(options, searched.member)
        spec, member, costs = found.spec, found.member, found.costs
    source = {"channels": format_channels(searched.channels)} | _about(searched.run)
    if searched.record is not None:
        source |= candidate_source(searched.record)
    return document(spec, costs, source, member)


def export_model(options: ExportOptions) -> Model:
    """The network with its weights, in evaluation mode: those of a checkpoint or of ``weights``, or drawn ones."""
    if options.network is not None:
        model = _opened(options)
    else:
        if options.pretrained:
            raise UserError("--pretrained: no weights are published for a candidate of a search; name a network")
        spec = spec_from_dict(export_document(options)["network"], "export")
        return drawn_model(spec, options.weights)
    model.network.eval()
    return model


def drawn_model(spec: NetworkSpec, weights: str | None = None) -> Model:
    """The network in evaluation mode, with ``weights`` or drawn ones."""
    model = _open(spec, weights)
    model.network.eval()
    return model


def _open(
    source: NetworkSpec | str, weights: str | None = None, changes: dict | None = None, pretrained: bool = False
) -> Model:
    """``open_model``, where weights that have to be drawn are the same every time."""
    import torch

    from chansearch.nets.model import open_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return open_model(source, weights=weights, changes=changes, pretrained=pretrained, new_classifier=False)


def _opened(options: ExportOptions) -> Model:
    """The network that was named, changed as the options say."""
    for field in dataclasses.fields(ExportOptions):
        if field.name in _OF_CANDIDATES and getattr(options, field.name) != field.default:
            option = _OF_CANDIDATES[field.name]
            raise UserError(f"{option}: is for candidates of a search; {options.network!r} is a network already")
    changes = _changes(options)
    if options.weights is not None:
        return _open(options.network, options.weights, changes, options.pretrained)
    classes = changes.pop("classes", None)
    model = _open(options.network, changes=changes, pretrained=options.pretrained)
    if classes in (None, model.spec.classes):
        return model
    if model.trained:
        # A new classifier would be drawn: nothing to hand out.
        raise UserError(f"--classes: {classes}; {options.network!r} is trained for {model.spec.classes}")
    return _open(dataclasses.replace(model.spec, classes=classes))


def _searched(options: ExportOptions) -> Searched:
    if options.channels is not None:
        if options.run_directory is not None:
            raise UserError("--channels: given together with --run; give one of them")
        channels = parse_channels(options.channels)
        return Searched(channels, fit(channels), None, None)
    run = RunDirectory.named(options.run_directory, options.results)
    records = run.records()
    scored = ranked(records)
    if not scored:
        raise UserError(f"run: {run.path} has no candidate to export: {why_none_ranked(records)}")
    if not 1 <= options.top <= len(scored):
        raise UserError(f"--top: {options.top}; allowed: 1 to {len(scored)}, the finished candidates of {run.path}")
    return Searched.of(scored[options.top - 1], run)


def _changes(options: ExportOptions) -> dict:
    """Fields of ``NetworkSpec`` that the options set by hand."""
    changes: dict = {}
    for option in ("input_size", "classes", "divisor", "depthwise_activation"):
        if (value := getattr(options, option)) is not None:
            changes[option] = value
    if options.activation is not None:
        changes |= dict.fromkeys(("activation", "stem_activation", "head_activation"), options.activation)
    if options.se is not None:
        if options.se != "none" and not re.fullmatch(r"0*[1-9][0-9]{0,6}", options.se):
            raise UserError(f"--se: {options.se!r}; allowed: none, or a whole number such as 12")
        changes["se_reduction"] = None if options.se == "none" else int(options.se)
    return changes


def reference_for(options: ExportOptions) -> NetworkSpec:
    """ReXNet ×1.0 for the classes and the input asked for."""
    changes = _changes(options)
    return reference(changes.get("classes", 1000), changes.get("input_size", 224))


def _full(options: ExportOptions, member: Member):
    changes = _changes(options)
    try:
        whole = reference_for(options)
        skeleton = dataclasses.replace(whole, **changes)
    except UserError as error:
        raise UserError(f"export: {error}") from None
    if member.a == 0:
        print(
            "chansearch: note: channels that are all the same have no shape; a straight line is taken", file=sys.stderr
        )
    costs = price_spec(whole)
    own = {name: costs[name] for name in ("params", "macs")}
    asked = {name: parse_count(f"--{name}", text) for name in own if (text := getattr(options, name)) is not None}
    wanted = dict.fromkeys(own) | (asked or own)
    start = unrounded_start(member)
    if options.at_most:
        # Like ReXNet ×0.9 or ×1.3: as wide as the bounds allow, in the proportions that cost what ×1.0 does.
        start = unrounded_start(full_network(member.shape, skeleton, **own, start=start).member)
    found = full_network(member.shape, skeleton, **wanted, start=start, at_most=options.at_most)
    if found.miss > (0 if options.at_most else _TOLERANCE):
        nearest = f"params {found.costs['params']:,} and MACs {found.costs['macs']:,}"
        if asked or options.at_most:
            budget = ", ".join(f"--{name} {getattr(options, name)}" for name in asked) or "what ReXNet ×1.0 costs"
            raise UserError(f"export: {budget} cannot be met by this shape; the nearest has {nearest}")
        print(f"chansearch: note: this shape cannot cost what ReXNet ×1.0 does; exported: {nearest}", file=sys.stderr)
    return found


def _small(options: ExportOptions, searched: Searched) -> NetworkSpec:
    """The network that was searched, on the skeleton of its run."""
    from chansearch.config import from_plain
    from chansearch.search.plan import make_skeleton

    if searched.run is None:
        raise UserError("--as searched: needs a run, whose skeleton it takes; --channels has none")
    if options.params is not None or options.macs is not None or options.at_most:
        raise UserError(
            "--as searched: takes no --params, --macs or --at-most; the searched network costs what it costs"
        )
    held = searched.run.config()
    config = from_plain(held, str(searched.run.config_file))
    classes = section(held, "provenance").get("classes") or 10
    skeleton = make_skeleton(config.constraint.skeleton, classes)
    return dataclasses.replace(skeleton.with_channels(searched.channels), **_changes(options))


def _about(run: RunDirectory | None) -> dict:
    if run is None:
        return {}
    held = run.config()
    return {
        "run": run.name,
        "constraint": section(held, "constraint").get("name"),
        "data": section(held, "data").get("name"),
        "fidelity": held.get("fidelity"),
        "ranked_on": section(held, "data").get("rank_on"),
    }
