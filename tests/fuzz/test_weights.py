"""Files of weights from anywhere: read, or refused in one line, and nothing in them is run."""

import io
import json
import pickle
import zipfile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.harness import CANARY, check, examples
from tests.fuzz.mutations import bytes_of, yaml_values


class _Runs:
    """What a pickle would do to whoever loads it."""

    def __reduce__(self):
        return (open, (CANARY, "w"))


_PICKLES = [
    pickle.dumps(_Runs()),
    pickle.dumps({"state_dict": _Runs()}),
    pickle.dumps({"state_dict": {}, "network": {}}),
]


def _saved(data) -> bytes:
    file = io.BytesIO()
    torch.save(data, file)
    return file.getvalue()


@st.composite
def _checkpoints(draw, right: dict) -> bytes:
    """A checkpoint with a part of it changed."""
    data = dict(right) | {"state_dict": dict(right["state_dict"]), "network": dict(right["network"])}
    for _ in range(draw(st.integers(1, 2))):
        inside = draw(st.sampled_from([data, data["network"], data["state_dict"]]))
        if not isinstance(inside, dict) or not inside:
            continue
        key = draw(st.sampled_from(sorted(inside, key=str)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            del inside[key]
        elif kind == 1:
            inside[draw(st.sampled_from(["x", 1, None, "a\nb"]))] = inside[key]
        elif kind == 2:
            inside[key] = draw(yaml_values)
        else:
            inside[key] = draw(st.sampled_from(_TENSORS))
        if not all(isinstance(data.get(key), dict) for key in ("network", "state_dict")):
            break
    return _saved(data)


_TENSORS = [
    torch.zeros(0),
    torch.zeros(()),
    torch.zeros(3, 3),
    torch.zeros(4, dtype=torch.int8),
    torch.zeros(4, dtype=torch.complex64),
    torch.full((4,), float("nan")),
    torch.zeros(4, dtype=torch.bool),
    torch.zeros(4).to_sparse(),
    torch.zeros(1).expand(10**9),
    torch.empty(4, device="meta"),
]


@st.composite
def _safetensors(draw) -> bytes:
    """A header, right or not, and some data."""
    entry = {
        "dtype": draw(st.sampled_from(["F32", "F64", "I8", "BOOL", "X9", 5])),
        "shape": draw(st.sampled_from([[4], [0], [2**62, 4], [-1], "4", [4.5], []])),
        "data_offsets": draw(st.sampled_from([[0, 16], [16, 0], [0, 2**62], [-1, 5], [0], "x"])),
    }
    header = draw(
        st.sampled_from([{}, {"head.fc.bias": entry}, {"a": entry, "b": entry}, [], {"__metadata__": 5}, {"a": {}}])
    )
    text = json.dumps(header).encode()
    length = draw(st.sampled_from([len(text), 0, 2**63, 10**9, len(text) + 5]))
    return length.to_bytes(8, "little") + text + bytes(draw(st.sampled_from([0, 16, 100])))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_file_of_weights(suffix, here):
    right = (here / "model.pt").read_bytes()
    held = torch.load(here / "model.pt", weights_only=True)
    file = here / f"given.{suffix}"
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w") as archive:
        archive.writestr("../../canary", "x")
        archive.writestr("archive/data.pkl", _PICKLES[1])
    wrong = st.sampled_from([*_PICKLES, nested.getvalue(), b"", b"PK\x03\x04", b"\x80\x02."])
    files = st.one_of(
        wrong, bytes_of(right), _checkpoints(held), *([_safetensors()] * 2 if suffix == "safetensors" else [])
    )
    commands = [
        ["build", "tiny.yaml", "--weights", file.name],
        ["export", "tiny.yaml", "--format", "timm", "-o", "out", "--weights", file.name],
    ]
    if suffix == "pt":
        commands += [
            ["build", file.name],
            ["export", file.name],
            ["eval", file.name, "data=folder", "data.root=images"],
        ]

    @examples(20)
    @given(files, st.sampled_from(commands))
    def hold(content, command):
        file.write_bytes(content)
        check("files of weights", command, here)

    hold()
    file.unlink()
