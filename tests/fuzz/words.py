"""What people type, and what they should not have typed."""

from __future__ import annotations

import argparse
import dataclasses

from hypothesis import strategies as st

from chansearch.cli import _make_parser
from chansearch.config import SEARCH, Tree, groups
from chansearch.nets.files import FIELDS
from chansearch.proxies.names import PROXY_NAMES
from chansearch.replay.names import STRATEGY_NAMES
from chansearch.studies.config import STUDY
from chansearch.studies.factors import FACTORS
from chansearch.studies.nonlinearity import NONLINEARITY_STUDY
from chansearch.transfer.config import TRAINING

numbers = st.sampled_from(
    "0 1 2 3 7 10 -1 -3 0.5 1.5 1e3 1e308 1e309 -1e308 nan NaN .nan inf -inf .inf 999999999999 9223372036854775808 "
    "18446744073709551616 0x10 0b1 0o7 1_000 1e-320 00 +1 ٣ ½ 1e 1e999999999 1:30 2020-01-01 2020-13-45 4.8M 0.2G "
    f"1e400M 30e6 -4M M {'9' * 400} {'9' * 5000}".split()
)

# As a terminal may hand them over; the last is a byte that is no UTF-8.
odd_text = st.sampled_from(
    [
        "",
        " ",
        "=",
        "-",
        "--",
        "'",
        '"',
        "\\",
        "a b",
        "a\nb",
        "a\tb",
        "a\rb",
        "\x1b[2J\x1b[31mred",
        "\x00",
        "a\x00b",
        "\u2028",
    ]
    + [
        "jörg",
        "日本語",
        "🦖",
        "\u202egnp",
        "e\u0301",
        "\ufeff",
        "\udcff",
        "a\udc80/b",
        "x" * 300,
        "x" * 5000,
        "/" * 3000,
    ]
    + [
        "[red]",
        "[/]",
        "{",
        "}",
        "{}",
        "[",
        "]",
        "[]",
        "()",
        "${x}",
        "${oc.env:HOME}",
        "${",
        "$(id)",
        "`id`",
        "%s",
        "%",
        "{0}",
    ]
    + [
        "~",
        "~/x",
        "*",
        "?",
        "#",
        "!",
        "&a [*a]",
        "!!python/object/apply:os.system [id]",
        "null",
        "none",
        "None",
        "true",
        "off",
    ]
    + [
        "a=b",
        "a,b",
        "a, b",
        ",",
        ",,",
        "a:b",
        "range(1,3)",
        "choice(1,2)",
        "glob(*)",
        "sort(2,1)",
        "extend_list(1)",
        "int(x)",
    ]
    + ["../../x", ".", "..", "/", "///", "con", "-1", "--help", "@file", "?x", "<script>alert(1)</script>"]
)
paths = st.sampled_from(
    [
        "run",
        "results",
        "results/latest",
        "net.yaml",
        "tiny.yaml",
        "model.pt",
        "empty.yaml",
        "noise.pt",
        "noise.yaml",
        "text.txt",
        "folder",
        "locked",
        "locked/x",
        "loop",
        "loop/x",
        "fifo",
        "net.yaml/x",
        "nowhere",
        "nowhere/x.yaml",
        "x.pt",
        "x.safetensors",
        "groups",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/proc/self/mem",
        "/etc/shadow",
        "run/config.yaml",
        "run/candidates.csv",
    ]
)
free_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
networks = st.sampled_from(
    [
        "tiny.yaml",
        "tiny.yaml",
        "model.pt",
        "rexnet_100",
        "net.yaml",
        "tiny.yaml",
        "model.pt",
        "rexnet_1",
        "efficientnet_b0",
        "resnet",
    ]
)
channels = st.sampled_from(
    [
        "34-34-45-55-66",
        "16-24-40-80-112",
        "52x5",
        "1x999",
        "8x2-9",
        "1-2",
        "5",
        "9-8",
        "0-1",
        "1-1000000x4",
        "9999999x999",
    ]
    + ["1x0", "1--2", "1-2-", "-1-2", "٣-٤", "1,2", "1x999-" * 50 + "1", "1 - 2", "²-³", "1e3-2", "9" * 20 + "-1"]
)
names = st.sampled_from(
    [
        *STRATEGY_NAMES,
        *PROXY_NAMES,
        "all",
        "eager",
        "onnx",
        "eager,compiled",
        "cpu",
        "cuda",
        "cpu,cuda",
        "silu",
        "relu6",
    ]
    + [
        "yaml",
        "python",
        "torch",
        "timm",
        "paper,asha",
        "paper,,",
        "10-50",
        "50-10",
        "1-",
        "conv1x1",
        "bottleneck,conv3x3",
    ]
)
values = st.one_of(numbers, odd_text, paths, networks, channels, names, free_text)


def one_edit_away(draw, word: str) -> str:
    """The word with a letter lost, doubled, swapped or replaced."""
    at = draw(st.integers(0, len(word) - 1))
    edits = [word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + draw(odd_text) + word[at + 1 :]]
    return draw(st.sampled_from(edits))


TREES = {
    "search": SEARCH,
    "cost": SEARCH,
    "train": TRAINING,
    "eval": TRAINING,
    "spectrum": STUDY,
    "factors": FACTORS.tree,
    "nonlinearity": NONLINEARITY_STUDY.tree,
}


def typed_values(schema: type) -> dict[str, object]:
    """Every key of a tree with its default, found by walking the dataclasses."""
    found: dict[str, object] = {}

    def walk(node, prefix: str) -> None:
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            found[prefix + field.name] = value
            if dataclasses.is_dataclass(value):
                walk(value, f"{prefix}{field.name}.")

    walk(schema(), "")
    return found


