"""From a searched shape to YAML that builds: budgets met, options heard, and where it came from written down."""

import dataclasses
import re

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import chansearch
from chansearch.cli import main
from chansearch.cost import parse_count, price_spec
from chansearch.errors import UserError
from chansearch.export import ExportOptions, export_document, full_network, reference, to_yaml
from chansearch.nets import ACTIVATIONS, NetworkSpec
from chansearch.nets.files import load_spec
from chansearch.space import Member, Shape, format_channels
from tests.export.runs import make_run
from tests.space.golden import GOLDEN, TABLE_3

REXNET = tuple(GOLDEN["rexnet_channels"]["channels"])
REXNET_COSTS = GOLDEN["networks"]["rexnet_100"]
LINE = "10-20-30-40-50"


def export(**options) -> dict:
    return export_document(ExportOptions(**options))


def spec_of(document: dict) -> NetworkSpec:
    network = document["network"]
    return NetworkSpec(**{k: tuple(v) if isinstance(v, list) else v for k, v in network.items()})


def real_costs(network: torch.nn.Module, spec: NetworkSpec) -> dict[str, int]:
    """Of the built modules, by torch's own counter, which says two FLOPs a multiply-add."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        image = torch.zeros(1, spec.in_channels, spec.input_size, spec.input_size)
    with FlopCounterMode(display=False) as counter:
        network.to("meta").eval()(image)
    return {"params": sum(p.numel() for p in network.parameters()), "macs": counter.get_total_flops() // 2}


class TestTheFullReXNet:
    @pytest.mark.parametrize(
        "line",
        [
            LINE,
            "1-2",
            "16-27-38-50-61-72-84-95-106-117-128-140-151-162-174-185",
            "24-33-42-50-59-68-77-85-94",
            "3-60-117",
        ],
    )
    def test_a_linear_shape_gives_rexnet_itself(self, line):
        document = export(channels=line)
        assert tuple(document["network"]["channels"]) == REXNET
        assert {k: document["costs"][k] for k in ("params", "macs")} == {k: REXNET_COSTS[k] for k in ("params", "macs")}
        assert (document["shape"]["a"], document["shape"]["b"]) == (168.75, 16.0)

    @given(st.integers(1, 100), st.integers(1, 60), st.integers(2, 20))
    @settings(max_examples=25)
    def test_so_does_any_linear_list(self, start, step, blocks):
        document = export(channels=format_channels(start + step * np.arange(blocks)))
        assert tuple(document["network"]["channels"]) == REXNET

    @pytest.mark.parametrize("name", TABLE_3)
    def test_every_published_configuration_builds_and_costs_what_it_says(self, name, tmp_path):
        document = export(channels=TABLE_3[name]["text"])
        file = tmp_path / "exported.yaml"
        file.write_text(to_yaml(document), encoding="utf-8")
        spec = load_spec(file)
        network = chansearch.build(file)
        assert real_costs(network, spec) == {k: document["costs"][k] for k in ("params", "macs")}
        assert list(spec.channels) == sorted(spec.channels)
        assert spec.blocks == 16

    @pytest.mark.parametrize("name", TABLE_3)
    def test_every_published_configuration_keeps_its_shape(self, name):
        """The exported channels follow the searched curve, read at equal steps of relative depth."""
        searched = np.array(TABLE_3[name]["channels"], dtype=float)
        exported = np.array(export(channels=TABLE_3[name]["text"])["network"]["channels"], dtype=float)
        curve = (searched - searched[0]) / (searched[-1] - searched[0])
        expected = np.interp(np.linspace(0, 1, 16), np.linspace(0, 1, len(curve)), curve)
        found = (exported - exported[0]) / (exported[-1] - exported[0])
        assert np.abs(found - expected).max() < 0.02, (found, expected)

    def test_channels_are_those_of_the_shape_it_names(self):
        document = export(channels="34-34-45-55-66")
        shape = document["shape"]
        member = Member(shape["a"], shape["b"], Shape(tuple(shape["knots"]), tuple(shape["values"])))
        assert member.channels() == tuple(document["network"]["channels"])


class TestBudgets:
    @given(st.floats(2.5e6, 30e6))
    @settings(max_examples=40)
    def test_params_alone_are_met(self, params):
        costs = export(channels=LINE, params=f"{params:.0f}")["costs"]
        assert costs["params"] == pytest.approx(params, rel=0.01)

    @given(st.floats(150e6, 4e9))
    @settings(max_examples=40)
    def test_macs_alone_are_met(self, macs):
        costs = export(channels=LINE, macs=f"{macs:.0f}")["costs"]
        assert costs["macs"] == pytest.approx(macs, rel=0.01)

    @given(st.floats(20, 400), st.floats(0.06, 0.9))
    @settings(max_examples=40)
    def test_both_are_met_where_a_line_can(self, end, start):
        """The budgets are those of a line in real numbers, so there is one that meets them."""
        from chansearch.cost import price

        line = end * (start + (1 - start) * np.linspace(0, 1, 16))
        real = price(reference(), line[None])
        params, macs = float(real.params[0]), float(real.macs[0])
        costs = export(channels=LINE, params=f"{params:.0f}", macs=f"{macs:.0f}")["costs"]
        assert costs["params"] == pytest.approx(params, rel=0.01)
        assert costs["macs"] == pytest.approx(macs, rel=0.01)

    def test_units_are_understood(self):
        assert export(channels=LINE, params="4.8M", macs="400M") == export(channels=LINE, params="4800000", macs="0.4G")

    @pytest.mark.parametrize("divisor", [4, 8, 16])
    @pytest.mark.parametrize("channels", [LINE, "34-34-45-55-66", "52x9-115-263-263-412"])
    def test_channels_are_multiples_of_the_divisor(self, divisor, channels):
        document = export(channels=channels, divisor=divisor)
        assert all(c % divisor == 0 for c in document["network"]["channels"])
        assert document["network"]["divisor"] == divisor
        shape = document["shape"]
        member = Member(shape["a"], shape["b"], Shape(tuple(shape["knots"]), tuple(shape["values"])))
        assert member.channels(divisor) == tuple(document["network"]["channels"])

    def test_a_divisor_of_8_still_comes_near_the_budget(self):
        costs = export(channels=LINE, divisor=8)["costs"]
        assert costs["params"] == pytest.approx(REXNET_COSTS["params"], rel=0.05)
        assert costs["macs"] == pytest.approx(REXNET_COSTS["macs"], rel=0.05)

    @pytest.mark.parametrize(
        "options",
        [
            {"params": "0.5M"},
            {"macs": "1M"},
            {"params": "4.8M", "macs": "5G"},
            {"params": "40M", "macs": "200M"},
        ],
    )
    def test_an_impossible_one_names_the_nearest(self, options):
        with pytest.raises(UserError) as caught:
            export(channels=LINE, **options)
        message = str(caught.value)
        for key, value in options.items():
            assert f"--{key} {value}" in message
        found = re.search(r"the nearest has params ([\d,]+) and MACs ([\d,]+)", message)
        nearest = {"params": int(found[1].replace(",", "")), "macs": int(found[2].replace(",", ""))}
        missed = [key for key, value in options.items() if abs(nearest[key] / parse_count(key, value) - 1) > 0.05]
        assert missed, message

    def test_the_nearest_that_is_named_can_be_asked_for(self):
        with pytest.raises(UserError) as caught:
            export(channels=LINE, params="4.8M", macs="5G")
        params, macs = (
            n.replace(",", "") for n in re.search(r"params ([\d,]+) and MACs ([\d,]+)", str(caught.value)).groups()
        )
        costs = export(channels=LINE, params=params, macs=macs)["costs"]
        assert (costs["params"], costs["macs"]) == (int(params), int(macs))

    @pytest.mark.parametrize("key", ["params", "macs"])
    @pytest.mark.parametrize("value", ["lots", "-4M", "0", "nan", "inf", "1e400", "4.8 M B", ""])
    def test_what_is_no_count_is_refused(self, key, value):
        with pytest.raises(UserError, match=f"--{key}"):
            export(channels=LINE, **{key: value})

    def test_full_network_needs_a_target(self):
        with pytest.raises(ValueError, match="params or macs"):
            full_network(Shape.linear(5), reference(), params=None, macs=None, start=0.1)


class TestAtMost:
    @pytest.mark.parametrize("channels", [LINE, "34-34-45-55-66", "10-10-10-10-40"])
    @pytest.mark.parametrize(("size", "binds"), [(64, "params"), (224, "macs")])
    def test_the_network_is_within_both_and_near_one(self, channels, size, binds):
        bounds = {"params": 12.5e6, "macs": 300e6}
        costs = export(channels=channels, params="12.5M", macs="300M", at_most=True, input_size=size)["costs"]
        shares = {name: costs[name] / bound for name, bound in bounds.items()}
        assert max(shares.values()) <= 1
        assert max(shares, key=shares.get) == binds
        assert shares[binds] > 0.97

    def test_it_is_as_steep_as_what_costs_the_same_as_rexnet(self):
        """A search's small network starts wide; a large one that did would be all early layers."""
        found = export(channels="34-34-45-55-66", macs="300M", at_most=True)["network"]["channels"]
        whole = export(channels="34-34-45-55-66")["network"]["channels"]
        assert found[0] / found[-1] == pytest.approx(whole[0] / whole[-1], abs=0.01)

    def test_alone_it_bounds_what_rexnet_costs(self):
        costs, whole = export(channels=LINE, at_most=True)["costs"], price_spec(reference())
        assert all(0.97 * whole[name] < costs[name] <= whole[name] for name in ("params", "macs"))

    def test_what_no_width_is_within_is_refused(self):
        with pytest.raises(UserError, match="--params 500K cannot be met"):
            export(channels=LINE, params="500K", at_most=True)

    def test_is_for_candidates_alone(self):
        with pytest.raises(UserError, match="--at-most: is for candidates"):
            export(network="rexnet_100", at_most=True)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, {"se_reduction": 12, "se_from": 4, "activation": "silu", "classes": 1000, "input_size": 224}),
            ({"se": "none"}, {"se_reduction": None}),
            ({"se": "4"}, {"se_reduction": 4}),
            ({"activation": "relu6"}, dict.fromkeys(("activation", "stem_activation", "head_activation"), "relu6")),
            ({"depthwise_activation": "hardswish"}, {"depthwise_activation": "hardswish", "activation": "silu"}),
            ({"classes": 37}, {"classes": 37}),
            ({"input_size": 96}, {"input_size": 96}),
        ],
    )
    def test_each_is_heard_and_builds(self, options, expected, tmp_path):
        document = export(channels="34-34-45-55-66", **options)
        assert {key: document["network"][key] for key in expected} == expected
        file = tmp_path / "exported.yaml"
        file.write_text(to_yaml(document), encoding="utf-8")
        spec = load_spec(file)
        network = chansearch.build(file)
        assert real_costs(network, spec) == {k: document["costs"][k] for k in ("params", "macs")}

    def test_the_default_budget_is_that_of_rexnet_for_these_classes_and_this_input(self):
        document = export(channels=LINE, classes=10, input_size=64)
        assert tuple(document["network"]["channels"]) == REXNET
        own = price_spec(reference(classes=10, input_size=64))
        assert document["costs"] == own

    def test_without_se_the_channels_grow_to_the_same_budget(self):
        document = export(channels=LINE, se="none", params="4.8M")
        assert document["costs"]["params"] == pytest.approx(4.8e6, rel=0.01)
        assert document["network"]["channels"][-1] > REXNET[-1]

    def test_runs_on_real_numbers_at_a_small_size(self, tmp_path):
        file = tmp_path / "exported.yaml"
        file.write_text(to_yaml(export(channels=LINE, input_size=32, classes=7)), encoding="utf-8")
        network = chansearch.build(file).eval()
        logits = network(torch.randn(2, 3, 32, 32))
        assert logits.shape == (2, 7)
        assert torch.isfinite(logits).all()

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"se": "0"}, "--se"),
            ({"se": "much"}, "--se"),
            ({"se": "²"}, "--se"),
            ({"activation": "gelu"}, "gelu"),
            ({"depthwise_activation": "none"}, "depthwise_activation"),
            ({"classes": 0}, "classes"),
            ({"input_size": 0}, "input_size"),
            ({"input_size": -224}, "input_size"),
            ({"divisor": 0}, "divisor"),
            ({"channels": "1"}, "channels"),
            ({"channels": "5-4"}, "channels"),
            ({"channels": "4-x"}, "channels"),
            ({"run_directory": "results/x"}, "--run"),
            ({"form": "searched"}, "--as searched"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(self, options, named):
        with pytest.raises(UserError) as caught:
            export(**({"channels": LINE} | options))
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_every_activation_is_accepted(self, activation):
        assert export(channels=LINE, activation=activation)["network"]["activation"] == activation


C1 = [
    ((34, 34, 45, 55, 66), 63.4),
    ((36, 36, 36, 36, 83), 61.1),
    ((30, 38, 46, 54, 63), 62.0),
    ((33, 36, 42, 60, 64), None),
]


class TestFromARun:
    @pytest.fixture
    def run(self, tmp_path):
        return make_run(tmp_path / "results" / "first", "c1", C1, classes=100)

    @pytest.mark.parametrize(("top", "number"), [(1, 0), (2, 2), (3, 1)])
    def test_top_n_is_the_nth_best(self, run, top, number):
        source = export(run_directory=str(run.path), top=top)["source"]
        assert source["candidate"] == number
        assert source["channels"] == format_channels(C1[number][0])

    @pytest.mark.parametrize("top", [0, 4, -1])
    def test_a_rank_that_is_not_there_is_refused(self, run, top):
        with pytest.raises(UserError, match=f"--top: {top}; allowed: 1 to 3"):
            export(run_directory=str(run.path), top=top)

    def test_equal_accuracies_go_by_number(self, tmp_path):
        run = make_run(tmp_path / "tie", "c1", [(channels, 60.0) for channels, _ in C1])
        assert [export(run_directory=str(run.path), top=top)["source"]["candidate"] for top in (1, 2, 3, 4)] == [
            0,
            1,
            2,
            3,
        ]

    def test_says_where_it_came_from(self, run):
        source = export(run_directory=str(run.path))["source"]
        assert source["run"] == "first"
        assert (source["constraint"], source["data"], source["fidelity"]) == ("c1", "cifar100", "paper")
        assert (source["ranked_on"], source["epochs"], source["seeds"]) == ("val", 30, [0, 1])
        assert (source["val_top1_mean"], source["val_top1"]) == (63.4, [62.9, 63.9])
        member = Member(source["a"], source["b"], Shape(tuple(source["knots"]), tuple(source["values"])))
        assert member.channels() == (34, 34, 45, 55, 66)

    def test_the_shape_is_that_of_channels_given_by_hand(self, run):
        assert export(run_directory=str(run.path))["network"] == export(channels="34-34-45-55-66")["network"]

    def test_as_searched_is_the_candidate_itself(self, run):
        document = export(run_directory=str(run.path), form="searched")
        spec = spec_of(document)
        assert spec.channels == (34, 34, 45, 55, 66)
        assert (spec.classes, spec.input_size, spec.strides) == (100, 32, (1, 2, 1, 2, 1))
        record = run.records()[0]
        without = price_spec(spec, count_classifier=False)
        assert without == {name: getattr(record.candidate, name) for name in without}
        assert (without["params"], without["macs"]) == (199_898, 28_606_208)
        assert document["costs"] == price_spec(spec)
        assert real_costs(chansearch.build(spec), spec) == {k: document["costs"][k] for k in ("params", "macs")}

    def test_as_searched_takes_no_budget(self, run):
        with pytest.raises(UserError, match="--as searched"):
            export(run_directory=str(run.path), form="searched", params="1M")

    def test_the_latest_run_is_the_default(self, run):
        import os

        other = make_run(run.path.parent / "second", "c1", C1[1:])
        os.utime(run.config_file, ns=(1, 1))
        assert export(results=str(run.path.parent))["source"]["run"] == "second"
        os.utime(other.config_file, ns=(0, 0))
        assert export(results=str(run.path.parent))["source"]["run"] == "first"

    def test_an_unfinished_run_exports_what_it_has(self, tmp_path):
        run = make_run(tmp_path / "cut-off", "c1", C1[1:2], "search.candidates=200")
        with run.candidates_file.open("ab") as file:
            file.write(b"1,finished,ungui")
        assert export(run_directory=str(run.path))["source"]["candidate"] == 0

    @pytest.mark.parametrize(
        ("ranked", "why"),
        [
            ([], "no candidate has ended yet"),
            ([C1[3]], r"none of 1 candidates was trained to its end: 1 failed \(.+\)"),
        ],
    )
    def test_a_run_without_a_finished_candidate_is_refused(self, tmp_path, ranked, why):
        run = make_run(tmp_path / "empty", "c1", ranked)
        with pytest.raises(UserError, match=f"no candidate to export: {why}"):
            export(run_directory=str(run.path))

    def test_no_run_at_all_says_how_to_start_one(self, tmp_path):
        with pytest.raises(UserError, match="chansearch search"):
            export(results=str(tmp_path))


class TestTheFile:
    @pytest.mark.parametrize("options", [{}, {"se": "none", "divisor": 8}, {"classes": 10, "input_size": 32}])
    def test_reads_back_as_the_same_document(self, options, tmp_path):
        document = export(channels="34-34-45-55-66", **options)
        text = to_yaml(document)
        assert yaml.safe_load(text) == document
        file = tmp_path / "exported.yaml"
        file.write_text(text, encoding="utf-8")
        assert load_spec(file) == spec_of(document)

    def test_a_run_of_any_name_reads_back(self, tmp_path):
        run = make_run(tmp_path / "network: “Größe” #1", "c1", C1)
        document = export(run_directory=str(run.path))
        assert yaml.safe_load(to_yaml(document)) == document
        assert document["source"]["run"] == "network: “Größe” #1"

    def test_every_part_stands_under_a_comment(self):
        lines = to_yaml(export(channels=LINE)).splitlines()
        for part in ("network", "shape", "costs", "source"):
            [at] = [number for number, line in enumerate(lines) if line.startswith(f"{part}:")]
            assert lines[at - 1].startswith("# ")

    def test_standard_output_is_nothing_but_the_file(self, capsys):
        assert main(["export", "--channels", LINE]) == 0
        captured = capsys.readouterr()
        assert yaml.safe_load(captured.out) == export(channels=LINE)
        assert captured.err == ""

    def test_a_note_goes_to_standard_error(self, capsys):
        assert main(["export", "--channels", "1-900x15"]) == 0
        captured = capsys.readouterr()
        assert yaml.safe_load(captured.out)["costs"]["params"] > 0
        assert captured.err.startswith("chansearch: note: ")
        assert captured.err.count("\n") == 1

    def test_channels_that_are_all_the_same_are_said_to_have_no_shape(self, capsys):
        assert main(["export", "--channels", "32x5"]) == 0
        captured = capsys.readouterr()
        assert tuple(yaml.safe_load(captured.out)["network"]["channels"]) == REXNET
        assert captured.err == (
            "chansearch: note: channels that are all the same have no shape; a straight line is taken\n"
        )

    def test_options_of_the_command_line_reach_the_file(self, capsys):
        arguments = ["--params", "3M", "--divisor", "8", "--se", "none", "--activation", "relu6", "--classes", "5"]
        assert main(["export", "--channels", LINE, *arguments, "--input-size", "160"]) == 0
        document = yaml.safe_load(capsys.readouterr().out)
        options = {"params": "3M", "divisor": 8, "se": "none", "activation": "relu6", "classes": 5, "input_size": 160}
        assert document == export(channels=LINE, **options)

    def test_options_have_the_names_of_the_command_line(self):
        from chansearch.cli import _make_parser

        given = vars(_make_parser().parse_args(["export"]))
        for field in dataclasses.fields(ExportOptions):
            assert given[field.name] == field.default, field.name
