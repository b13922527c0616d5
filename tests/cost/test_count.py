"""The closed forms against built modules, published figures and each other."""

import dataclasses

import numpy as np
import pytest

from chansearch.cost import CONVENTION, Costs, price, price_spec
from chansearch.nets import PRESETS, NetworkSpec, preset
from tests.cost.oracles import count, peak_activations
from tests.nets.specs import draw_spec, search_spec
from tests.space.golden import GOLDEN, TABLE_3

DRAWN = range(520)
DRAWN_PEAKS = range(1000, 1060)


@pytest.mark.parametrize("seed", DRAWN)
def test_counts_are_the_built_modules(seed):
    spec = draw_spec(seed)
    counted = count(spec)
    all_costs, body_costs = price_spec(spec), price_spec(spec, count_classifier=False)
    for name in ("params", "macs", "activations"):
        total, classifier = getattr(counted, name), getattr(counted, f"classifier_{name}")
        assert all_costs[name] == total, (name, spec)
        assert body_costs[name] == total - classifier, (name, spec)


def _all_body(seed: int) -> NetworkSpec:
    """A drawn spec whose peak is in a block, at any of its steps: little before and behind, short on pixels too."""
    rng = np.random.default_rng(seed)
    spec = draw_spec(seed)
    return dataclasses.replace(
        spec,
        strides=(1,) * spec.blocks,
        expansions=tuple(rng.choice([1, 1, 2], spec.blocks).tolist()),
        input_size=1 + seed % 3,
        in_channels=1,
        head_channels=1,
        classes=1,
        shortcut="padded",
    )


@pytest.mark.parametrize("draw", [draw_spec, _all_body])
@pytest.mark.parametrize("seed", DRAWN_PEAKS)
def test_peak_is_that_of_the_traced_graph(draw, seed):
    spec = draw(seed)
    peaks = tuple(price_spec(spec, count_classifier=counted)["peak_activations"] for counted in (True, False))
    assert peaks == peak_activations(spec), spec


@pytest.mark.parametrize("constraint", GOLDEN["constraints"])
def test_peak_of_the_search_networks(constraint):
    spec = search_spec(constraint, TABLE_3[f"{constraint} best"]["channels"])
    assert price_spec(spec)["peak_activations"] == peak_activations(spec)[0]


def test_peak_of_a_network_small_enough_to_do_by_hand():
    """4 pixels. The expanded feature (12 channels) beside its depthwise copy and the 2 channels of the shortcut."""
    spec = NetworkSpec((2,), (1,), (6,), stem_channels=2, head_channels=4, input_size=2, classes=3, in_channels=1)
    assert price_spec(spec)["peak_activations"] == 4 * (12 + 12 + 2)
    bare = dataclasses.replace(spec, shortcut="none")
    assert price_spec(bare)["peak_activations"] == 4 * (12 + 12)


@pytest.mark.parametrize("row", TABLE_3.values(), ids=TABLE_3)
def test_table_3_costs_to_the_digits_given(row):
    costs = price_spec(search_spec(row["constraint"], row["channels"]), count_classifier=False)
    assert round(costs["params"] / 1e6, 3) == row["params_m"]
    assert round(costs["macs"] / 1e6, 1) == row["macs_m"]


@pytest.mark.parametrize("row", TABLE_3.values(), ids=TABLE_3)
def test_table_3_costs_are_near_the_published_ones(row):
    costs = price_spec(search_spec(row["constraint"], row["channels"]), count_classifier=False)
    assert costs["params"] / 1e6 == pytest.approx(row["published_params_m"], rel=0.05)
    assert costs["macs"] / 1e6 == pytest.approx(row["published_macs_m"], rel=0.06)


@pytest.mark.parametrize(("name", "row"), GOLDEN["networks"].items(), ids=GOLDEN["networks"])
def test_published_networks_cost_what_others_measure(name, row):
    costs = price_spec(preset(name))
    assert (costs["params"], costs["macs"]) == (row["params"], row["macs"])


# docs/rexnet.md says why ReXNet (plain) is not.
_OWN = [row for row in GOLDEN["table_5"] if row["network"] in PRESETS and row["network"] != "rexnet_plain"]


@pytest.mark.parametrize("row", _OWN, ids=lambda row: row["network"])
def test_every_width_is_near_its_published_costs(row):
    costs = price_spec(preset(row["network"]))
    assert costs["params"] / 1e6 == pytest.approx(row["params_m"], rel=0.03)
    assert costs["macs"] / 1e9 == pytest.approx(row["macs_b"], rel=0.03)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("count_classifier", [True, False])
def test_many_rows_cost_what_each_costs(seed, count_classifier):
    skeleton = draw_spec(seed)
    channels = np.random.default_rng(seed).integers(1, 60, (17, skeleton.blocks))
    costs = price(skeleton, channels, count_classifier=count_classifier)
    for index, row in enumerate(channels):
        assert costs.row(index) == price_spec(skeleton.with_channels(row), count_classifier=count_classifier)


@pytest.mark.parametrize("seed", range(40))
def test_relaxed_cost_is_the_exact_one_for_whole_channels(seed):
    skeleton = dataclasses.replace(draw_spec(seed), se_reduction=None)
    channels = np.random.default_rng(seed).integers(1, 60, (5, skeleton.blocks))
    exact, relaxed = price(skeleton, channels), price(skeleton, channels.astype(float))
    for field in dataclasses.fields(exact):
        assert getattr(exact, field.name).dtype == np.int64
        assert getattr(relaxed, field.name).dtype == np.float64
        assert getattr(relaxed, field.name).tolist() == getattr(exact, field.name).tolist(), field.name


@pytest.mark.parametrize("seed", range(20))
def test_relaxed_cost_is_near_the_exact_one_with_se(seed):
    skeleton = dataclasses.replace(draw_spec(seed), se_reduction=12, se_from=1, divisor=1)
    channels = np.random.default_rng(seed).integers(20, 60, (5, skeleton.blocks))
    exact, relaxed = price(skeleton, channels), price(skeleton, channels.astype(float))
    assert relaxed.params == pytest.approx(exact.params, rel=0.15)
    assert relaxed.macs == pytest.approx(exact.macs, rel=0.15)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_small_integer_types_do_not_overflow(dtype):
    skeleton = preset("rexnet_300")
    channels = np.full((2, 16), 250, dtype=dtype)
    assert price(skeleton, channels).macs.tolist() == [price_spec(skeleton.with_channels([250] * 16))["macs"]] * 2


def test_price_leaves_its_argument_alone():
    channels = np.array([[4, 8, 12, 16, 20]])
    price(search_spec("c1"), channels)
    assert channels.tolist() == [[4, 8, 12, 16, 20]]


@pytest.mark.parametrize("channels", [[4, 8, 12], [[4, 8, 12]], [[[4, 8, 12, 16, 20]]]])
def test_channels_of_another_skeleton_are_refused(channels):
    with pytest.raises(ValueError, match=r"channels must have shape \(n, 5\)"):
        price(search_spec("c1"), np.array(channels))


def test_no_candidates_cost_nothing():
    assert price(search_spec("c1"), np.zeros((0, 5), dtype=int)).params.shape == (0,)


def test_the_convention_explains_every_cost():
    assert list(CONVENTION) == [field.name for field in dataclasses.fields(Costs)]
    assert all(CONVENTION.values())
