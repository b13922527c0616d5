"""What the room must not know, and that its names are light."""

import subprocess
import sys

_LOADED = "import sys, {module}; print([m for m in {heavy} if m in sys.modules])"


def loaded(module: str, heavy: list[str]) -> str:
    code = _LOADED.format(module=module, heavy=heavy)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_names_of_the_proxies_bring_nothing_heavy():
    assert loaded("chansearch.proxies.names", ["torch", "numpy", "hydra"]) == "[]"


def test_a_proxy_knows_no_search():
    assert loaded("chansearch.proxies.score", ["ray", "optuna", "hydra", "chansearch.search"]) == "[]"
