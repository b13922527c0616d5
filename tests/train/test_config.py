import pytest
import torch
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError

from chansearch.errors import UserError
from chansearch.train import DataConfig, TrainConfig, validate_data, validate_train
from chansearch.train.config import cache_dir


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"name": "cifar11"},
            r"data\.name: 'cifar11' is unknown \(did you mean cifar100?\?\); allowed: cifar10, cifar100, folder",
        ),
        ({"name": "x"}, r"data\.name: 'x' is unknown; allowed"),
        ({"rank_on": "tset"}, r"data\.rank_on: 'tset' is unknown \(did you mean test\?\); allowed: val, test"),
        ({"augment": "flip"}, r"data\.augment: 'flip'.*; allowed: crop_flip, crop, none"),
        ({"val_fraction": 0.0}, r"data\.val_fraction: 0\.0; allowed"),
        ({"val_fraction": float("nan")}, r"data\.val_fraction: nan; allowed"),
        ({"test_fraction": 1.0}, r"data\.test_fraction: 1\.0; allowed"),
        ({"split_seed": -1}, r"data\.split_seed: -1; allowed: 0 or more"),
        ({"crop_padding": -1}, r"data\.crop_padding: -1; allowed: 0 or more"),
        ({"train_images": 0}, r"data\.train_images: 0; allowed: 2 or more"),
        ({"val_images": 10, "rank_on": "test"}, r"data\.val_images: 10, but data\.rank_on=test"),
        ({"name": "folder"}, r"data\.root: null, .*expected DIR/<class>/<image>"),
        ({"test_root": "x"}, r"data\.test_root: 'x' is for data\.name=folder only"),
        ({"name": "digits", "augment": "crop", "url": "http://x"}, r"data\.url: 'http://x' is for"),
        ({"url": "file:///x"}, r"data\.url: 'file:///x'; allowed: http://… or https://…"),
        ({"name": "digits"}, r"data\.augment: 'crop_flip'.*allowed with data\.name=digits: crop, none"),
    ],
)
def test_data_values_out_of_range_are_named(changes, message):
    with pytest.raises(UserError, match=message) as error:
        validate_data(DataConfig(**changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, r"train\.epochs: 0; allowed: 1 or more"),
        ({"seeds": 0}, r"train\.seeds: 0; allowed: 1 to 1,000"),
        ({"seeds": 1001}, r"train\.seeds: 1001; allowed: 1 to 1,000"),
        ({"batch_size": 1}, r"train\.batch_size: 1; allowed: 2 or more"),
        ({"eval_batch_size": 0}, r"train\.eval_batch_size: 0; allowed"),
        ({"lr": 0.0}, r"train\.lr: 0\.0; allowed: above 0"),
        ({"lr": float("nan")}, r"train\.lr: nan; allowed: above 0"),
        ({"momentum": 1.0}, r"train\.momentum: 1\.0; allowed"),
        ({"momentum": 0.0}, r"train\.nesterov: true needs train\.momentum above 0"),
        ({"weight_decay": -1e-4}, r"train\.weight_decay: -0\.0001; allowed"),
        ({"warmup_epochs": 31.0}, r"train\.warmup_epochs: 31\.0; allowed: 0 to train\.epochs, which is 30"),
        ({"label_smoothing": 1.0}, r"train\.label_smoothing: 1\.0; allowed"),
        ({"patience": 0}, r"train\.patience: 0; allowed: 1 or more"),
        ({"precision": "f16"}, r"train\.precision: 'f16' is unknown \(did you mean fp16\?\); allowed"),
        ({"precision": "fp8"}, r"train\.precision: 'fp8' is unknown.*; allowed: auto, fp32, bf16, fp16"),
        ({"device": "gpu"}, r"train\.device: 'gpu'; allowed: auto, cpu, cuda, cuda:N"),
        ({"device": "cpu", "precision": "fp16"}, r"train\.precision: 'fp16' needs a GPU; allowed on cpu"),
    ],
)
def test_train_values_out_of_range_are_named(changes, message):
    with pytest.raises(UserError, match=message) as error:
        validate_train(TrainConfig(**changes))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_missing_gpu_is_said(device):
    with pytest.raises(
        UserError, match=f"train.device: '{device}' asked for, but no GPU is available; allowed: cpu, a"
    ):
        validate_train(TrainConfig(device=device))


@pytest.mark.parametrize("config", [DataConfig(), DataConfig(name="folder", root="x", rank_on="test")])
def test_good_data_passes(config):
    validate_data(config)


@pytest.mark.parametrize(
    "config", [TrainConfig(), TrainConfig(epochs=1), TrainConfig(patience=None, device="cpu", precision="bf16")]
)
def test_good_recipes_pass(config):
    validate_train(config)


def test_one_training_image_is_too_few_for_batchnorm():
    validate_data(DataConfig(train_images=2, val_images=1, test_images=1))
    with pytest.raises(UserError, match=r"data\.train_images: 1; allowed: 2"):
        validate_data(DataConfig(train_images=1))


@pytest.mark.parametrize("schema", [DataConfig, TrainConfig])
def test_omegaconf_reads_the_schema_and_refuses_unknown_keys(schema):
    config = OmegaConf.structured(schema)
    assert OmegaConf.to_object(config) == schema()
    with pytest.raises(ConfigAttributeError):
        config.no_such_key = 1


def test_cache_follows_the_setting_then_xdg_then_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert str(cache_dir(DataConfig(cache="~/here"))) == f"{tmp_path}/here"
    assert str(cache_dir(DataConfig())) == "/xdg/chansearch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert str(cache_dir(DataConfig())) == f"{tmp_path}/.cache/chansearch"


@pytest.mark.parametrize(("given", "kept"), [(True, "true"), (False, "false"), ("auto", "auto")])
def test_compile_may_be_a_bare_true_or_false(given, kept):
    """As YAML reads it, and as runs of earlier versions hold it."""
    config = TrainConfig(compile=given)
    validate_train(config)
    assert config.compile == kept
