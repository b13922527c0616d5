"""The public API as a program that uses it sees it: py.typed is shipped, and mypy reads what is behind it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PROGRAM = """
import chansearch
from chansearch.cost import Budget, parse_count, price_spec
from chansearch.cost.budget import Band
from chansearch.nets import NetworkSpec, preset
from chansearch.space import Shape, fit, parse_channels

spec: NetworkSpec = preset("rexnet_100").with_channels([16] * 16)
costs: dict[str, int] = price_spec(spec)
budget = Budget(macs=Band.at_most(parse_count("macs", "300M")))
shape: Shape = fit(parse_channels("34-34-45-55-66")).shape
top1: float = chansearch.open_run("results/RUN").query("34-34-45-55-66", epoch=10, seed=0).val_top1
"""
WRONG = {
    'costs: dict[str, int] = chansearch.nets.price("rexnet_100")': "attr-defined",
    "chansearch.open_run(3)": "arg-type",
    'chansearch.open_run("x").query("34-34", epoch="ten", seed=0)': "arg-type",
    "Budget(mac=Band.at_most(3.0))": "call-arg",
    'text: str = price_spec(spec)["macs"]': "assignment",
}


def mypy(program: str, folder: Path) -> str:
    """What it says of a program that stands elsewhere; its cache is shared by the tests of this file."""
    (folder / "program.py").write_text(program)
    # With the repository's own options: torch is left out, which takes minutes to read.
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(folder.parent / "mypy"), "program.py"]
    answer = subprocess.run(
        [sys.executable, "-m", "mypy", *options],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode in (0, 1), answer.stderr
    return answer.stdout


@pytest.mark.slow
class TestAProgram:
    def test_that_is_right_passes(self, tmp_path):
        assert mypy(PROGRAM, tmp_path).startswith("Success")

    def test_that_is_wrong_does_not(self, tmp_path):
        """A package without types would let anything pass."""
        said = mypy(PROGRAM + "\n".join(WRONG), tmp_path).splitlines()
        first = PROGRAM.count("\n") + 1
        for number, (line, code) in enumerate(WRONG.items(), first):
            assert any(f":{number}:" in found and f"[{code}]" in found for found in said), (line, said)
