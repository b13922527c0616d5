"""The space knows nothing of networks or training: importing it loads no heavy library."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("room", ["chansearch", "chansearch.space", "chansearch.cost", "chansearch.nets"])
def test_import_stays_light(room):
    code = f"import sys, {room}; print([m for m in ('torch', 'ray', 'optuna', 'hydra') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
