"""The README and the docs keep their promises: links and anchors resolve, commands parse, files of others are valid."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from chansearch import cli
from chansearch.config import compose, expand_sweeps, groups, with_settings
from chansearch.nets import preset
from chansearch.nets.model import change_spec, parse_changes
from chansearch.studies.config import NONLINEARITY, STUDY
from chansearch.transfer.config import TRAINING
from chansearch.transfer.detection.config import DETECTION, HEADS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
GENERATED = ("reference/config.md", "reference/cli.md", "reference/python.md")  # with the site
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}


def blocks(language: str) -> list[str]:
    return [block for text in TEXTS.values() for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


def typed() -> set[str]:
    """What is typed at a prompt, a line each, without what the shell makes of it."""
    lines = {line for block in blocks("sh") for line in block.replace("\\\n", "").splitlines()}
    found = (re.match(r"(?:[A-Z_]+=\S+ )?(?:python -m )?(chansearch .*)", line) for line in lines)
    return {line[1].split("#")[0].split(" >")[0].strip() for line in found if line}


def within_files() -> set[str]:
    """What stands in scripts, in files for others and behind other commands."""
    text = "\n".join(blocks("bash") + blocks("yaml") + blocks("sh"))
    text = re.sub(r'"([^\s"]*)\$name"', r"\1NAME", text)
    return {line.strip() for line in re.findall(r"^.*\S +(chansearch [a-z]+ [^\"'#\n]*)", text, re.MULTILINE)}


COMMANDS = sorted(typed() | within_files())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the files of groups that the pages show, ``# my/…`` in their first line."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "my").mkdir()
    for block in blocks("yaml"):
        if name := re.match(r"# (my/\S+)\n", block):
            (folder / name[1]).parent.mkdir(exist_ok=True)
            (folder / name[1]).write_text(block, encoding="utf-8")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", TEXTS[page])
    missing = [link for link in links if not (page.parent / link).exists() and link not in GENERATED]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_anchors_are_headings(page):
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", TEXTS[page])
    missing = [
        (link, anchor)
        for link, anchor in links
        if link not in GENERATED and anchor not in anchors((page.parent / link).resolve() if link else page)
    ]
    assert not missing


def anchors(page: Path) -> set[str]:
    """As code hosts make them of headings: small letters, signs left out, hyphens for spaces."""
    without_code = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command, folder, monkeypatch):
    monkeypatch.chdir(folder)
    words = shlex.split(command.removeprefix("chansearch "))
    given, rest = cli._make_parser().parse_known_args(words)
    assert all("=" in word for word in rest)
    overrides = [*getattr(given, "overrides", []), *rest]
    if given.command == "search":
        for combination in expand_sweeps(overrides) if given.multirun else [overrides]:
            compose(combination, given.config_dir)
    elif given.command == "cost":
        compose(overrides, given.config_dir)
    elif given.command == "resume":
        with_settings({}, overrides)
    elif given.command in ("train", "eval"):
        compose(overrides, tree=TRAINING)
    elif given.command == "transfer":
        if given.task == "finegrained":
            compose(overrides, tree=TRAINING)
        elif given.task != "predict":
            compose([f"task={given.task}", *overrides] if given.task in HEADS else overrides, tree=DETECTION)
    elif given.command == "study":
        tree = NONLINEARITY if given.study == "nonlinearity" else STUDY
        compose([word for word in overrides if "=" in word], tree=tree)
    elif given.command == "build":
        change_spec(preset("rexnet_100"), parse_changes(overrides))


def test_there_are_commands_to_parse():
    assert len(typed()) >= 30
    assert {command.split()[1] for command in within_files()} >= {"search", "resume"}


def test_files_for_others_are_yaml():
    files = [part for block in blocks("yaml") for part in yaml.safe_load_all(block)]
    assert {"RayJob", "PersistentVolumeClaim"} <= {part.get("kind") for part in files}


def test_the_cloud_file_meets_rays_schema():
    import jsonschema
    import ray

    [cluster] = [yaml.safe_load(block) for block in blocks("yaml") if block.startswith("# cluster.yaml")]
    schema = Path(ray.__file__).with_name("autoscaler") / "ray-schema.json"
    jsonschema.validate(cluster, json.loads(schema.read_text(encoding="utf-8")))
    assert cluster["head_node_type"] in cluster["available_node_types"]


@pytest.mark.parametrize("script", blocks("bash"))
def test_scripts_are_bash(script):
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""


def test_checksums_are_the_published_ones():
    from torchvision.datasets import CIFAR10, CIFAR100

    page = TEXTS[ROOT / "docs" / "offline.md"]
    assert all(f"`{part.filename}` | `{part.tgz_md5}`" in page for part in (CIFAR10, CIFAR100))


def test_the_table_of_groups_is_whole():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert set(groups()) <= named
    for group in ("space", "data", "fidelity", "sampler", "scheduler"):
        row = re.search(rf"^\| `{group}` \| (.*) \|$", text, re.MULTILINE)[1]
        assert all(f"`{choice}`" in row for choice in groups()[group])
