"""``torch.export``: the program read back gives the same logits, at any batch size, without this package."""

import io
import subprocess
import sys
import zipfile

import pytest
import torch

from chansearch.errors import UserError
from chansearch.export import program
from chansearch.export.program import to_program
from tests.export.models import TINY, images, logits, rexnet, trained
from tests.nets.specs import draw_spec


@pytest.mark.parametrize("spec", [rexnet(), *map(draw_spec, range(4))], ids=["rexnet", *map(str, range(4))])
def test_the_program_read_back_is_the_network(spec):
    model = trained(spec)
    exported = to_program(model)
    read = torch.export.load(io.BytesIO(exported.content)).module()
    for batch in (1, 3, 8):
        with torch.inference_mode():
            assert torch.equal(read(images(spec, batch)), model.network(images(spec, batch)))
    assert exported.notes[1] == "the program read back beside torch, batches of 1, 2, 5: equal logits"


def test_holds_no_path_of_the_machine_it_was_made_on_and_no_pickled_tensor():
    """Tensors are raw bytes; the example images alone are pickled, which torch reads with ``weights_only``, and in
    torch's older layout, of one text, the tensors as well."""
    archive = zipfile.ZipFile(io.BytesIO(to_program(trained(TINY)).content))
    texts = {name: archive.read(name) for name in archive.namelist() if name.endswith(".json")}
    assert texts
    for text in texts.values():
        assert b".py" not in text
        assert b'"use_pickle": true' not in text
    pickled = [name for name in archive.namelist() if name.endswith(".pt")]
    assert len(pickled) == 1 or len(texts) == 1
    for name in pickled:
        torch.load(io.BytesIO(archive.read(name)), weights_only=True)


def test_a_program_that_computes_something_else_is_refused(monkeypatch):
    model, other = trained(TINY), trained(TINY, seed=1)
    sound = program.capture
    monkeypatch.setattr(program, "capture", lambda network, shape: sound(other.network, shape))
    with pytest.raises(UserError, match="logits differ from torch's by"):
        to_program(model)


@pytest.mark.slow
def test_runs_where_this_package_is_not(tmp_path):
    model = trained(TINY)
    (tmp_path / "net.pt2").write_bytes(to_program(model).content)
    torch.save(images(TINY, 4), tmp_path / "images.pt")
    code = (
        "import sys; sys.modules['chansearch'] = None\n"
        "import torch; torch.set_num_threads(1)\n"
        "network = torch.export.load('net.pt2').module()\n"
        "with torch.no_grad(): torch.save(network(torch.load('images.pt')), 'logits.pt')"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert torch.equal(torch.load(tmp_path / "logits.pt"), logits(model))
