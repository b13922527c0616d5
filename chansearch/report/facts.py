"""What a run was asked for and by which software, in words. A key that is missing reads ``unknown``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chansearch.search.asked import contenders, setting

UNKNOWN = "unknown"
CHANGED = "changed on the way"  # the label of what was changed between the sessions of a run


@dataclass(frozen=True)
class Fact:
    label: str
    value: str


def text(config: Mapping, dotted: str) -> str:
    """A setting in one line, ``unknown`` where it is missing."""
    value = setting(config, dotted)
    return UNKNOWN if value is None else " ".join(str(value).split())


def facts(config: Mapping) -> tuple[Fact, ...]:
    """The run's configuration for people: constraint, budget, space, data, training, search, software."""
    skeleton = setting(config, "constraint.skeleton")
    blocks = setting(config, "constraint.skeleton.blocks")
    depth = f" (depth {3 * blocks + 3} as the paper counts)" if isinstance(blocks, int) else ""
    return (
        Fact("constraint", text(config, "constraint.name")),
        Fact("network", f"{text(config, 'constraint.skeleton.blocks')} blocks{depth}" if skeleton else UNKNOWN),
        Fact("budget", _budget(config)),
        *_latency(config),
        Fact("space", _mapping(config, "space")),
        Fact("data", _data(config)),
        Fact("fidelity", text(config, "fidelity")),
        Fact("training", f"at most {text(config, 'train.epochs')} epochs, {_seeds(config)}"),
        Fact("sampler", _sampler(config)),
        Fact("scheduler", _mapping(config, "scheduler")),
        Fact("search", _mapping(config, "search")),
        *(Fact(str(key), UNKNOWN if value is None else str(value)) for key, value in _provenance(config).items()),
        *_changed(config),
    )


def _seeds(config: Mapping) -> str:
    seeds, few = text(config, "train.seeds"), contenders(config)
    return f"{seeds} seeds a candidate" if few is None else f"1 seed a candidate, {seeds} for the best {few}"


def _sampler(config: Mapping) -> str:
    """The prescreen is named where there is one."""
    section = setting(config, "sampler")
    if not isinstance(section, Mapping) or section.get("prescreen") is not None:
        return _mapping(config, "sampler")
    plain = {key: value for key, value in section.items() if not key.startswith("prescreen")}
    return _mapping({"sampler": plain}, "sampler")


def _provenance(config: Mapping) -> Mapping:
    found = setting(config, "provenance")
    if not isinstance(found, Mapping) or not found:
        return {"versions": None}
    return {key: value for key, value in found.items() if key != "resumed"}


def _changed(config: Mapping) -> tuple[Fact, ...]:
    """What was changed between the sessions of the run: candidates before and after are not of one kind."""
    resumed = setting(config, "provenance.resumed")
    said = []
    for note in resumed if isinstance(resumed, list) else ():
        changed = note.get("changed") if isinstance(note, Mapping) else None
        if isinstance(changed, Mapping):
            keys = ", ".join(f"{key} {_change(values)}" for key, values in changed.items())
            said.append(f"{keys} from candidate {note.get('first_candidate', UNKNOWN)} on")
    return (Fact(CHANGED, "; ".join(said)),) if said else ()


def _change(values: object) -> str:
    """``[0.05, 0.7]`` as ``0.05 → 0.7``."""
    return " → ".join(map(str, values)) if isinstance(values, list) else str(values)


def _mapping(config: Mapping, key: str) -> str:
    """A section as ``name (key value, …)``."""
    section = setting(config, key)
    if not isinstance(section, Mapping) or not section:
        return text(config, key)
    rest = [f"{name} {_plain(value)}" for name, value in section.items() if name not in ("name", "family")]
    title = section.get("name", section.get("family"))
    return ", ".join(rest) if title is None else f"{title} ({', '.join(rest)})" if rest else str(title)


def _plain(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def _budget(config: Mapping) -> str:
    parts = []
    for key, label in (("params", "params"), ("macs", "MACs (the paper's FLOPs)"), ("flops", "MACs")):
        band = setting(config, f"constraint.budget.{key}")
        if not isinstance(band, Mapping):
            continue
        target, limit, tolerance = band.get("target"), band.get("at_most"), band.get("tolerance")
        if target is not None:
            around = f" ± {tolerance * 100:g} %" if isinstance(tolerance, int | float) else ""
            parts.append(f"{label} {target}{around}")
        elif limit is not None:
            least = band.get("at_least")
            parts.append(f"{label} {'' if least is None else f'at least {least}, '}at most {limit}")
    if not parts:
        return UNKNOWN
    counted = setting(config, "constraint.budget.count_classifier")
    classifier = {True: ", classifier counted", False: ", classifier not counted"}.get(counted, "")
    return " and ".join(parts) + classifier


def _latency(config: Mapping) -> tuple[Fact, ...]:
    """The bound on the latency, where there is one."""
    bound = setting(config, "constraint.latency_ms")
    return () if bound is None else (Fact("latency", f"at most {bound} ms, {_mapping(config, 'constraint.latency')}"),)


def _data(config: Mapping) -> str:
    counts = [
        f"{setting(config, f'data.{part}_images')} {part} images"
        for part in ("train", "val", "test")
        if setting(config, f"data.{part}_images") is not None
    ]
    return f"{text(config, 'data.name')}, {', '.join(counts) or 'all images of each part'}"
