"""Specs as YAML: written, read back, and nothing executed on the way."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import chansearch
from chansearch.errors import UserError
from chansearch.nets import PRESETS, build, preset
from chansearch.nets.files import load_spec, resolve_network, spec_from_dict, spec_to_dict
from tests.nets.specs import draw_spec

SPEC = draw_spec(0)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _write(text: str | bytes, name: str = "network.yaml") -> Path:
    path = Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message, message
    return message


@pytest.mark.parametrize("seed", range(100))
def test_yaml_round_trip(seed):
    spec = draw_spec(seed)
    text = yaml.safe_dump(spec_to_dict(spec), sort_keys=False)
    assert spec_from_dict(yaml.safe_load(text), "text") == spec
    path = _write(yaml.safe_dump({"network": spec_to_dict(spec), "found": {"val_top1": 63.4}}))
    assert load_spec(path) == load_spec(str(path)) == resolve_network(path) == spec
    assert resolve_network(spec_to_dict(spec)) == spec


@pytest.mark.parametrize("name", PRESETS)
def test_presets_round_trip(name):
    assert spec_from_dict(yaml.safe_load(yaml.safe_dump(spec_to_dict(preset(name)))), name) == preset(name)


def test_only_yamls_own_types_are_written():
    for value in spec_to_dict(SPEC).values():
        for item in value if isinstance(value, list) else [value]:
            assert type(item) in (int, float, str, type(None))


def test_left_out_keys_have_their_defaults():
    spec = spec_from_dict({"channels": [8, 16], "strides": [1, 2], "expansions": [1, 6]}, "text")
    assert (spec.stem_channels, spec.shortcut, spec.se_reduction) == (32, "padded", None)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "42", "network", "- network", "network:", "network: 3", "network: [1, 2]", "other: {channels: [1]}",
        "network: {}", "network: {channels: [8, 16]}", "{", "network: {channels: [8,", "a: b: c", "\t- x", "&a [*a]",
        "network: *missing", "network: &a {channels: *a}", "? [a]\n: b", "network: !!binary =", "network: 2020-13-45",
        "network: 0b_", "--- 1\n--- 2", "network: !unknown {}", "network: " + "[" * 3000,
        b"\xff\xfe\x00\xd8", b"\x80\x81", b"PK\x03\x04\x00\x00", b"\x00" * 64,
    ],
    ids=lambda text: repr(text)[:40],
)  # fmt: skip
def test_junk_is_one_clear_line(text):
    path = _write(text)
    for read in (load_spec, build):
        with pytest.raises(UserError) as error:
            read(path)
        assert _one_line(error).startswith("network.yaml: ")


@given(st.binary(max_size=60))
def test_any_bytes_are_junk(data):
    with pytest.raises(UserError) as error:
        load_spec(_write(data))
    assert _one_line(error).startswith("network.yaml: ")


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch executed']",
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['executed']]",
        "!!python/object/new:os.system ['touch executed']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/tuple [8, 16]",
    ],
)
@pytest.mark.parametrize("where", ["{}", "network: {}", "network: {{channels: {}}}", "other: {}\nnetwork: {{}}"])
def test_python_tags_execute_nothing(tag, where):
    path = _write(where.format(tag))
    with pytest.raises(UserError) as error:
        load_spec(path)
    assert "cannot be read as YAML" in _one_line(error)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"chanels": [1]}, "chanels"),
        ({3: 4}, "3"),
        ({"channels": None}, "channels"),
        ({"channels": 8}, "channels"),
        ({"strides": "1212"}, "strides"),
        ({"expansions": {"1": 6}}, "expansions"),
        ({"channels": [[8], [8]]}, "channels"),
        ({"channels": [8.5] * SPEC.blocks}, "channels"),
        ({"strides": []}, "strides"),
        ({"classes": "ten"}, "classes"),
        ({"dropout": "high"}, "dropout"),
        ({"activation": ["relu"]}, "activation"),
        ({"shortcut": False}, "shortcut"),
    ],
    ids=repr,
)
def test_a_bad_key_is_named_with_its_file(change, key):
    path = _write(yaml.safe_dump({"network": spec_to_dict(SPEC) | change}))
    with pytest.raises(UserError) as error:
        load_spec(path)
    assert _one_line(error).startswith(f"network.yaml: network.{key}")


@pytest.mark.parametrize("key", ["channels", "strides", "expansions"])
def test_a_missing_list_is_named(key):
    data = spec_to_dict(SPEC)
    del data[key]
    with pytest.raises(UserError, match=rf"^here: network\.{key} must be a list"):
        spec_from_dict(data, "here")


@pytest.mark.parametrize("name", ["missing.yaml", "no/such/folder.yml", Path("missing.yaml")])
def test_a_missing_file_says_so(name):
    with pytest.raises(UserError, match="cannot be read as YAML: No such file"):
        build(name)


def test_a_folder_is_no_file():
    Path("folder.yaml").mkdir()
    for name in ("folder.yaml", "."):
        with pytest.raises(UserError, match="cannot be read as YAML: Is a directory"):
            build(name)


@pytest.mark.parametrize("name", ["rexnet_999", "resnet50", "", "x" * 5000, "rexnet_100 "])
def test_an_unknown_name_lists_the_known_ones(name):
    # "" is the folder itself, as Path has it; whatever is said, it is one clear line.
    with pytest.raises(UserError) as error:
        build(name)
    if name:
        assert ", ".join(PRESETS) in _one_line(error)


def test_builds_from_a_spec_a_name_and_a_file():
    path = _write(yaml.safe_dump({"network": spec_to_dict(SPEC)}), "no_suffix")
    assert chansearch.build(SPEC).spec == build(path).spec == build("no_suffix").spec == SPEC
    assert build("rexnet_100").spec == preset("rexnet_100")


def test_a_mapping_that_is_no_spec_is_refused():
    with pytest.raises(UserError) as caught:
        resolve_network({"chanels": [1, 2]})
    assert "spec: network.chanels is unknown" in _one_line(caught)
