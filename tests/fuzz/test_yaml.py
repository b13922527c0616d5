"""YAML of a network, of a constraint, a space or any group, and of a run: read, or refused in one line."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chansearch import config
from tests.fuzz.harness import check, examples, hold
from tests.fuzz.mutations import yaml_files

_GROUPS = {
    "constraint": "conf/constraint/c1.yaml",
    "data": "conf/data/cifar10.yaml",
    "fidelity": "conf/fidelity/laptop.yaml",
    "sampler": "conf/sampler/tpe.yaml",
    "scheduler": "conf/scheduler/asha.yaml",
    "space": "search_spaces/piecewise.yaml",
    "recipe": "conf/transfer/recipe/paper.yaml",
}


def test_a_network(here):
    right = (here / "tiny.yaml").read_text()
    file = here / "given.yaml"

    @examples(30)
    @given(
        yaml_files(right),
        st.sampled_from(["cost", "cost", "cost", "build", "export", "latency", "study conventions --network"]),
    )
    def hold(text, command):
        file.write_bytes(text)
        check("YAML of a network", [*command.split(), "given.yaml"], here)

    hold()
    file.unlink()


@pytest.mark.parametrize("group", _GROUPS)
def test_a_group(group, here):
    folder, _, file = _GROUPS[group].partition("/")
    right = (config.shipped(folder) / file).read_text()
    given_groups = here / "given"
    place = given_groups / ("search_spaces" if group == "space" else group) / "mine.yaml"
    place.parent.mkdir(parents=True)
    asked = [f"{group}=mine", "--config-dir", "given"]
    commands = {
        "recipe": [["train", "model=tiny.yaml", "data=folder", "data.root=images"]],
        "data": [["search"], ["search", "--cfg", "job"]],
    }.get(group, [["search", "data=digits"], ["search", "--cfg", "job"], ["cost", "34-34-45-55-66"]])

    @examples(2)
    @given(yaml_files(right), st.sampled_from(commands))
    def hold(text, command):
        place.write_bytes(text)
        check("YAML of a group", [*command, *asked], here)

    hold()
    shutil.rmtree(given_groups)


def test_the_config_of_a_run(here):
    file = here / "run" / "config.yaml"
    commands = ["resume run", "export --run run", "export --run run --as searched", "confirm run"]
    hold("config.yaml of a run", 12, yaml_files(file.read_text()), file, commands, here)


def test_the_config_of_a_run_that_is_reported(here):
    file = here / "run" / "config.yaml"
    commands = ["report run", "replay run --replays 2 --strategy asha,tpe", "study conventions --run run"]
    hold("config.yaml of a run", 2, yaml_files(file.read_text()), file, commands, here)
