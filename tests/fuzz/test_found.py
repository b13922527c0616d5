"""What the fuzz tests and their strategies have found, each pinned by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from chansearch.cli import main
from chansearch.config import compose, from_plain
from chansearch.cost import price_spec
from chansearch.cost.memory import check_memory
from chansearch.errors import UserError, one_line
from chansearch.files import check_writable, read_mapping, read_value
from chansearch.nets.checkpoint import load_checkpoint
from chansearch.nets.files import load_spec
from chansearch.nets.model import change_spec, open_model
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.spec import NetworkSpec
from chansearch.ranges import above_zero, at_least
from chansearch.search.rundir import RunDirectory
from chansearch.space import parse_channels
from tests.fuzz.harness import command
from tests.fuzz.runs import make_recorded_run

_BOMB = "l0: &l0 [1, 1]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12))


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\udcff", "a\rb", "\u2028", "x" * 10**5])
def test_a_message_is_one_line(text):
    line = one_line(text)
    assert line.isprintable()
    assert len(line) < 2100


def test_a_word_is_told_in_one_line():
    """It was printed as it is: on several lines, or as a terminal's commands."""
    answer = command(["build", "tiny.yaml", "a\nb\x1b[2J=1"])
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "a\\nb\\x1b[2J" in answer.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_BOMB, "each alias counted"),
        ("a: &a [*a]", "each alias counted"),
        ("[" * 3000, "nested too deeply"),
        ("a: 2020-13-45", "date or number"),
        ("a: " + "9" * 5000, "date or number"),
        ("a: 0x" + "f" * 5000, "date or number"),
    ],
    ids=["bomb", "circle", "deep", "date", "digits", "hexadecimal"],
)
def test_yaml_that_is_too_much(text, said, tmp_path):
    """Recursion, ValueErrors and, for the bomb, all of the memory."""
    file = tmp_path / "a.yaml"
    file.write_text(text)
    for read in (lambda: read_mapping(file, "run:"), lambda: load_spec(file)):
        with pytest.raises(UserError, match=said):
            read()
    with pytest.raises(UserError, match=r"key: .* cannot be read as YAML"):
        read_value("key", text)


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "a.yaml").write_bytes("a: jörg".encode("latin-1"))
    with pytest.raises(UserError, match="no text in UTF-8"):
        load_spec(tmp_path / "a.yaml")


@pytest.mark.parametrize("path", ["/dev/zero", "fifo"])
def test_what_is_no_file(path, tmp_path, monkeypatch):
    """The pipe was waited for."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    with pytest.raises(UserError, match="it is no file"):
        load_spec(path)


@pytest.mark.parametrize("folder", ["loop/x", "a\0b", "x" * 300])
def test_folders_that_cannot_be(folder, tmp_path, monkeypatch):
    """RuntimeError and ValueError of pathlib's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=r"--output: .* cannot be written"):
        check_writable("--output", Path(folder))


@pytest.mark.parametrize("value", ["[[1]]", "[[1,2],3]"])
def test_lists_in_the_place_of_numbers(value):
    """TypeError: '<=' not supported between instances of 'int' and 'list'."""
    with pytest.raises(UserError, match=r"constraint.skeleton.stride_blocks: .* allowed: a list of whole numbers"):
        compose([f"constraint.skeleton.stride_blocks={value}"])
    with pytest.raises(UserError, match=r"run: constraint.skeleton.stride_blocks"):
        from_plain({"constraint": {"skeleton": {"stride_blocks": [[1]]}}}, "run")


@pytest.mark.parametrize("group", ["sampler", "space"])
def test_a_key_of_nothing_below_another(group, tmp_path):
    """Incompatible key type 'NoneType'."""
    folder = tmp_path / ("search_spaces" if group == "space" else group)
    folder.mkdir()
    (folder / "mine.yaml").write_text("name:\n  null: null\n")
    with pytest.raises(UserError, match=r"mine.yaml: a key is None; keys are words"):
        compose([f"{group}=mine"], str(tmp_path))


