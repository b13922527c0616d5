"""Files as they arrive: right ones with a few things changed, and wrong ones altogether."""

from __future__ import annotations

import copy
import datetime

import yaml
from hypothesis import strategies as st

from tests.fuzz.words import free_text, numbers, odd_text, paths

cells = st.one_of(numbers, odd_text, free_text, paths)
yaml_values = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 10**6, 10**7, 2**63, 10**400, -(10**400), 0.5, 1e308, -1e308])
    | st.sampled_from(
        [float("nan"), float("inf"), -float("inf"), "", [], {}, [[]], [None], [1, 2], {"a": 1}, {1: 2}, {None: None}]
    )
    | st.sampled_from(
        [datetime.date(2020, 1, 1), b"\x00\xff", "${oc.env:HOME}", "${", "???", [1] * 3000, {"x": {"y": {"z": []}}}]
    ),
    odd_text.filter(lambda text: text.isprintable()),
    numbers,
    st.integers(),
    st.floats(),
    st.lists(st.integers(-2, 50), max_size=6),
)

_DEEP = 3000
# Texts that are YAML of a kind, or none.
_NASTY = [
    b"",
    b"\x00",
    b"---\n---\n",
    b"a: [",
    b"\ta: 1",
    b"a: 1\n\tb: 2",
    b"- 1\n- 2\n",
    b"42",
    b"~",
    b"a: *b",
    b"<<: 1",
    b"<<: [1, 2]",
    b"? [a, b]\n: 1",
    b"? {a: 1}\n: 1",
    b"[1]: 2",
    b"{}: 2",
    b"network: !!python/object/apply:os.system [touch canary]",
    b"!!python/object/new:subprocess.check_call [[touch, canary]]",
    b"!!python/name:os.system",
    b"a: !!set {x, y}",
    b"a: !!binary xx",
    b"a: !!timestamp 2020-99-99",
    b"a: 2020-13-45",
    b"a: !!int x",
    b"a: !!float x",
    b"a: 1" + b"9" * 5000,
    b"a: 0x" + b"f" * 5000,
    b"a: 190:20:30" + b":59" * 2000,
    b"a: 1:1:1.5" + b":59" * 400,
    b"[" * _DEEP,
    b"{a: " * _DEEP,
    b"a: " + b"[" * _DEEP + b"]" * _DEEP,
    b"".join(b"%s%d:\n" % (b" " * level, level) for level in range(500)),
    b"a: &a [*a]",
    b"network: &n {channels: *n}",
    b"&a a: *a",
    b"l0: &l0 [x, x]\n"
    + b"".join(b"l%d: &l%d [%s]\n" % (n, n, b", ".join([b"*l%d" % (n - 1)] * 10)) for n in range(1, 10)),
    b"network: {channels: &l0 [1, 1]}\n"
    + b"".join(b"k%d: &l%d [%s]\n" % (n, n, b", ".join([b"*l%d" % (n - 1)] * 10)) for n in range(1, 9)),
    "a: jörg".encode("latin-1"),
    "network: {}".encode("utf-16"),
    b"\xff\xfea\x00",
    b"\xef\xbb\xbfname: x",
    b"a: \xed\xb0\x80",
    b'a: "\\ud800"',
    b'a: "\\x00"',
    b"%YAML 9.9\n---\na: 1",
    b"a: 1\na: 2\n",
    b"a: |\n" + b"x" * 100_000,
]


def _places(node, path=()):
    yield path
    if isinstance(node, dict):
        for key in node:
            yield from _places(node[key], (*path, key))
    elif isinstance(node, list):
        for index in range(len(node)):
            yield from _places(node[index], (*path, index))


@st.composite
def yaml_files(draw, right: str) -> bytes:
    """The text of a YAML file, ``right`` or not."""
    kind = draw(st.integers(0, 11))
    if kind == 0:
        return draw(st.sampled_from(_NASTY))
    if kind == 1:
        return draw(bytes_of(right.encode()))
    if kind == 2:
        return draw(lines_of(right)).encode(errors="surrogatepass")
    document = yaml.safe_load(right)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        _change(draw, document)
    try:
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    except ValueError:  # an int of more digits than Python writes
        text = right
    if draw(st.integers(0, 5)) == 0:  # a nasty value in its place
        nasty = draw(st.sampled_from([text for text in _NASTY if b"\n" not in text])).decode(errors="surrogateescape")
        key = draw(
            st.sampled_from([line for line in text.splitlines() if line.endswith(":") or ": " in line] or ["a:"])
        )
        text = text.replace(key, key.split(":")[0] + ": " + nasty.removeprefix("a: "), 1)
    return text.encode(errors="surrogateescape")


