"""Specs: what is refused and how it is named, and the questions a spec answers."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from timm.layers import make_divisible as timms_divisible

from chansearch.errors import UserError
from chansearch.nets import ACTIVATIONS, PRESETS, SHORTCUTS, NetworkSpec, preset
from chansearch.nets.presets import rexnet
from chansearch.nets.spec import ACTIVATION_PLACES, make_divisible, se_width
from tests.nets.specs import search_spec
from tests.space.golden import GOLDEN

SPEC = NetworkSpec(channels=(8, 12, 12, 10), strides=(1, 2, 1, 1), expansions=(1, 6, 6, 6), stem_channels=8)

_WHOLE = (
    "stem_channels", "stem_stride", "head_channels", "classes", "input_size", "in_channels", "se_reduction", "se_from",
    "divisor",
)  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key in _WHOLE for value in (0, -1, 2.0, "8", True, [8], math.nan)]
    + [(key, value) for key in _WHOLE if key != "se_reduction" for value in (None,)]
    + [(key, (*getattr(SPEC, key)[:3], bad)) for key in ("channels", "strides", "expansions") for bad in (0, -2, 1.5)]
    + [(key, (*getattr(SPEC, key)[:3], bad)) for key in ("channels", "strides", "expansions") for bad in ("1", True)]
    + [(key, bad) for key in ("strides", "expansions") for bad in ((), (1, 1, 1), (1, 1, 1, 1, 1))]
    + [("channels", ())]
    + [
        (key, bad)
        for key in ("activation", "depthwise_activation", "stem_activation", "head_activation")
        for bad in ("swish", "", None, 3, ["relu"])
    ]
    + [("shortcut", bad) for bad in ("pad", None, True)]
    + [(key, bad) for key in ("dropout", "drop_path") for bad in (-0.1, 1, 1.5, math.nan, "0.2", True, None)],
    ids=repr,
)
def test_a_value_out_of_range_is_named(key, value):
    with pytest.raises(UserError) as error:
        dataclasses.replace(SPEC, **{key: value})
    assert str(error.value).startswith(f"{key}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["activation", "shortcut"])
def test_an_unknown_name_lists_the_known_ones(key):
    with pytest.raises(UserError) as error:
        dataclasses.replace(SPEC, **{key: "swish"})
    assert ", ".join(ACTIVATIONS if key == "activation" else SHORTCUTS) in str(error.value)


@pytest.mark.parametrize("constraint", GOLDEN["constraints"])
def test_depth_counts_as_the_paper_does(constraint):
    assert search_spec(constraint).depth == GOLDEN["constraints"][constraint]["depth"]


def test_with_channels_keeps_the_skeleton():
    other = SPEC.with_channels(np.array([1, 2, 3, 4]))
    assert other.channels == (1, 2, 3, 4)
    assert dataclasses.replace(other, channels=SPEC.channels) == SPEC
    assert isinstance(other.channels[0], int)


@pytest.mark.parametrize(
    ("shortcut", "expected"),
    [
        # stem 8 → 8 → (stride 2) 12 → 12 → 10
        ("padded", [True, False, True, False]),
        ("identity", [True, False, True, False]),
        ("none", [False, False, False, False]),
    ],
)
def test_shortcuts(shortcut, expected):
    spec = dataclasses.replace(SPEC, shortcut=shortcut)
    assert [spec.has_shortcut(block) for block in range(1, 5)] == expected


def test_only_a_padded_shortcut_bridges_growing_widths():
    grows = dataclasses.replace(SPEC, channels=(9, 12, 13, 13))
    assert [grows.has_shortcut(b) for b in range(1, 5)] == [True, False, True, True]
    grows = dataclasses.replace(grows, shortcut="identity")
    assert [grows.has_shortcut(b) for b in range(1, 5)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("reduction", "se_from", "expected"),
    [
        (None, 1, [False] * 4),
        (12, 1, [True] * 4),
        (12, 3, [False, False, True, True]),
        (12, 5, [False] * 4),
    ],
)
def test_se_starts_at_its_block(reduction, se_from, expected):
    spec = dataclasses.replace(SPEC, se_reduction=reduction, se_from=se_from)
    assert [spec.has_se(block) for block in range(1, 5)] == expected


@pytest.mark.parametrize(("reduction", "divisor"), itertools.product((2, 4, 12, 24, 49, 107), (1, 3, 8, 16)))
def test_se_width_is_timms(reduction, divisor):
    hidden = np.arange(1, 4000)
    expected = [timms_divisible(int(h * (1 / reduction)), divisor) for h in hidden.tolist()]
    assert se_width(hidden, reduction, divisor).tolist() == expected
    spec = dataclasses.replace(SPEC, se_reduction=reduction, divisor=divisor)
    assert [spec.se_width(h) for h in (1, 228, 1110)] == [expected[h - 1] for h in (1, 228, 1110)]


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("rexnet_") and name[7:].isdecimal()])
def test_se_widths_of_the_published_networks(name):
    """At the published reduction of 12 the product in float64 is plain floor division."""
    spec = preset(name)
    hidden = [6 * c for c in (spec.stem_channels, *spec.channels)]
    assert [spec.se_width(h) for h in hidden] == [h // 12 for h in hidden]


def test_se_width_is_unrounded_for_float():
    assert se_width(np.array([6.0, 30.0]), 12, 8).tolist() == [0.5, 2.5]


def test_rexnet_100_is_the_published_configuration():
    spec = preset("rexnet_100")
    assert list(spec.channels) == GOLDEN["rexnet_channels"]["channels"]
    assert [b for b, stride in enumerate(spec.strides, start=1) if stride == 2] == [2, 4, 6, 12]
    assert (spec.stem_channels, spec.head_channels, spec.stem_stride) == (32, 1280, 2)


def test_narrow_rexnet_keeps_stem_first_block_and_step():
    spec = preset("rexnet_090")
    assert (spec.stem_channels, spec.channels[0], spec.head_channels) == (32, 16, 1152)
    assert spec.channels[-1] == round(16 + 0.9 * 168.75)


@pytest.mark.parametrize(("width", "head"), [(0.5, 640), (1.0004, 1280), (1.1, 1408), (2.2, 2816)])
def test_the_head_is_rounded_down(width, head):
    assert rexnet(width).head_channels == head


@pytest.mark.parametrize("divisor", (1, 3, 8, 16))
def test_make_divisible_is_timms(divisor):
    widths = np.arange(1, 4000)
    assert make_divisible(widths, divisor).tolist() == [timms_divisible(width, divisor) for width in widths.tolist()]


def test_lite_is_the_published_configuration():
    """rexnetv1_lite.py of the official repository: 16 + 164·(i−1)/15, rounded, then divisible by 8."""
    spec = preset("rexnet_lite_100")
    assert spec.channels == (16, 32, 40, 48, 64, 72, 80, 96, 104, 112, 128, 136, 144, 160, 168, 184)
    assert (spec.stem_channels, spec.head_channels, spec.extra_channels, spec.se_reduction) == (32, 1280, 1024, None)
    assert {getattr(spec, place) for place in ACTIVATION_PLACES} == {"relu6", "identity"}
    assert preset("rexnet_lite_130").head_channels == 1664


def test_plain_is_the_figure_of_the_paper():
    spec = preset("rexnet_plain")
    assert spec.channels == (96, 144, 192, 240, 288, 336, 384, 432, 480, 528, 576, 624, 1024)
    sides = [112 // math.prod(spec.strides[:block]) for block in range(1, 14)]
    assert sides == [56] * 2 + [28] * 2 + [14] * 6 + [7] * 3
    assert not any(spec.has_shortcut(block) for block in range(1, 14))


def test_rexnet_takes_classes_and_size():
    spec = rexnet(1.3, classes=100, input_size=32)
    assert dataclasses.replace(spec, classes=1000, input_size=224) == preset("rexnet_130")