def test_a_date_in_a_space(tmp_path):
    """UnsupportedValueType."""
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "mine.yaml").write_text("family: 2020-01-01\n")
    with pytest.raises(UserError, match=r"mine.yaml: family: Value 'date' is not a supported primitive type"):
        compose(["space=mine"], str(tmp_path))


@pytest.mark.parametrize(
    "override",
    ["search.seed=" + "9" * 5000, "train.lr=" + "9" * 400, "search.seed=" + "[" * 3000],
    ids=["int", "float", "deep"],
)
def test_overrides_that_python_does_not_hold(override):
    with pytest.raises(UserError, match="cannot be read"):
        compose([override])


@pytest.mark.parametrize("check", [lambda value: at_least("k", value, 0), lambda value: above_zero("k", value)])
def test_infinity_is_no_number_to_ask_for(check):
    with pytest.raises(UserError, match="k: inf; allowed"):
        check(float("inf"))


@pytest.mark.parametrize("key", ["channels", "strides", "expansions"])
def test_a_number_in_the_place_of_a_list(key):
    """TypeError: object of type 'int' has no len()."""
    spec = NetworkSpec((4, 8), (1, 1), (1, 6))
    with pytest.raises(UserError, match=f"{key}: 5 is not allowed"):
        change_spec(spec, {key: 5})


def test_blocks_without_end():
    """The fit of fifty thousand blocks has no end, and as many modules no memory."""
    with pytest.raises(UserError, match="too many blocks"):
        parse_channels("1x999-" * 50 + "1")
    with pytest.raises(UserError, match="at most 200"):
        NetworkSpec((1,) * 201, (1,) * 201, (1,) * 201)


def test_costs_that_64_bits_do_not_hold():
    """They were negative numbers."""
    spec = NetworkSpec((10**6,) * 3, (1,) * 3, (1, 6, 6), input_size=10**6)
    with pytest.raises(UserError, match="network: its costs cannot be counted"):
        price_spec(spec)


def test_networks_beyond_the_memory():
    """torch's RuntimeError, or the kernel's end of the process."""
    spec = NetworkSpec((10**6,) * 3, (1,) * 3, (1, 6, 6), input_size=1)
    for build in (check_memory, open_model):
        with pytest.raises(UserError, match="GiB of memory"):
            build(spec)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("candidate", "9" * 25, "candidate is '9+'; a whole number"),
        ("params", "-5", "params is '-5'"),
        ("val_top1", "1e308 1e308", "val_top1 is '1e308'; a number from 0 to 100"),
        ("val_top1", "50 50 50", "3 entries for 2 seeds"),
        ("seeds", "0 0", "each may be there once"),
        ("knots", "1 2 3 4 1000000000", "knots are of 1000000000 blocks"),
        ("a", "inf", "a is 'inf'"),
        ("seconds", "x", "seconds is 'x'; a number from 0"),
        ("reason", "x" * 200_000, "line 2 cannot be read: field larger"),
    ],
)
def test_cells_that_no_search_wrote(column, value, said, tmp_path):
    run = make_recorded_run(tmp_path / "run")
    header, first, *others = run.candidates_file.read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    run.candidates_file.write_text("\n".join([header, ",".join(cells), *others, ""]))
    with pytest.raises(UserError, match=f"candidates.csv line 2 cannot be read: {said}|{said}"):
        run.records()


def test_candidates_of_several_lengths(tmp_path):
    """NumPy refused them in the middle of a report."""
    run = make_recorded_run(tmp_path / "run")
    other = make_recorded_run(tmp_path / "other")
    text = other.candidates_file.read_text().splitlines()[1]
    cells = text.split(",")
    header = run.candidates_file.read_text().splitlines()[0].split(",")
    for column, value in (("candidate", "99"), ("channels", "8-9"), ("knots", "1 2"), ("values", "0.0 1.0")):
        cells[header.index(column)] = value
    with run.candidates_file.open("a") as file:
        file.write(",".join(cells) + "\n")
    with pytest.raises(UserError, match="candidates of 2 and of"):
        run.records()


