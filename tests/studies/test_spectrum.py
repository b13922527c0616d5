"""``study spectrum``: the singular values of networks whose features are worked out here another way."""

import csv
import math

import numpy as np
import pytest
import timm
import torch
import yaml

from chansearch.cli import main
from chansearch.nets import NetworkSpec, build
from chansearch.nets.checkpoint import Checkpoint, save_checkpoint
from chansearch.nets.features import Spectrum
from chansearch.nets.files import spec_to_dict
from chansearch.nets.named import open_named
from chansearch.nets.preprocessing import Preprocessing
from chansearch.studies.spectrum import COLUMNS, Measured, draw_spectrum, findings
from chansearch.train.config import DataConfig
from chansearch.train.data import load

SPEC = NetworkSpec(
    channels=(4, 6), strides=(1, 2), expansions=(1, 6), stem_channels=4, head_channels=20, classes=10, input_size=8
)
DIGITS = ("data=digits", "data.train_images=200", "data.val_images=60", "data.test_images=50", "train.device=cpu")
PREPARED = Preprocessing(mean=(0.2, 0.3, 0.4), std=(0.5, 0.6, 0.7))


@pytest.fixture(scope="module")
def validation():
    config = DataConfig("digits", augment="none", train_images=200, val_images=60, test_images=50)
    return load(config, 8, 3)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({"network": spec_to_dict(SPEC)}))
    return tmp_path


