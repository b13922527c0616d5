"""The standalone source: it loads our weights strictly, gives our logits, and is as tidy as the repository."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from chansearch.export.document import document
from chansearch.export.python_file import to_python
from chansearch.nets import PRESETS, NetworkSpec, preset
from tests.export.models import TINY, images, logits, rexnet, save, trained
from tests.nets.specs import draw_spec

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
SPECS = {
    "tiny": TINY,
    "rexnet": rexnet(),
    "no expansion": dataclasses.replace(TINY, expansions=(1, 1, 1)),
    "all expanded": dataclasses.replace(TINY, expansions=(2, 2, 2)),
    "no se": dataclasses.replace(TINY, se_reduction=None),
    "no shortcut": dataclasses.replace(TINY, shortcut="none"),
    "stochastic depth": dataclasses.replace(TINY, drop_path=0.3, dropout=0.25),
    "extra layer": dataclasses.replace(TINY, extra_channels=9),
    "one block": NetworkSpec(channels=(2,), strides=(1,), expansions=(1,), input_size=4),
    "longest lines": dataclasses.replace(
        TINY, activation="leaky_relu", projection_activation="leaky_relu", stem_activation="leaky_relu"
    ),
}


def source(spec: NetworkSpec) -> str:
    return to_python(document(spec, {}, {}))


def network_of(text: str) -> torch.nn.Module:
    names: dict = {}
    exec(text, names)
    return names["Network"]()


@pytest.mark.parametrize("spec", [*SPECS.values(), *map(draw_spec, range(60))], ids=[*SPECS, *map(str, range(60))])
def test_gives_our_logits_with_our_weights(spec):
    model = trained(spec)
    other = network_of(source(spec))
    assert list(other.state_dict()) == list(model.network.state_dict())
    other.load_state_dict(model.network.state_dict())
    with torch.inference_mode():
        assert torch.equal(other.eval()(images(spec, 4)), logits(model))


@pytest.mark.parametrize("name", ["stochastic depth", "rexnet"])
def test_trains_as_ours_does(name):
    """With the same numbers drawn for dropout and stochastic depth: the same logits and gradients."""
    spec = SPECS[name]
    model, other = trained(spec).network.train(), network_of(source(spec))
    other.load_state_dict(model.state_dict())
    for network in (model, other):
        torch.manual_seed(0)
        network(images(spec, 4)).square().sum().backward()
    for (key, ours), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(theirs.grad, ours.grad, msg=key)


def test_holds_only_what_the_network_uses():
    bare = dataclasses.replace(TINY, se_reduction=None, shortcut="none", expansions=(1, 1, 1))
    whole = dataclasses.replace(TINY, drop_path=0.3, extra_channels=9)
    for part in ("SqueezeExcite", "conv_exp", "F.", "shortcut", "DropPath", "LinearBnAct"):
        assert part not in source(bare)
        assert part in source(whole)
    assert "F.pad" not in source(dataclasses.replace(TINY, channels=(4, 6, 6), shortcut="identity"))


def test_is_as_tidy_as_this_repository(tmp_path):
    texts = [source(spec) for spec in (*SPECS.values(), *map(preset, PRESETS), *map(draw_spec, range(60)))]
    for number, text in enumerate(texts):
        (tmp_path / f"net{number}.py").write_text(text, encoding="utf-8")
    ruff = str(Path(sys.executable).with_name("ruff"))
    for command in (["check"], ["format", "--diff"]):
        answer = subprocess.run(
            [ruff, *command, "--no-cache", "--config", str(PYPROJECT), str(tmp_path)], capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_runs_where_this_package_is_not(tmp_path):
    """As its own first lines say: with the file of a training."""
    model = trained(TINY)
    save(tmp_path / "model.pt", model)
    text = source(TINY)
    (tmp_path / "net.py").write_text(text, encoding="utf-8")
    torch.save(images(TINY, 4), tmp_path / "images.pt")
    recipe = [line.strip() for line in text.splitlines() if line.startswith("    network")]
    assert len(recipe) == 2
    code = "\n".join(
        [
            "import sys; sys.modules['chansearch'] = None",
            "import torch; torch.set_num_threads(1)",
            "from net import Network",
            *recipe,
            "with torch.no_grad(): torch.save(network.eval()(torch.load('images.pt')), 'logits.pt')",
        ]
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert torch.equal(torch.load(tmp_path / "logits.pt"), logits(model))
