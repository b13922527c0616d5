"""The source archive and the wheel: they hold everything, say what they are, and run where there is no checkout."""

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.metadata import Metadata

import chansearch

ROOT = Path(__file__).resolve().parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def files() -> list[Path]:
    """What the repository holds, relative to its root: tracked files and those not yet committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


class TestSetup:
    def test_lists_every_package(self):
        """A room that is not listed is missing from the wheel, and no test from the checkout would notice."""
        rooms = {".".join(file.parent.parts) for file in files() if file.name == "__init__.py"}
        listed = set(SETUP["options"]["packages"].split())
        assert listed == {room for room in rooms if room.startswith("chansearch")} | {
            "chansearch.conf",
            "chansearch.search_spaces",
        }

    def test_every_module_is_in_a_package(self):
        modules = {file.parent for file in files() if file.parts[0] == "chansearch" and file.suffix == ".py"}
        packages = {file.parent for file in files() if file.name == "__init__.py"}
        assert modules <= packages

    def test_lists_what_is_imported(self):
        """Of other projects', anywhere in the package; the extras serve what works without them."""
        names = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "PyYAML", "hydra": "hydra-core"}
        options, extras = SETUP["options"], SETUP["options.extras_require"]
        text = options["install_requires"] + "".join(
            extras[name] for name in ("demo", "detect", "train", "deploy", "counters")
        )
        listed = {re.split(r"[\[>=<%#]", line)[0].strip().lower() for line in text.splitlines() if line.strip()}
        imported = set()
        for file in files():
            if file.parts[0] != "chansearch" or file.suffix != ".py":
                continue
            for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(node.module.split(".")[0])
        others = {names.get(name, name) for name in imported - set(sys.stdlib_module_names) - {"chansearch"}}
        assert {name.lower() for name in others} <= listed


class TestFiles:
    def test_mention_no_path_of_this_machine(self):
        """A path that only its author has is of no use to anyone else."""
        # Written so that this file does not find itself.
        patterns = ["/" + "work/", "/" + "root/", "\\.\\./" + "shared", "/tmp/" + "venv", "/home/" + r"(?!jörg|you)\w+"]
        found = re.compile("|".join(patterns))
        for file in files():
            text = (ROOT / file).read_bytes().decode("utf-8", errors="ignore")
            assert not (match := found.search(text)), f"{file}: {match and match[0]}"

    def test_are_small(self):
        for file in files():
            assert (ROOT / file).stat().st_size < 2**20, file


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A source archive, and a wheel from that archive; of a copy, for building leaves folders beside the sources."""
    folder = tmp_path_factory.mktemp("built")
    for file in files():
        target = folder / "source" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, target)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "out", "source"]  # as `make dist` does
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    [wheel] = built.glob("chansearch-*.whl")
    return wheel


@pytest.fixture(scope="module")
def archive(built) -> Path:
    [archive] = built.glob("chansearch-*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def installed(wheel) -> Path:
    target = wheel.parent / "installed"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The installed package, from a folder that has nothing to do with the checkout."""
    away = installed.parent / "away"
    away.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(arguments, cwd=away, env=environment, capture_output=True, text=True)


class TestTheVersion:
    """``chansearch/_version.py`` has it; whatever else says it says the same."""

    def test_is_semantic(self):
        assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?", chansearch.__version__)

    def test_is_that_of_the_citation(self):
        assert CITATION["version"] == chansearch.__version__

    def test_is_released_or_to_be(self):
        """The changelog has a section for it, or holds what has not been released yet."""
        sections = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
        assert sections[0] in ("Unreleased", chansearch.__version__)
        released = [section for section in sections if section != "Unreleased"]
        assert not released or released[0] == chansearch.__version__


class TestTheCitation:
    """The keys that the Citation File Format 1.2.0 asks for."""

    def test_of_the_software(self):
        assert CITATION["cff-version"] == "1.2.0"
        assert all(CITATION[key] for key in ("message", "title", "authors"))
        assert CITATION["type"] == "software"
        assert CITATION["license"] == SETUP["metadata"]["license"] == "MIT"

    def test_of_the_paper(self):
        [paper] = CITATION["references"]
        assert paper["type"] == "conference-paper"
        assert paper["title"] in " ".join((ROOT / "README.md").read_text().split())
        assert [author["family-names"] for author in paper["authors"]] == ["Han", "Yun", "Heo", "Yoo"]
        assert paper["year"] == 2021 and paper["url"].startswith("https://")