def _change(draw, document) -> None:
    """One place of a document, another value or none; keys may be doubled under another name."""
    places = [path for path in _places(document) if path]
    if not places:
        return
    *above, last = draw(st.sampled_from(places))
    node = document
    for step in above:
        node = node[step]
    kind = draw(st.integers(0, 5))
    if kind == 0:
        del node[last]
    elif kind == 1 and isinstance(node, dict):
        node[draw(yaml_values.filter(lambda value: value.__hash__ is not None))] = copy.deepcopy(node[last])
    elif kind == 2:
        node[last] = [copy.deepcopy(node[last])]
    elif kind == 3 and isinstance(node, list):
        node.extend(copy.deepcopy(node) * draw(st.sampled_from([1, 1, 50])))
    else:
        node[last] = copy.deepcopy(draw(yaml_values))  # a further change would reach those of other examples


@st.composite
def bytes_of(draw, right: bytes) -> bytes:
    """Some bytes lost, changed, doubled or added."""
    data = bytearray(right)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            del data[at:]
        elif kind == 1:
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == 2:
            data[at:at] = draw(st.binary(max_size=8))
        elif kind == 3:
            data[at : at + 1] = draw(
                st.sampled_from([b"\x00", b"\xff", b"\x80", b'"', b"\r", b"\n", b",", b"\t", b"\xef\xbb\xbf"])
            )
        else:
            data[at:at] = data[at : at + 200]
    return bytes(data)


@st.composite
def lines_of(draw, right: str) -> str:
    """Some lines lost, doubled, moved or of another's making."""
    lines = right.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(lines) - 1, 0)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            del lines[at : at + 1]
        elif kind == 1:
            lines[at:at] = lines[at : at + 1] * draw(st.sampled_from([1, 2, 30]))
        elif kind == 2:
            lines[at:at] = [draw(cells)]
        else:
            lines = lines[at:] + lines[:at]
    return draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])).join(lines) + "\n"


@st.composite
def tables(draw, right: str) -> bytes:
    """A CSV file: some cells, columns or rows of it changed."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(bytes_of(right.encode()))
    if kind == 1:
        return draw(lines_of(right)).encode(errors="surrogatepass")
    if kind == 2:
        return draw(
            st.sampled_from(
                [b"", b"\n", b"\x00" * 100, b'"', b'"' * 999, b"a" * 10**6 + b"\n", b"\xff\xfe", right.encode("utf-16")]
            )
        )
    rows = [line.split(",") for line in right.splitlines()]
    if kind == 3:
        _change_column(draw, rows)
    else:
        for _ in range(draw(st.integers(1, 3))):
            row = draw(st.integers(1, len(rows) - 1))
            column = draw(st.integers(0, len(rows[0]) - 1))
            rows[row][column] = draw(_cell(rows[row][column]))
    return ("\n".join(map(",".join, rows)) + "\n").encode(errors="surrogatepass")


def _change_column(draw, rows: list[list[str]]) -> None:
    column = draw(st.integers(0, len(rows[0]) - 1))
    kind = draw(st.integers(0, 3))
    value = draw(cells)
    for number, row in enumerate(rows):
        if kind == 0:
            del row[column]
        elif kind == 1:
            row.insert(0, row[column])
        elif kind == 2:
            row.append(row.pop(column))
        elif number:
            row[column] = value


def _cell(held: str) -> st.SearchStrategy[str]:
    """Another number of as many parts, half of one, twice one, or anything."""
    parts = held.split()
    whole = st.sampled_from(
        ["", "0", "-1", "1", "2", "99999999", "nan", "inf", "-inf", "1e308", "1e-308", "9" * 25, held + " 1", held[:-1]]
        + ["failed", "finished", "stopped early", "unguided", "sampler", "1-2", "1-2-3", "5x5", "1 5", "1 1000000000"]
        + ["1000000000-1000000001", "100", "50.5", held + held, "-0.0", "1 2 3 4 5", "0.0 0.5 1.0", "0.0 nan 1.0"]
    )
    if not parts:
        return st.one_of(whole, cells)
    one = st.builds(
        lambda at, value: " ".join([*parts[:at], value, *parts[at + 1 :]]), st.integers(0, len(parts) - 1), numbers
    )
    return st.one_of(whole, whole, one, cells)
