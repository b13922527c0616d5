"""The command: files, text, refusals, and what it imports."""

import csv
import subprocess
import sys

import pytest

from chansearch.cli import main
from chansearch.errors import UserError
from chansearch.replay.names import STRATEGY_NAMES
from chansearch.replay.session import Options
from chansearch.replay.write import write_replay
from tests.replay.worlds import write_run

PNG, QUICK = b"\x89PNG", ("paper", "asha", "contenders")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("write") / "run", 24, seeds=3, epochs=9, noise=0.3)


@pytest.fixture(scope="module")
def text(run) -> str:
    return write_replay(run, Options(QUICK, replays=20))


def rows(path) -> list[dict]:
    with path.open() as file:
        return list(csv.DictReader(file))


class TestFiles:
    def test_tables(self, run, text):
        written = rows(run.replay_file)
        assert [(row["strategy"], row["truth"]) for row in written] == [
            (name, truth) for truth in ("test", "val") for name in QUICK
        ]
        for row in written:
            assert (row["replays"], row["candidates"], row["seeds"], row["epochs"]) == ("20", "16", "3", "9")
            assert float(row["spent_low"]) <= float(row["spent"]) <= float(row["spent_high"])
        assert float(written[0]["spent"]) == 16 * 3 * 9
        assert float(written[0]["saving"]) == 1
        assert float(written[1]["saving"]) > 1.5
        epochs = rows(run.epochs_file)
        assert len(epochs) == 9 * 3
        assert float(epochs[-1]["spearman"]) == pytest.approx(1)

    def test_figures(self, run, text):
        for name in ("replay", "epochs"):
            assert (run.figures / f"{name}.png").read_bytes().startswith(PNG)
            assert "<svg" in (run.figures / f"{name}.svg").read_text()
        svg = (run.figures / "replay.svg").read_text()
        assert all(f"<!-- {name} -->" in svg for name in QUICK)

    def test_the_text_names_them_and_what_was_replayed(self, run, text):
        for wanted in (
            "24 candidates x 3 seeds x 9 epochs",
            "20 replays of 16 candidates each, seed 0",
            *QUICK,
            "by test_top1",
            "by val_top1",
            str(run.replay_file),
            str(run.epochs_file),
        ):
            assert wanted in text
        assert max(map(len, text.splitlines())) <= 140

    def test_the_same_run_gives_the_same_files(self, run, text):
        names = [run.replay_file, run.epochs_file, run.figures / "replay.svg", run.figures / "epochs.svg"]
        before = [file.read_bytes() for file in names]
        assert write_replay(run, Options(QUICK, replays=20)) == text
        assert [file.read_bytes() for file in names] == before

    def test_the_record_stays_as_it_is(self, run, text):
        assert len(run.records()) == 24
        assert not list(run.path.glob(".*"))

    def test_paper_is_always_there_to_compare_with(self, tmp_path):
        run = write_run(tmp_path / "run", 10, seeds=1, epochs=3)
        write_replay(run, Options(("halving",), replays=3))
        assert [row["strategy"] for row in rows(run.replay_file)] == ["paper", "halving"] * 2

    def test_a_slow_strategy_is_replayed_less_often_and_says_so(self, tmp_path):
        run = write_run(tmp_path / "run", 10, seeds=1, epochs=3, sampler={"name": "gp", "startup": 9})
        text = write_replay(run, Options(("gp",), replays=20))
        assert [row["replays"] for row in rows(run.replay_file)] == ["20", "2"] * 2
        assert next(line.split()[1] for line in text.splitlines() if line.startswith("gp ")) == "2"

    def test_says_that_test_images_ranked(self, tmp_path):
        run = write_run(tmp_path / "run", 10, seeds=1, epochs=3, data={"name": "cifar100", "rank_on": "test"})
        assert "the strategies have seen them" in write_replay(run, Options(("paper",), replays=2))


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"replays": 1}, "--replays: 1; allowed: 2 to 100,000"),
            ({"replays": 100_001}, "--replays: 100001; allowed: 2 to 100,000"),
            ({"seed": -1}, "--seed: -1; allowed: 0 or more"),
            ({"candidates": 9}, "--candidates: 9; allowed: 10 to the 24 recorded ones"),
            ({"candidates": 25}, "--candidates: 25"),
        ],
    )
    def test_options_out_of_range(self, run, options, words):
        with pytest.raises(UserError, match=words):
            write_replay(run, Options(QUICK, **options))

    def test_a_run_too_small(self, tmp_path, capsys):
        run = write_run(tmp_path / "run", 5, seeds=1, epochs=3)
        before = sorted(run.path.rglob("*"))
        assert main(["replay", str(run.path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert "a replay needs 10 or more" in captured.err
        assert sorted(run.path.rglob("*")) == before

    def test_a_run_that_cannot_be_written_to(self, tmp_path, capsys):
        run = write_run(tmp_path / "run", 10, seeds=1, epochs=3)
        run.figures.write_text("in the way")
        assert main(["replay", str(run.path), "--replays", "2"]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith(f"chansearch: replay: {run.figures} cannot be written: ")
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert not run.replay_file.exists()

    def test_a_configuration_without_a_problem_stops_guided_strategies_alone(self, tmp_path, capsys):
        run = write_run(tmp_path / "run", 10, seeds=1, epochs=3)
        run.config_file.write_text("search: {candidatez: 3}")
        assert main(["replay", str(run.path), "--replays", "2", "--strategy", "tpe"]) == 2
        assert "candidatez" in capsys.readouterr().err
        assert main(["replay", str(run.path), "--replays", "2", "--strategy", "asha"]) == 0


class TestCommand:
    def test_takes_the_latest_run(self, tmp_path, capsys):
        run = write_run(tmp_path / "results" / "one", 10, seeds=1, epochs=3)
        assert main(["replay", "--results", str(tmp_path / "results"), "--replays", "2"]) == 0
        assert "run one: 10 candidates" in capsys.readouterr().out
        assert run.replay_file.is_file()

    def test_its_options_reach_the_strategies(self, run, capsys):
        given = (
            "--strategy halving,one-seed --replays 3 --seed 4 --candidates 12 --grace 1 --reduction 2 --contenders 5"
        )
        assert main(["replay", str(run.path), *given.split()]) == 0
        spent = {row["strategy"]: float(row["spent"]) for row in rows(run.replay_file)}
        assert spent["paper"] == 12 * 27
        assert spent["halving"] == 3 * (12 * 1 + 6 * 1 + 3 * 2 + 2 * 5)  # rungs 1, 2, 4, 9
        assert spent["one-seed"] == 12 * 9 + 5 * 2 * 9
        assert "seed 4" in capsys.readouterr().out

    def test_help_lists_every_strategy_with_its_line(self, capsys):
        with pytest.raises(SystemExit):
            main(["replay", "--help"])
        out = capsys.readouterr().out
        for name, line in STRATEGY_NAMES.items():
            assert any(row.split(maxsplit=1) == [name, line] for row in out.splitlines())


def imported(code: str, *names: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint([name for name in {names} if name in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


class TestDoors:
    def test_a_replay_needs_neither_ray_nor_torch_nor_pyplot(self, run):
        code = (
            "from chansearch.cli import main\n"
            f"main(['replay', {str(run.path)!r}, '--replays', '2', '--strategy', 'paper,tpe,contenders'])"
        )
        assert imported(code, "ray", "torch", "hydra", "matplotlib.pyplot") == "[]"

    def test_quick_strategies_need_no_optuna(self, run):
        code = f"from chansearch.cli import main\nmain(['replay', {str(run.path)!r}, '--replays', '2'])"
        assert imported(code, "ray", "torch", "optuna", "omegaconf") == "[]"

    def test_asking_needs_nothing_heavy(self, run):
        channels = run.records()[0].candidate.channels
        code = f"import chansearch\nchansearch.open_run({str(run.path)!r}).query({channels}, 1, 0)"
        assert imported(code, "ray", "torch", "optuna", "hydra", "omegaconf", "scipy", "matplotlib") == "[]"

    def test_a_mistake_needs_not_even_numpy(self):
        code = "from chansearch.cli import main\nmain(['replay', 'nowhere', '--strategy', 'ahsa'])"
        assert imported(code, "ray", "torch", "optuna", "scipy", "matplotlib", "numpy") == "[]"