class TestPreCommit:
    def test_hooks_are_tools_of_the_virtual_environment(self):
        [local] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        assert local["repo"] == "local"
        tools = [hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in local["hooks"]]
        assert all((Path(sys.executable).parent / tool).exists() for tool in tools)
        assert all(hook["language"] == "system" for hook in local["hooks"])

    def test_the_text_of_every_file_passes(self):
        texts = [file for file in files() if file.suffix in (".py", ".yaml", ".toml", ".cff", ".md", ".cfg")]
        command = [sys.executable, ".ci/check_text.py", *map(str, texts)]
        checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert (checked.returncode, checked.stdout.strip()) == (0, "")

    @pytest.mark.parametrize("text", ["a: [", "a: 1 \n", "a: 1", "a: 1\n\n"])
    def test_a_text_that_is_not_as_it_should_be_does_not(self, text, tmp_path):
        (tmp_path / "x.yaml").write_text(text)
        command = [sys.executable, str(ROOT / ".ci" / "check_text.py"), "x.yaml"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1


@pytest.mark.slow
class TestTheArchive:
    def test_holds_what_builds_and_tests_it(self, archive):
        with tarfile.open(archive) as packed:
            held = {Path(*Path(name).parts[1:]).as_posix() for name in packed.getnames()}
        missing = {file.as_posix() for file in files()} - held
        assert missing <= {"results/.gitkeep", "results/README.md"}


@pytest.mark.slow
class TestTheWheel:
    def test_says_of_itself_what_an_index_asks_for(self, wheel):
        held = zipfile.ZipFile(wheel)
        [name] = [name for name in held.namelist() if name.endswith("METADATA")]
        said = Metadata.from_email(held.read(name), validate=True)
        assert str(said.version) == chansearch.__version__
        assert said.license == "MIT"
        assert said.description_content_type == "text/markdown"
        assert said.description == (ROOT / "README.md").read_text(encoding="utf-8")
        assert said.project_urls and said.keywords and said.classifiers
        assert str(said.requires_python) == ">=3.11"

    def test_holds_every_file_of_the_package(self, wheel):
        held = set(zipfile.ZipFile(wheel).namelist())
        for file in files():
            name = file.as_posix()
            if name.startswith("chansearch/"):
                assert name in held
            elif name.startswith(("conf/", "search_spaces/")):
                assert f"chansearch/{name}" in held

    def test_holds_nothing_else(self, wheel):
        held = zipfile.ZipFile(wheel).namelist()
        assert [name for name in held if not name.startswith(("chansearch/", "chansearch-"))] == []

    def test_has_its_licence_its_command_and_its_type_marker(self, wheel):
        held = zipfile.ZipFile(wheel)
        names = held.namelist()
        assert any(name.endswith("LICENSE") for name in names)
        assert "chansearch/py.typed" in names
        [entry_points] = [name for name in names if name.endswith("entry_points.txt")]
        assert b"chansearch = chansearch.cli:main" in held.read(entry_points)

    def test_is_what_runs_below(self, installed):
        """Not the checkout: the tests after this one would say nothing."""
        code = "import chansearch, chansearch.config as c; print(chansearch.__file__); print(c.shipped('conf'))"
        answer = run(installed, sys.executable, "-c", code)
        assert answer.stdout.splitlines() == [
            str(installed / "chansearch" / "__init__.py"),
            str(installed / "chansearch" / "conf"),
        ]

    def test_lists_its_groups(self, installed):
        answer = run(installed, sys.executable, "-m", "chansearch", "search", "--help")
        assert answer.returncode == 0, answer.stderr
        for choice in (
            "c1, c2, c3, c4",
            "free, hinge, linear, piecewise, stagewise",
            "asha, contenders, none",
            "demo, laptop, paper",
        ):
            assert choice in answer.stdout

    def test_prices_a_configuration(self, installed):
        command = ["-m", "chansearch", "cost", "34-34-45-55-66", "constraint=c1", "--json"]
        answer = run(installed, sys.executable, *command)
        assert answer.returncode == 0, answer.stderr
        facts = json.loads(answer.stdout)
        assert (facts["without_classifier"]["params"], facts["verdict"]) == (199_898, "within")

    def test_composes_every_group(self, installed):
        overrides = ["constraint=c4", "space=free", "sampler=gp", "scheduler=asha", "fidelity=laptop", "data=folder"]
        command = ["-m", "chansearch", "search", *overrides, "data.root=x", "--cfg", "job"]
        answer = run(installed, sys.executable, *command)
        assert answer.returncode == 0, answer.stderr
        assert "family: free" in answer.stdout

    def test_exports_and_builds(self, installed):
        answer = run(installed, sys.executable, "-m", "chansearch", "export", "--channels", "10-20-30-40-50")
        assert answer.returncode == 0, answer.stderr
        assert "16, 27, 38, 50, 61" in answer.stdout
        (installed.parent / "away" / "mine.yaml").write_text(answer.stdout, encoding="utf-8")
        code = "import chansearch; print(sum(p.numel() for p in chansearch.build('mine.yaml').parameters()))"
        answer = run(installed, sys.executable, "-c", code)
        assert answer.stdout == "4796873\n", answer.stderr