@pytest.mark.parametrize("config", ["constraint: [1]\n", "data: x\nprovenance: [1]\n", "provenance: {classes: x}\n"])
def test_a_config_of_another_kind(config, tmp_path):
    """AttributeError: 'list' object has no attribute 'get'."""
    run = make_recorded_run(tmp_path / "run")
    run.config_file.write_text(config)
    for words in (["--as", "searched"], []):
        answer = command(["export", "--run", str(run.path), *words])
        assert answer.code in (0, 2), answer
        assert RunDirectory.open(run.path).records()


@pytest.mark.parametrize(
    "tensor", [torch.zeros(3, dtype=torch.complex64), torch.zeros(3).to_sparse(), torch.empty(3, device="meta")]
)
def test_tensors_of_another_kind(tensor):
    from chansearch.nets.network import Network
    from chansearch.nets.weights import load_weights

    network = Network(NetworkSpec((4, 8), (1, 1), (1, 6), classes=3))
    weights = network.state_dict() | {"head.fc.bias": tensor}
    with pytest.raises(UserError, match=r"x: head.fc.bias is of another kind"):
        load_weights(network, weights, "x")


def test_a_checkpoint_with_more_than_tensors(tmp_path):
    torch.save({"state_dict": {"a": 1}, "network": {}}, tmp_path / "a.pt")
    with pytest.raises(UserError, match="holds more than tensors"):
        load_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "changed", [{"interpolation": "${oc.env:HOME}"}, {"crop_pct": float("nan")}, {"mean": [float("inf")] * 3}]
)
def test_preprocessing_that_is_none(changed):
    """``eval`` made a setting of it, and a setting may read the environment."""
    with pytest.raises(UserError, match="preprocessing is none"):
        Preprocessing.from_dict(Preprocessing().to_dict() | changed, "x.pt")


def test_keys_that_are_no_words(tmp_path):
    (tmp_path / "net.yaml").write_text("? [a, b]\n: 1")
    answer = command(["build", str(tmp_path / "net.yaml")])
    assert answer.code == 2
    assert answer.err.endswith("net.yaml: cannot be read as YAML: a key in it is no plain value\n")
    with pytest.raises(UserError, match=r"^config\.yaml: a key is None; keys are words$"):
        from_plain({"constraint": {None: None}}, "config.yaml")


def test_memory_that_is_not_there(monkeypatch, capsys):
    """As torch says it; other failures are no user's matter."""
    said = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"
    for error, code in ((RuntimeError(f"{said} allocate 770703360 bytes"), 2), (MemoryError(), 2)):
        monkeypatch.setattr("chansearch.cli.networks._build", lambda given, error=error: _raise(error))
        assert main(["build", "rexnet_100"]) == code
        assert capsys.readouterr().err.startswith("chansearch: out of memory: ")
    monkeypatch.setattr("chansearch.cli.networks._build", lambda given: _raise(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        main(["build", "rexnet_100"])


def _raise(error: Exception):
    raise error


@pytest.mark.parametrize(
    "words",
    [["export", "--channels", "8-9", "--se", "9" * 5000], ["study", "rank", "--d-out", "1-" + "9" * 5000]],
    ids=["se", "d-out"],
)
def test_numbers_of_five_thousand_digits(words):
    answer = command(words)
    assert answer.code == 2
    assert words[-2] in answer.err


def test_a_real_process(tmp_path):
    """Bytes that are no UTF-8, as a terminal may send them, in a process of its own and another encoding."""
    for words in ([b"build", b"\xff\n"], [b"cost", b"\xff"], [b"report", b"r\xff\x1b[2J"]):
        answer = subprocess.run(
            [sys.executable, "-m", "chansearch", *words],
            capture_output=True,
            cwd=tmp_path,
            env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
        )
        assert answer.returncode == 2
        assert answer.stderr.count(b"\n") == 1
        assert answer.stderr.startswith(b"chansearch: ")
    assert not list(tmp_path.iterdir())
