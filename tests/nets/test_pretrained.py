"""Published weights: from a cache of the hub as it lies on disk, and one line where there is none."""

import os
import subprocess
import sys
import time

import pytest
import timm
import torch
from safetensors.torch import save_file

from chansearch.nets import PRESETS
from chansearch.nets.pretrained import PUBLISHED

COMMIT = "0" * 40


def _build(*words: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "chansearch", "build", *words]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=60)


def test_published_are_those_that_timm_has():
    assert {name for name in PRESETS if name in timm.list_models() and timm.is_model_pretrained(name)} == set(PUBLISHED)


@pytest.fixture
def cache(tmp_path):
    """The hub's cache with weights of two networks in it, as its client leaves them."""
    for name in ("rexnet_100", "mobilenetv2_100"):
        torch.manual_seed(0)
        folder = tmp_path / "hub" / f"models--timm--{timm.get_pretrained_cfg(name).hf_hub_id.partition('/')[2]}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(COMMIT)
        (folder / "snapshots" / COMMIT).mkdir(parents=True)
        save_file(timm.create_model(name).state_dict(), folder / "snapshots" / COMMIT / "model.safetensors")
    return tmp_path


@pytest.mark.parametrize("name", ["rexnet_100", "mobilenetv2_100"])
def test_cached_weights_are_taken_without_network(name, cache):
    code = f"""if True:
        import timm, torch
        from chansearch.nets.model import open_model
        torch.manual_seed(0)
        expected = timm.create_model("{name}")
        for classes in (1000, 10):
            model = open_model("{name}", pretrained=True, changes={{"classes": classes}})
            assert model.trained and model.network.head.fc.out_features == classes
            assert torch.equal(model.network.stem.conv.weight, next(expected.parameters()))
        whole = open_model("{name}", pretrained=True).network
        assert torch.equal(whole.head.fc.weight, expected.get_classifier().weight)
        # timm's own way to the same file, the classifier left out and the input adapted.
        ours = timm.create_model("chansearch_rexnet", spec="{name}", pretrained=True, num_classes=3, in_chans=1)
        assert torch.allclose(ours.stem.conv.weight, next(expected.parameters()).sum(1, keepdim=True), atol=1e-6)
    """
    environment = os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "environment",
    [{"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}],
    ids=["offline", "unreachable"],
)
def test_without_network_there_is_one_line_within_seconds(environment, tmp_path):
    start = time.monotonic()
    done = _build("rexnet_100", "--pretrained", HF_HOME=str(tmp_path), **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("chansearch: --pretrained: the weights of rexnet_100 come from the Hugging Face hub")
    assert "--weights FILE" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("name", ["rexnet_110", "rexnet_plain", "rexnetr_100"])
def test_what_has_none_lists_those_that_have(name):
    done = _build(name, "--pretrained")
    assert done.returncode == 2
    assert f"no weights are published for {name}; there are for {', '.join(PUBLISHED)}" in done.stderr
