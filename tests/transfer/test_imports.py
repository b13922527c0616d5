"""The room's doors: a training knows no search."""

import subprocess
import sys


def test_a_training_knows_no_search():
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, chansearch.transfer.launch, chansearch.transfer.loop, chansearch.transfer.evaluate\n"
            "print([name for name in sys.modules if name.startswith(('chansearch.search', 'optuna'))])",
        ],
        capture_output=True,
        text=True,
    )
    assert answer.stdout == "[]\n", answer.stderr
