"""The page of every configuration key: from the schema, its comments, and the files of conf/ and search_spaces/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from chansearch.config import SEARCH, Tree, groups, shipped
from chansearch.studies.config import NONLINEARITY
from chansearch.transfer.config import TRAINING
from chansearch.transfer.detection.config import DETECTION
from site_pages.schema import Key, keys
from site_pages.text import cell, code, markdown_table, plain_yaml, sentence

# Title, anchor, tree and who reads it. What one of the studies can be asked for holds what all can.
TREES = (
    ("Search", "search", SEARCH, "`chansearch search`, and a run's `config.yaml`"),
    ("Training a classifier", "train", TRAINING, "`chansearch train`, `eval` and `transfer finegrained`"),
    ("Training a detector", "detect", DETECTION, "`chansearch transfer ssdlite`, `fasterrcnn` and `maskrcnn`"),
    ("Studies that train", "study", NONLINEARITY, "`chansearch study factors`, `nonlinearity` and `spectrum`"),
)

_COLUMNS = ("key", "type", "default", "what it sets")

INTRODUCTION = """\
# Configuration keys

Every key that can be set, as `KEY=VALUE` behind a command, in a file of a group of your own (`--config-dir`), or by
picking a choice of a group, as in `constraint=c2`. Later ones win. `null` is "none", or "work it out". This page is
made from the schema that the program checks settings against; `chansearch search --cfg job` prints all of them as a
command sets them.

A misspelled key, a value of another type or out of its range is one line and exit code 2, before anything starts.
"""


def page() -> str:
    return "\n\n".join([INTRODUCTION, *(_tree(*each) for each in TREES)]) + "\n"


def _tree(title: str, anchor: str, tree: Tree, readers: str) -> str:
    sections: dict[str, list[Key]] = {"": []}
    summaries = {"": "Keys without a section"}
    for key in keys(tree.schema):
        if key.is_section:
            sections[key.name], summaries[key.name] = [], key.comment
        else:
            sections[key.name.rpartition(".")[0]].append(key)
    for group in sorted(groups(tree=tree).keys() - sections.keys()):
        sections[group], summaries[group] = [], "A group whose choices set keys of several sections"
    parts = [f"## {title}", f"Read by {readers}."]
    for name, inside in sections.items():
        choices = _choices(tree, name)
        if inside or choices:
            heading = code(name) if name else "At the top"
            parts += [f"### {heading} {{ #{anchor}-{name or 'top'} }}", sentence(summaries[name])]
        if inside:
            parts.append(markdown_table(_COLUMNS, [_row(anchor, key) for key in inside]))
        if choices:
            parts += [
                f"Shipped choices, {code(f'{name}=CHOICE')}:",
                markdown_table(("choice", "what", "sets"), choices),
            ]
    return "\n\n".join(parts)


def _row(anchor: str, key: Key) -> tuple[str, str, str, str]:
    # HTML rather than backticks, for a place to break at in a narrow column.
    name = key.name.replace(".", ".<wbr>")
    return f'<code id="{anchor}.{key.name}">{name}</code>', code(key.type), code(key.default), cell(key.comment)


def _choices(tree: Tree, group: str) -> list[tuple[str, str, str]]:
    """A row for each shipped file of the group: its name, the comment it opens with, and what it sets."""
    rows = []
    for choice in groups(tree=tree).get(group, []):
        text = _file(tree, group, choice).read_text(encoding="utf-8")
        sets = " ".join(code(f"{key}={plain_yaml(value)}") for key, value in _flat(yaml.safe_load(text) or {}))
        rows.append((code(choice), cell(_opening(text)), sets))
    return rows


def _file(tree: Tree, group: str, choice: str) -> Path:
    if group == "space" and tree.has_spaces:
        return shipped("search_spaces") / f"{choice}.yaml"
    folder = shipped("conf") if group in tree.borrowed else shipped("conf") / tree.folder
    return folder / group / f"{choice}.yaml"


def _opening(text: str) -> str:
    """The comment that a file begins with, without Hydra's own line."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(line for line in lines if not line.startswith("@package"))


def _flat(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in settings.items():
        found += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return found
