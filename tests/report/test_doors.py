"""The report is a function of run directories: it needs no training, no search, and no matplotlib until it draws."""

import subprocess
import sys


def test_import_stays_light():
    heavy = ("torch", "ray", "optuna", "hydra", "matplotlib")
    rooms = "chansearch.report, chansearch.report.significance"
    code = f"import sys, {rooms}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_leaves_pyplot_and_the_search_alone(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.report.synthetic import population, write_run; "
        "from chansearch.report import write_report; "
        f"write_report([write_run(Path({str(tmp_path)!r}) / 'run', population(12))]); "
        "print([m for m in ('torch', 'ray', 'optuna', 'hydra', 'matplotlib.pyplot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
