"""Composition: every shipped choice is a valid plan, and whatever is mistyped is named in one line."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import yaml

from chansearch.cli import main
from chansearch.config import (
    METHODS,
    SAMPLERS,
    SCHEDULERS,
    SearchConfig,
    compose,
    expand_sweeps,
    from_plain,
    groups,
    known_keys,
    shipped,
)
from chansearch.cost import Verdict
from chansearch.errors import UserError
from chansearch.search.plan import make_plan
from chansearch.search.propose import check_reachable
from chansearch.space import FAMILIES
from chansearch.train.config import DATASETS
from tests.space.golden import GOLDEN, TABLE_3

# What a choice needs to be valid beside the defaults.
NEEDS = {
    ("data", "folder"): ["data.root=photos"],
    ("data", "digits"): ["constraint=demo"],
}
CHOICES = [(group, choice) for group, choices in groups().items() for choice in choices]


def refused(overrides, config_dir=None) -> str:
    with pytest.raises(UserError) as caught:
        make_plan(compose(overrides, config_dir and str(config_dir)), classes=10)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


class TestShippedChoices:
    @pytest.mark.parametrize(("group", "choice"), CHOICES)
    def test_every_one_composes_to_a_valid_plan(self, group, choice):
        config = compose([f"{group}={choice}", *NEEDS.get((group, choice), [])])
        plan = make_plan(config, classes=10)
        assert plan.config is config
        named = {"space": config.space.family, "fidelity": config.fidelity, "cluster": config.cluster.address}
        meant = "tpe" if (group, choice) == ("sampler", "auto") else choice  # with accuracy alone
        assert named.get(group, getattr(getattr(config, group), "name", None)) == meant

    def test_every_pair_of_constraint_and_space_can_be_met(self):
        for constraint, space in itertools.product(groups()["constraint"], groups()["space"]):
            check_reachable(make_plan(compose([f"constraint={constraint}", f"space={space}"]), 10).problem, seed=0)

    def test_there_is_a_file_for_every_name_the_code_knows(self):
        found = groups()
        assert set(found["sampler"]) == {"auto", *SAMPLERS}
        assert set(found["scheduler"]) == set(SCHEDULERS)
        assert set(found["space"]) == set(FAMILIES)
        assert set(found["data"]) == set(DATASETS)
        assert set(found) == {"cluster", "constraint", "data", "fidelity", "sampler", "scheduler", "space"}

    def test_defaults_are_the_papers_experiment(self):
        config = compose([])
        assert (config.constraint.name, config.data.name, config.fidelity) == ("c1", "cifar100", "paper")
        assert (config.train.epochs, config.train.seeds, config.search.candidates) == (30, 3, 200)
        assert (config.sampler.name, config.scheduler.name, config.space.family) == ("tpe", "none", "piecewise")
        assert config.data.rank_on == "val"
        assert (config.data.train_images, config.name, config.results) == (None, None, "results")

    @pytest.mark.parametrize("name", GOLDEN["constraints"])
    def test_constraints_are_those_of_table_3(self, name):
        row = GOLDEN["constraints"][name]
        problem = make_plan(compose([f"constraint={name}"]), 10).problem
        assert problem.skeleton.blocks == row["blocks"]
        assert problem.skeleton.depth == row["depth"]
        assert [i for i, stride in enumerate(problem.skeleton.strides, 1) if stride == 2] == row["stride_2_blocks"]
        assert (problem.skeleton.stem_channels, problem.skeleton.head_channels) == (32, 1280)
        assert problem.skeleton.expansions == (1,) + (6,) * (row["blocks"] - 1)
        for quantity, target in (("params", row["target_params"]), ("macs", row["working_macs"])):
            band = problem.budget.bands[quantity]
            assert (band.low, band.high) == pytest.approx((0.9 * target, 1.1 * target))
        assert not problem.budget.count_classifier

    @pytest.mark.parametrize("name", TABLE_3)
    def test_every_published_model_is_within_its_constraint(self, name):
        row = TABLE_3[name]
        problem = make_plan(compose([f"constraint={row['constraint']}"]), 100).problem
        assert problem.budget.verdicts(problem.priced([row["channels"]])) == [Verdict.WITHIN]

    @pytest.mark.parametrize(
        ("name", "blocks", "macs"),
        [
            ("d18_30m", 5, 30e6),
            ("d18_50m", 5, 50e6),
            ("d18_70m", 5, 70e6),
            ("d30_100m", 9, 100e6),
            ("d30_150m", 9, 150e6),
            ("d30_200m", 9, 200e6),
        ],
    )
    def test_constraints_of_figure_4_bound_the_macs_alone(self, name, blocks, macs):
        problem = make_plan(compose([f"constraint={name}"]), 10).problem
        assert problem.skeleton.blocks == blocks
        [(quantity, band)] = problem.budget.bands.items()
        assert quantity == "macs"
        assert (band.low, band.high) == pytest.approx((0.9 * macs, 1.1 * macs))


class TestOverrides:
    @pytest.mark.parametrize(
        ("override", "path", "value"),
        [
            ("search.candidates=20", "search.candidates", 20),
            ("train.lr=0.05", "train.lr", 0.05),
            ("train.patience=null", "train.patience", None),
            ("cluster.gpus_per_trial=0.5", "cluster.gpus_per_trial", 0.5),
            ("data.train_images=5000", "data.train_images", 5000),
            ("name='two words'", "name", "two words"),
            ("data.root=/home/jörg/größe 2", "data.root", "/home/jörg/größe 2"),
            ("data.root='/home/jörg,1'", "data.root", "/home/jörg,1"),
            ("constraint.skeleton.stride_blocks=[1,3]", "constraint.skeleton.stride_blocks", [1, 3]),
            ("constraint.budget.macs.target=50M", "constraint.budget.macs.target", "50M"),
            ("constraint.budget.flops.target=50M", "constraint.budget.macs.target", "50M"),
            ("constraint.budget.flops={target: 50M}", "constraint.budget.macs.target", "50M"),
            ("constraint.budget.count_classifier=true", "constraint.budget.count_classifier", True),
            ("space.divisor=8", "space.divisor", 8),
        ],
    )
    def test_sets_one_value_and_no_other(self, override, path, value):
        config = dataclasses.asdict(compose([override]))
        expected = dataclasses.asdict(compose([]))
        *sections, key = path.split(".")
        for held in (config, expected):
            for section in sections:
                held = held[section]
            if held is not None:
                found = held[key]
                held[key] = value
        del found
        assert config == expected

    def test_flops_is_macs_to_the_plan(self):
        for key in ("macs", "flops"):
            problem = make_plan(compose([f"constraint.budget.{key}.target=40M"]), 10).problem
            assert problem.budget.bands["macs"].high == pytest.approx(44e6)

    def test_what_is_set_stands_above_the_fidelity(self):
        assert compose(["fidelity=laptop", "train.epochs=9"]).train.epochs == 9
        assert compose(["train.epochs=9", "fidelity=laptop"]).train.epochs == 9

    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ("constraint=c5", ["constraint", "'c5'", "c1, c2, c3, c4"]),
            ("space=linaer", ["space", "'linaer'", "did you mean linear?"]),
            ("train.epoch=3", ["train.epoch", "did you mean train.epochs?"]),
            ("trian.epochs=3", ["trian.epochs", "did you mean train.epochs?"]),
            ("train.epochs=three", ["train.epochs", "three"]),
            ("train.nesterov=7up", ["train.nesterov", "7up"]),
            ("train.epochs=null", ["train.epochs"]),
            ("+train.epochs=3", ["train.epochs"]),
            ("++train.epoch=3", ["train.epoch", "did you mean train.epochs?"]),
            ("+brand=new", ["brand"]),
            ("~train", ["~train"]),
            ("train={epoch: 3}", ["epoch"]),
            ("train.epochs=${oc.env:NO_SUCH_VARIABLE}", ["NO_SUCH_VARIABLE"]),
            ("search.candidates=1,2", ["search.candidates"]),
            ("search.objectives=accuracy", ["search.objectives=accuracy", "allowed: a list, [a,b]"]),
            ("name={", ["name"]),
            ("constraint.skeleton.activation=gelu", ["constraint.skeleton.activation", "gelu", "silu"]),
            ("constraint.skeleton.blocks=1", ["constraint.skeleton.blocks", "1"]),
            ("sampler.name=bayes", ["sampler.name", "bayes", "tpe"]),
            ("scheduler.name=pbt", ["scheduler.name", "pbt", "asha"]),
            ("search.method=both", ["search.method", "both", *METHODS]),
            ("sampler.startup=1", ["sampler.startup", "1", "2 or more"]),
            ("data.name=imagenet", ["data.name", "imagenet"]),
        ],
    )
    def test_a_mistake_is_named_in_one_line(self, override, words):
        message = refused([override])
        for word in words:
            assert word in message

    def test_every_key_of_the_schema_is_known(self):
        def keys(node, prefix=""):
            for name, value in node.items():
                yield prefix + name
                if isinstance(value, dict):
                    yield from keys(value, f"{prefix}{name}.")

        assert set(keys(dataclasses.asdict(SearchConfig()))) <= known_keys().keys()
        assert "constraint.budget.macs.target" in known_keys()


class TestAUsersOwnFolder:
    @pytest.fixture
    def mine(self, tmp_path) -> Path:
        for group in ("constraint", "data", "search_spaces", "space"):
            (tmp_path / group).mkdir()
        (tmp_path / "constraint" / "tiny.yaml").write_text(
            "name: tiny\nskeleton: {blocks: 4, stride_blocks: [2]}\nbudget:\n  params: {target: 0.2M, tolerance: 0.2}\n"
        )
        (tmp_path / "data" / "photos.yaml").write_text("name: folder\nroot: /photos\naugment: crop\n")
        (tmp_path / "search_spaces" / "steps.yaml").write_text("family: stagewise\nmin_stages: 2\nmax_stages: 3\n")
        (tmp_path / "space" / "bends.yaml").write_text("family: piecewise\nmax_segments: 2\n")
        return tmp_path

    def test_adds_a_constraint(self, mine):
        config = compose(["constraint=tiny"], str(mine))
        assert (config.constraint.name, config.constraint.skeleton.blocks) == ("tiny", 4)
        assert config.constraint.skeleton.expansion == 6
        check_reachable(make_plan(config, 10).problem, seed=0)

    def test_adds_data(self, mine):
        config = compose(["data=photos"], str(mine))
        assert (config.data.name, config.data.root, config.data.augment) == ("folder", "/photos", "crop")

    @pytest.mark.parametrize(("name", "key", "value"), [("steps", "max_stages", 3), ("bends", "max_segments", 2)])
    def test_adds_a_space_in_either_folder(self, mine, name, key, value):
        config = compose([f"space={name}"], str(mine))
        assert getattr(config.space, key) == value
        make_plan(config, 10)

    def test_keeps_the_shipped_choices(self, mine):
        config = compose(["constraint=c2", "space=hinge", "data=cifar10"], str(mine))
        assert (config.constraint.name, config.space.family, config.data.name) == ("c2", "hinge", "cifar10")

    def test_does_not_reach_beyond_its_command(self, mine):
        compose(["space=steps", "constraint=tiny"], str(mine))
        assert "'steps' is unknown" in refused(["space=steps"])
        assert "'tiny' is unknown" in refused(["constraint=tiny"])

    def test_its_choices_are_listed_in_a_mistake(self, mine):
        message = refused(["constraint=tinny"], mine)
        assert "did you mean tiny?" in message
        assert "steps" in refused(["space=step"], mine)

    def test_may_be_named_relative_to_where_one_stands(self, mine, monkeypatch):
        monkeypatch.chdir(mine.parent)
        assert compose(["constraint=tiny"], mine.name).constraint.name == "tiny"

    def test_may_have_a_name_with_spaces(self, mine):
        renamed = mine.rename(mine.with_name("my own, groups"))
        assert compose(["constraint=tiny"], str(renamed)).constraint.name == "tiny"

    def test_works_from_the_command_line(self, mine, capsys):
        arguments = ["constraint=tiny", "space=steps", "--config-dir", str(mine)]
        assert main(["search", *arguments, "--cfg", "job"]) == 0
        printed = yaml.safe_load(capsys.readouterr().out)
        assert (printed["constraint"]["name"], printed["space"]["family"]) == ("tiny", "stagewise")
        assert main(["cost", "30-34-40-60", *arguments]) == 0
        assert "budget: params" in capsys.readouterr().out

    def test_a_budget_may_say_flops(self, mine):
        (mine / "constraint" / "flops.yaml").write_text("name: flops\nbudget: {flops: {target: 30M}}\n")
        problem = make_plan(compose(["constraint=flops"], str(mine)), 10).problem
        assert list(problem.budget.bands) == ["macs"]
        assert problem.budget.bands["macs"].high == pytest.approx(33e6)

    def test_macs_and_flops_at_once_are_one_too_many(self, mine):
        (mine / "constraint" / "both.yaml").write_text("budget: {flops: {target: 30M}, macs: {target: 30M}}\n")
        assert "macs and flops are the same quantity" in refused(["constraint=both"], mine)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("name: x\nbudgett: {macs: {target: 30M}}\n", ["budgett"]),
            ("budget: {macs: {targett: 30M}}\n", ["targett"]),
            ("skeleton: {blocks: many}\n", ["blocks", "many"]),
            ("skeleton: {blocks: [1, 2\n", ["broken"]),
            ("budget: {macs: {target: lots}}\n", ["constraint.budget.macs.target", "lots"]),
            ("name: x\n", ["constraint.budget"]),
            ("- a\n- list\n", []),
            ("!!python/object/apply:os.system ['true']\n", []),
        ],
    )
    def test_a_broken_constraint_is_named_in_one_line(self, mine, text, words):
        (mine / "constraint" / "broken.yaml").write_text(text)
        message = refused(["constraint=broken"], mine)
        for word in words:
            assert word in message

    @pytest.mark.parametrize("folder", ["search_spaces", "space"])
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("familly: linear\n", ["familly"]),
            ("family: circular\n", ["space.family", "circular", "linear"]),
            ("family: [linear\n", ["broken"]),
            ("just words\n", []),
            ("!!python/name:os.system\n", []),
        ],
    )
    def test_a_broken_space_is_named_in_one_line(self, mine, folder, text, words):
        # A name for each folder: Hydra keeps what search_spaces/ gave it for the life of the process.
        (mine / folder / f"broken_{folder}.yaml").write_text(text)
        message = refused([f"space=broken_{folder}"], mine)
        for word in words:
            assert word in message

    def test_is_no_folder(self, tmp_path):
        assert "--config-dir" in refused([], tmp_path / "nowhere")
        (tmp_path / "file").write_text("")
        assert "--config-dir" in refused([], tmp_path / "file")


class TestSweeps:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ([], [[]]),
            (["constraint=c1"], [["constraint=c1"]]),
            (["constraint=c1,c2"], [["constraint=c1"], ["constraint=c2"]]),
            (
                ["constraint=c1,c2", "train.epochs=3", "search.seed=0,1"],
                [
                    ["constraint=c1", "train.epochs=3", "search.seed=0"],
                    ["constraint=c1", "train.epochs=3", "search.seed=1"],
                    ["constraint=c2", "train.epochs=3", "search.seed=0"],
                    ["constraint=c2", "train.epochs=3", "search.seed=1"],
                ],
            ),
            (["search.seed=range(0,3)"], [["search.seed=0"], ["search.seed=1"], ["search.seed=2"]]),
            (["constraint.skeleton.stride_blocks=[1,3]"], [["constraint.skeleton.stride_blocks=[1,3]"]]),
            (
                ["constraint.skeleton.stride_blocks=[1,3],[2]"],
                [["constraint.skeleton.stride_blocks=[1,3]"], ["constraint.skeleton.stride_blocks=[2]"]],
            ),
        ],
    )
    def test_are_expanded_to_their_product(self, given, expected):
        assert expand_sweeps(given) == expected

    def test_each_combination_composes(self):
        names = [compose(o).constraint.name for o in expand_sweeps(["constraint=c1,c2,c3,c4", "sampler=tpe,random"])]
        assert names == ["c1", "c1", "c2", "c2", "c3", "c3", "c4", "c4"]

    @pytest.mark.parametrize("override", ["constraint=[c1", "a=b=c,{"])
    def test_what_cannot_be_read_is_refused_in_one_line(self, override):
        with pytest.raises(UserError) as caught:
            expand_sweeps([override])
        assert "\n" not in str(caught.value)


class TestReadingBack:
    @pytest.mark.parametrize(
        "overrides",
        [
            [],
            ["constraint=c4", "space=free", "sampler=cmaes", "scheduler=asha", "fidelity=laptop"],
            ["constraint=demo", "data=digits", "fidelity=demo", "train.patience=null", "name=mine"],
            ["constraint.budget.macs=null", "cluster.gpus_per_trial=0.25", "data=folder", "data.root=/ä b/ü"],
        ],
    )
    def test_what_cfg_job_prints_is_the_same_configuration(self, overrides, capsys):
        assert main(["search", *overrides, "--cfg", "job"]) == 0
        assert from_plain(yaml.safe_load(capsys.readouterr().out), "config.yaml") == compose(overrides)

    def test_what_a_run_adds_is_left_out(self):
        plain = dataclasses.asdict(compose(["constraint=c2"])) | {"provenance": {"torch": "2.14"}, "later": 1}
        assert from_plain(plain, "config.yaml") == compose(["constraint=c2"])

    @pytest.mark.parametrize("value", ["${oc.env:HOME}", "x${name}", "${results}"])
    def test_an_interpolation_is_refused(self, value):
        """A run directory may come from anywhere; its values are plain."""
        for plain in (
            {"results": value},
            {"data": {"root": value}},
            {"constraint": {"skeleton": {"stride_blocks": [value]}}},
        ):
            with pytest.raises(UserError, match=r"run/config\.yaml: holds an interpolation"):
                from_plain(plain, "run/config.yaml")

    @pytest.mark.parametrize(
        ("plain", "word"),
        [
            ({"train": {"epochs": "many"}}, "train.epochs"),
            ({"train": {"epoch": 3}}, "train.epoch"),
            ({"search": {"candidates": [1]}}, "search.candidates"),
            ({"constraint": {"skeleton": {"stride_blocks": ["two"]}}}, "stride_blocks"),
            ({"name": {"a": 1}}, "name"),
        ],
    )
    def test_what_does_not_fit_the_schema_is_named_in_one_line(self, plain, word):
        with pytest.raises(UserError) as caught:
            from_plain(plain, "run/config.yaml")
        message = str(caught.value)
        assert message.startswith("run/config.yaml: ")
        assert word in message
        assert "\n" not in message


def test_shipped_folders_are_there():
    assert (shipped("conf") / "config.yaml").is_file()
    assert (shipped("search_spaces") / "piecewise.yaml").is_file()