@st.composite
def settings_of(draw, tree: Tree, *, right: bool) -> str:
    """One KEY=VALUE."""
    typed = typed_values(tree.schema)
    key = draw(st.sampled_from(sorted(typed)))
    if right:
        group = draw(st.sampled_from([None, *groups(tree=tree)]))
        if group is not None:
            return f"{group}={draw(st.sampled_from(groups(tree=tree)[group]))}"
        return f"{key}={draw(_like(typed[key]))}"
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(
            st.one_of(st.just(key), values, st.sampled_from(["~constraint", "hydra/launcher=x", "-x", "~name"]))
        )
    if kind == 1:
        key = one_edit_away(draw, key)
    elif kind == 2:
        key = draw(st.sampled_from(["+", "++", "~", "hydra.", "space@_global_.", "network."])) + key
    elif kind == 3:
        key = draw(st.sampled_from(sorted(groups(tree=tree))))
    elif kind == 4 and tree is TRAINING:
        key = "network." + draw(st.sampled_from([*FIELDS, "expansion", "nothing"]))
    value = draw(st.one_of(numbers, numbers, values))
    if draw(st.integers(0, 4)) == 0:
        form = draw(st.sampled_from(["'{}'", '"{}"', "[{}]", "[{0},{0}]", "{{a:{}}}", "{0},{0}", "[[{}]]", "{{{}}}"]))
        value = form.format(value)
    return f"{key}={value}"


def _like(value: object) -> st.SearchStrategy[str]:
    """Values of the type of a default, most of them in the range that is allowed."""
    if isinstance(value, bool):
        return st.sampled_from(["true", "false"])
    if isinstance(value, int):
        return st.sampled_from(["1", "2", "5", "20", "100000", "1000000000"])
    if isinstance(value, float):
        return st.sampled_from(["0.1", "0.5", "0.9", "1", "1e-9"])
    if isinstance(value, list):
        return st.sampled_from(["[]", "[1]", "[2,3]", "[0.1,0.5,0.9]"])
    if isinstance(value, str):
        return st.just(value)
    return st.sampled_from(["null", "1", "0.3M", "20"])


def leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> dict[tuple[str, ...], argparse.ArgumentParser]:
    """Every command of the parser that has none below it, by the words that lead to it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        return {words: parser}
    found: dict[tuple[str, ...], argparse.ArgumentParser] = {}
    for name, command in below[0].choices.items():
        found |= leaves(command, (*words, name))
    return found


COMMANDS = leaves(_make_parser())
# What each positional means, where a right value is wanted; any other gets ``values``.
_RIGHT = {
    "run_directory": st.sampled_from(["run", "results/latest"]),
    "runs": st.sampled_from(["run", "results/latest"]),
    "results": st.just("results"),
    "network": networks,
    "models": networks,
    "model": networks,
    "channels": channels,
    "config_dir": st.sampled_from(["groups", "folder", "nowhere"]),
    "weights": st.sampled_from(["model.pt", "noise.pt", "net.yaml"]),
    "output": st.just("out"),
}


# Settings under which little work is to do, so that those that are drawn are looked at.
_BASE = {
    "search": ("constraint=demo", "data=digits", "fidelity=demo"),
    "cost": ("constraint=demo", "data=digits"),
    "train": ("model=tiny.yaml", "data=folder", "data.root=images"),
    "eval": ("data=folder", "data.root=images"),
    "factors": ("data=digits",),
    "nonlinearity": ("data=digits",),
    "spectrum": ("data=digits",),
}


@st.composite
def command_lines(draw, command: tuple[str, ...]) -> list[str]:
    """The words of a command; mostly one of them is wrong, for a command stops at the first."""
    slots = []
    for action in COMMANDS[command]._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if action.dest == "overrides":
            times = draw(st.integers(0, 2))
        elif not action.option_strings and action.nargs is None:
            times = draw(st.sampled_from([1] * 9 + [0]))
        else:
            times = draw(st.sampled_from([0, 0, 0, 0, 0, 1]))
        slots += [action] * times
    wrong = draw(st.sets(st.integers(0, max(len(slots) - 1, 0)), min_size=0, max_size=2))
    words = list(_BASE.get(command[-1], ())) if draw(st.integers(0, 9)) else []
    for number, action in enumerate(slots):
        words += _words_of(draw, command, action, right=number not in wrong)
    if draw(st.integers(0, 19)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(values))
    return [*command, *words]


def _words_of(draw, command: tuple[str, ...], action: argparse.Action, *, right: bool) -> list[str]:
    flag = [draw(st.sampled_from(action.option_strings))] if action.option_strings else []
    if action.nargs == 0:
        return flag
    if action.dest == "overrides":
        return [draw(_override(command, right=right))]
    good = _RIGHT.get(action.dest, st.sampled_from(action.choices) if action.choices else names)
    if action.type is int:
        good = st.sampled_from(["1", "2", "3", "10"])
    bad = st.one_of(numbers, values) if action.type is int else values
    value = draw(good if right else bad)
    if flag and draw(st.booleans()):
        return [f"{flag[0]}={value}"] if flag[0].startswith("--") else [f"{flag[0]}{value}"]
    return [*flag, value]


def _override(command: tuple[str, ...], *, right: bool) -> st.SearchStrategy[str]:
    if command[-1] in TREES:
        return settings_of(TREES[command[-1]], right=right)
    if command[-1] == "build":
        keys = st.sampled_from([*FIELDS, "expansion"])
        return st.builds("{}={}".format, keys, st.sampled_from(["1", "2", "8", "none", "silu"]) if right else values)
    return st.sampled_from(["data.root=images", "data.cache=cache"]) if right else values
