"""The YAML of an exported network: the spec, and where it came from."""

from __future__ import annotations

import yaml

from chansearch._version import __version__
from chansearch.nets import NetworkSpec
from chansearch.nets.files import spec_to_dict
from chansearch.search.candidate import Record
from chansearch.space import Member, format_channels


def document(
    spec: NetworkSpec,
    member: Member,
    costs: dict[str, int],
    searched: tuple[int, ...],
    record: Record | None,
    run: dict,
) -> dict:
    """What an exported file says. ``record`` and ``run`` (its name, constraint and data) are those of the candidate,
    None and empty for a configuration given by hand."""
    source: dict = {"channels": format_channels(searched)}
    if record is not None:
        outcome = record.outcome
        source |= run | {
            "candidate": record.candidate.number,
            "val_top1_mean": round(record.val_top1_mean, 4),
            "val_top1_std": round(record.val_top1_std, 4),
            "val_top1": list(outcome.val_top1),
            "test_top1": list(outcome.test_top1),
            "seeds": list(outcome.scored_seeds),
            "epochs": outcome.epochs,
            "a": record.candidate.member.a,
            "b": record.candidate.member.b,
            "knots": list(record.candidate.member.shape.knots),
            "values": list(record.candidate.member.shape.values),
        }
    return {
        "chansearch": __version__,
        "network": spec_to_dict(spec),
        "shape": {
            "a": member.a,
            "b": member.b,
            "knots": list(member.shape.knots),
            "values": list(member.shape.values),
        },
        "costs": costs,
        "source": source,
    }


_COMMENTS = {
    "network": "build it with `chansearch build FILE`, or in Python chansearch.build(path)",
    "shape": "c_i = a·f(i)+b with f piecewise linear through (knots, values), rounded",
    "costs": "one image, classifier counted; macs are multiply-adds (the paper's FLOPs)",
    "source": "what was searched; top-1 in percent, one entry a seed",
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
