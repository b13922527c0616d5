"""Looking at runs needs none of what a search needs."""

import subprocess
import sys

HEAVY = ("torch", "ray", "optuna", "hydra", "scipy", "matplotlib")


def loaded(*arguments: str) -> str:
    code = (
        f"import sys; from chansearch.cli import main; main({list(arguments)!r}); "
        f"print('heavy', [m for m in {HEAVY} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_lists_and_watches_without_the_heavy_ones(tmp_path):
    from tests.fuzz.runs import make_recorded_run

    run = make_recorded_run(tmp_path / "results" / "run")
    assert loaded("runs", "--results", str(tmp_path / "results")) == "heavy []"
    assert loaded("watch", str(run.path)) == "heavy []"
    assert loaded("watch", str(run.path), "--once") == "heavy []"
