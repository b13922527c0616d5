"""What a user names, with fields set by hand and weights from files."""

import subprocess
import sys

import pytest
import torch
import yaml

from chansearch.errors import UserError
from chansearch.nets import build, preset
from chansearch.nets.checkpoint import Checkpoint, save_checkpoint
from chansearch.nets.files import spec_to_dict
from chansearch.nets.model import MODEL_FILE, change_spec, open_model, parse_changes
from chansearch.nets.preprocessing import Preprocessing
from tests.nets.test_weights import SMALL


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ([], {}),
        (["classes=10", "input_size=64", "drop_path=0.2"], {"classes": 10, "input_size": 64, "drop_path": 0.2}),
        (["se_reduction=none", "extra_channels=null"], {"se_reduction": None, "extra_channels": None}),
        (["shortcut=none", "stem_activation=relu6"], {"shortcut": "none", "stem_activation": "relu6"}),
        (["channels=16-27x2"], {"channels": (16, 27, 27)}),
        (["channels=[27, 16]", "expansion=4"], {"channels": [27, 16], "expansion": 4}),
    ],
)
def test_words_are_changes(words, changes):
    assert parse_changes(words) == changes


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("clases=10", r"clases: is no field of a network \(did you mean classes\?\); allowed: channels, "),
        ("classes", "'classes' is no KEY=VALUE; allowed keys: channels, "),
        ("dropout=[", r"dropout: '\[' cannot be read as YAML"),
        ("classes=ten", "classes: 'ten' is not allowed; a whole number"),
        ("activation=none", "activation: 'none' is unknown; allowed: identity, "),
        ("expansion=half", "expansions: 'half' is not allowed"),
        ("strides=[1, 2]", "strides: 2 entries for 3 blocks"),
    ],
)
def test_a_mistake_is_one_line(word, said):
    with pytest.raises(UserError, match=f"^{said}") as error:
        change_spec(SMALL, parse_changes([word]))
    assert "\n" not in str(error.value)


def test_expansion_is_of_all_blocks_but_the_first():
    assert change_spec(SMALL, {"expansion": 4}).expansions == (1, 4, 4)
    with pytest.raises(UserError, match="expansion: given together with expansions"):
        change_spec(SMALL, {"expansion": 4, "expansions": [1, 2, 2]})


def test_every_option_reaches_the_module():
    """The options of the issue, on a preset: each shows in the network that is built."""
    words = ["classes=7", "in_channels=1", "stem_activation=relu6", "activation=relu", "depthwise_activation=silu"]
    words += ["head_activation=elu", "se_reduction=4", "se_from=2", "expansion=2", "shortcut=identity", "dropout=0.5"]
    network = open_model("rexnet_100", changes=parse_changes([*words, "drop_path=0.3"])).network
    block = network.features[1]
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
    assert isinstance(network.stem.act, torch.nn.ReLU6)
    assert isinstance(block.conv_exp.act, torch.nn.ReLU)
    assert isinstance(block.act_dw, torch.nn.SiLU)
    assert isinstance(network.features[-1].act, torch.nn.ELU)
    assert (block.conv_exp.conv.out_channels, block.se.fc1.out_channels) == (32, 8)
    assert network.features[2].shortcut_channels is None
    assert network.head.drop.p == 0.5
    changed = open_model("rexnet_100", changes={"drop_path": 0.3}).network
    assert changed.features[15].drop_path.probability == 0.3


def test_sources_of_networks_and_weights(tmp_path):
    weights = build(SMALL).state_dict()
    prepared = Preprocessing((0.5,) * 3, (0.25,) * 3, "bilinear", 1.0)
    save_checkpoint(tmp_path / MODEL_FILE, Checkpoint(SMALL, weights, tuple("abcde"), prepared))
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(SMALL)}))
    torch.save(weights, tmp_path / "weights.pth")
    for opened in (
        open_model(tmp_path),
        open_model(tmp_path / MODEL_FILE),
        open_model(tmp_path / "own.yaml", weights=tmp_path / "weights.pth"),
        open_model(SMALL, weights=tmp_path / "weights.pth"),
    ):
        assert opened.trained
        assert opened.spec == SMALL
        assert all(torch.equal(opened.network.state_dict()[key], weights[key]) for key in weights)
    assert open_model(tmp_path).classes == tuple("abcde")
    assert open_model(tmp_path).preprocessing == prepared
    assert open_model(tmp_path / "own.yaml").preprocessing is None
    other = open_model(tmp_path, changes={"classes": 3})
    assert (other.network.head.fc.out_features, other.classes, other.trained) == (3, None, True)
    assert torch.equal(other.network.stem.conv.weight, weights["stem.conv.weight"])
    assert not open_model(SMALL).trained


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(build(SMALL).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth: stem\.conv\.weight has shape"):
        open_model("rexnet_100", weights=tmp_path / "weights.pth")


def test_mistakes_are_told_before_torch_is_there():
    code = """if True:
        import sys
        from chansearch.cli import main
        for words in (["clases=3"], ["classes=0"], ["--pretrained"], ["--pretrained", "--weights", "x"]):
            assert main(["build", "rexnet_110", *words]) == 2
        assert not {"torch", "timm"} & sys.modules.keys()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 4


def test_build_shows_the_network_it_was_asked_for(tmp_path, capsys):
    from chansearch.cli import main

    save_checkpoint(tmp_path / MODEL_FILE, Checkpoint(preset("rexnet_lite_100"), build("rexnet_lite_100").state_dict()))
    assert main(["build", str(tmp_path / MODEL_FILE), "classes=10", "input_size=64"]) == 0
    assert "1x3x64x64 -> (1, 10), all finite: yes" in capsys.readouterr().out
