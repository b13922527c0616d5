"""The YAML of an exported network: the spec, and where it came from."""

from __future__ import annotations

import yaml

from chansearch._version import __version__
from chansearch.nets import NetworkSpec
from chansearch.nets.files import spec_to_dict
from chansearch.search.candidate import Record
from chansearch.space import Member


def document(spec: NetworkSpec, costs: dict[str, int], source: dict, member: Member | None = None) -> dict:
    """What an exported file says. ``source`` tells where it came from; ``member`` is the shape that gave the channels,
    None for a network that no shape was asked for."""
    return {
        "chansearch": __version__,
        "network": spec_to_dict(spec),
        **({} if member is None else {"shape": {"a": member.a, "b": member.b, **_knots(member)}}),
        "costs": costs,
        "source": source,
    }


def candidate_source(record: Record) -> dict:
    """A run's candidate: its number, its accuracies and its shape."""
    outcome, member = record.outcome, record.candidate.member
    return {
        "candidate": record.candidate.number,
        "val_top1_mean": round(record.val_top1_mean, 4),
        "val_top1_std": round(record.val_top1_std, 4),
        "val_top1": list(outcome.val_top1),
        "test_top1": list(outcome.test_top1),
        "seeds": list(outcome.scored_seeds),
        "epochs": outcome.epochs,
        "a": member.a,
        "b": member.b,
        **_knots(member),
    }


def _knots(member: Member) -> dict:
    return {"knots": list(member.shape.knots), "values": list(member.shape.values)}


_COMMENTS = {
    "network": "build it with `chansearch build FILE`, or in Python chansearch.build(path)",
    "shape": "c_i = a·f(i)+b with f piecewise linear through (knots, values), rounded",
    "costs": "one image, classifier counted; macs are multiply-adds (the paper's FLOPs)",
    "source": "where it came from; top-1 in percent, one entry a seed",
}


def to_yaml(data: dict) -> str:
    """The document as YAML, each part under a comment that says what it is."""
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    lines = []
    for line in text.splitlines():
        key = line.split(":")[0]
        if key in _COMMENTS:
            lines.append(f"\n# {_COMMENTS[key]}")
        lines.append(line)
    return "\n".join(lines) + "\n"
