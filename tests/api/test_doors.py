"""The package's own door stays light, and what it promises is there."""

import subprocess
import sys

import pytest

import chansearch

HEAVY = ("torch", "ray", "optuna", "hydra", "matplotlib", "numpy")


def modules_after(statement: str, heavy: tuple[str, ...]) -> str:
    code = f"import sys\n{statement}\nprint([name for name in {heavy} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import chansearch; dir(chansearch)", HEAVY),
        ("import chansearch; chansearch.Space, chansearch.Budget, chansearch.Search, chansearch.Report", HEAVY[:-1]),
        ("import chansearch; chansearch.Space(blocks=9).shapes(3)", ("torch", "ray", "optuna", "hydra")),
    ],
)
def test_importing_stays_light(statement, heavy):
    assert modules_after(statement, heavy) == "[]"


def test_every_name_is_there_and_listed():
    assert set(chansearch.__all__) <= set(dir(chansearch))
    for name in chansearch.__all__:
        assert getattr(chansearch, name) is not None


def test_another_name_is_none_of_the_package():
    with pytest.raises(AttributeError, match="no attribute 'Saerch'"):
        _ = chansearch.Saerch