def rows_of(folder) -> dict[str, list[dict[str, str]]]:
    """Rows of data.csv by model."""
    found: dict[str, list[dict[str, str]]] = {}
    with (folder / "data.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert tuple(row) == COLUMNS
            found.setdefault(row["model"], []).append(row)
    return found


def singular_values(network, dataset, mean, std) -> np.ndarray:
    """NumPy's, smallest first, of what goes into the classifier."""
    shape = (1, 3, 1, 1)
    pixels = torch.from_numpy(dataset.val.images).float() / 255
    images = (pixels - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
    with torch.no_grad():
        logits = network.eval()(images)
        weight, bias = network.head.fc.weight.double(), network.head.fc.bias.double()
        network.head.fc = torch.nn.Identity()
        features = network(images).double()
    assert torch.allclose(features @ weight.T + bias, logits.double(), atol=1e-4)
    return np.linalg.svd(features.numpy(), compute_uv=False)[::-1]


def test_random_weights_are_measured_on_the_validation_images(here, validation, capsys):
    assert main(["study", "spectrum", "tiny.yaml", *DIGITS, "--output", "out"]) == 0
    [rows] = rows_of(here / "out").values()
    torch.manual_seed(0)
    expected = singular_values(build(SPEC), validation, validation.mean, validation.std)
    assert [float(row["singular_value"]) for row in rows] == pytest.approx(list(expected), rel=1e-3, abs=1e-5)
    assert [float(row["share"]) for row in rows] == pytest.approx([k / 20 for k in range(1, 21)])
    assert float(rows[-1]["relative"]) == 1
    assert (rows[0]["weights"], rows[0]["images"], rows[0]["channels"]) == ("random weights", "60", "20")
    said = " ".join(capsys.readouterr().out.split())
    assert f"nuclear norm {expected.sum():,.1f}" in said and "60 images of 8 pixels x 20 channels" in said
    assert "Random weights have the spectrum of their initialisation" in said
    asked = yaml.safe_load((here / "out/config.yaml").read_text())
    assert (asked["models"], asked["data"]["val_images"]) == (["tiny.yaml"], 60)


def test_weights_of_its_own_come_with_their_preprocessing(here, validation, capsys):
    torch.manual_seed(1)
    network = build(SPEC)
    save_checkpoint(here / "own.pt", Checkpoint(SPEC, network.state_dict(), preprocessing=PREPARED))
    torch.save(network.state_dict(), here / "weights.pt")
    words = ["own.pt", "tiny.yaml", "--weights", "tiny.yaml=weights.pt", "--train"]  # neither is left to be trained
    assert main(["study", "spectrum", *words, *DIGITS, "--output", "out"]) == 0
    rows = rows_of(here / "out")
    own = singular_values(network, validation, PREPARED.mean, PREPARED.std)
    imagenet = Preprocessing()
    torch.manual_seed(1)
    given = singular_values(build(SPEC), validation, imagenet.mean, imagenet.std)
    for name, expected in (("own.pt", own), ("tiny.yaml", given)):
        assert [float(row["singular_value"]) for row in rows[name]] == pytest.approx(list(expected), rel=1e-3, abs=1e-5)
        assert {row["weights"] for row in rows[name]} == {"its own weights"}
    assert "Random weights" not in capsys.readouterr().out


def test_networks_without_weights_are_trained_where_that_is_asked_for(here, capsys):
    words = ["tiny.yaml", "--train", "--input-size", "8", "train.epochs=2", "train.batch_size=20"]
    assert main(["study", "spectrum", *words, *DIGITS, "--output", "out"]) == 0
    answer = capsys.readouterr()
    assert "epoch 2 of 2" in answer.err
    [rows] = rows_of(here / "out").values()
    assert {row["weights"] for row in rows} == {"trained 2 epochs"}
    assert "tiny.yaml (trained 2 epochs, top-1 " in " ".join(answer.out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rexnet_10"], "'rexnet_10' is no preset"),
        (["tiny.yaml", "data=cifar"], "data: 'cifar' is unknown"),
        (["tiny.yaml", "--weights", "weights.pt"], "'weights.pt' is no MODEL=FILE"),
        (["tiny.yaml", "--weights", "other=weights.pt"], "'other' is none of the networks asked for, tiny.yaml"),
        (["tiny.yaml", "--weights", "tiny.yaml=gone.pt", *DIGITS], "gone.pt"),
        (["--pretrained", *DIGITS], "no weights are published for rexnet_090"),
        (
            ["mobilenetv3_small_050", "--pretrained", *DIGITS],
            "the weights of mobilenetv3_small_050 come from the Hugging",
        ),
        (["tiny.yaml", "--input-size", "0"], "--input-size: 0"),
        (["tiny.yaml", "train.epochs=0"], "train.epochs: 0"),
        (["vit_tiny_patch16_224", "--input-size", "64", *DIGITS], "does not take images of 64x64 pixels"),
        (["tiny.yaml", "--train", "train.lr=1e12", "train.batch_size=20", *DIGITS], "train.lr: 1000000000000.0; tiny"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(here, capsys, monkeypatch, words, said):
    monkeypatch.setenv("HF_HOME", str(here / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["study", "spectrum", *words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("chansearch: ")]
    assert len(lines) == 1 and said in lines[0]
    assert not (here / "results").exists()


def test_options_that_exclude_each_other(here, capsys):
    with pytest.raises(SystemExit) as left:
        main(["study", "spectrum", "--train", "--pretrained"])
    assert left.value.code == 2 and "not allowed with" in capsys.readouterr().err


def test_a_network_of_timm_opens_as_timm_has_it():
    torch.manual_seed(0)
    named = open_named("mobilenetv3_small_050", 64, classes=7)
    torch.manual_seed(0)
    expected = timm.create_model("mobilenetv3_small_050", num_classes=7).eval()
    assert (named.image_shape, named.trained, named.preprocessing) == ((3, 64, 64), False, None)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(named.network(images), expected(images))


def measured(model: str, values: list[float], weights: str = "trained 1 epoch") -> Measured:
    return Measured(model, weights, 64, Spectrum(torch.tensor(values, dtype=torch.float64), (2000, len(values))))


FLAT, STEEP = [2.0] * 9 + [0.02], [2.0] + [0.002] * 9


def test_shares_are_relative_to_the_largest():
    steps = measured("any", [4.0, 2.0, 0.4, 0.1])
    assert [steps.share_below(x) for x in (0.01, 0.025, 0.1, 0.5, 1)] == [0, 25, 50, 75, 100]
    zero = measured("any", [0.0, 0.0])
    assert zero.share_below(0.1) == 100 and not math.isnan(zero.relative[0])


@pytest.mark.parametrize(
    ("rexnet", "mobilenet", "weights", "holds"),
    [
        (FLAT, STEEP, "trained 1 epoch", True),
        (STEEP, FLAT, "trained 1 epoch", False),
        (FLAT, STEEP, "random weights", None),
    ],
)
def test_the_papers_claim_is_judged_on_trained_networks_alone(rexnet, mobilenet, weights, holds):
    share, everywhere = findings([measured("mobilenetv2_100", mobilenet), measured("rexnet_090", rexnet, weights)])
    assert share.holds is holds and everywhere.holds is holds
    assert share.published == "about 83 % and about 98 %"
    assert share.measured == ("10.0 % and 90.0 %" if rexnet is FLAT else "90.0 % and 10.0 %")


def test_nothing_is_claimed_of_other_networks():
    assert findings([measured("rexnet_090", FLAT), measured("mine", STEEP)]) == []


def test_the_figure_has_each_curve_and_the_published_readings():
    shown = [measured("rexnet_090", FLAT), measured("mine", STEEP)]
    [panel] = draw_spectrum(shown).axes
    curves = {line.get_label(): line for line in panel.get_lines()}
    for one in shown:
        line = curves[f"{one.model}, trained 1 epoch"]
        assert list(line.get_xdata()) == pytest.approx(list(one.relative))
        assert list(line.get_ydata()) == pytest.approx(list(range(10, 101, 10)))
    [published] = [line for label, line in curves.items() if label.startswith("paper")]
    assert (list(published.get_xdata()), list(published.get_ydata())) == ([0.1], [83])
