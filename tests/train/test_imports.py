"""What each door of the room costs to open."""

import subprocess
import sys


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_package_and_its_records_need_the_standard_library_only():
    loaded = _modules_after("import chansearch.train, chansearch.train.config, chansearch.train.results")
    assert not loaded & {"torch", "torchvision", "numpy", "PIL", "rich", "sklearn"}


def test_checking_a_plain_configuration_needs_no_torch():
    loaded = _modules_after(
        "from chansearch.train import *; validate_data(DataConfig()); validate_train(TrainConfig())"
    )
    assert "torch" not in loaded


def test_the_engine_knows_no_search_library():
    loaded = _modules_after("import chansearch.train.engine, chansearch.train.data")
    assert not loaded & {"ray", "optuna", "hydra", "omegaconf", "sklearn"}
