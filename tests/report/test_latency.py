"""The table, the CSV file and the plots of measured latencies."""

import csv
import math

import pytest

from chansearch.cost import price_spec
from chansearch.cost.engines import Setting
from chansearch.cost.latency import Latency, Spread
from chansearch.nets import PRESETS, preset
from chansearch.report.figure_latency import draw_latency
from chansearch.report.latency import COLUMNS, latency_table, write_latency
from chansearch.report.published import EFFICIENTNET, REXNET, TABLE_5, TABLE_5_MODELS, published_network

CPU = Setting("eager", "cpu", 1, 2)


def measured(model: str, median: float = 10.0, input_size: int = 224, setting: Setting = CPU) -> Latency:
    return Latency(model, setting, input_size, 4_796_873, 398_400_000, Spread(median, 0.9 * median, 1.2 * median, 20))


def skipped(model: str, reason: str) -> Latency:
    return Latency(model, Setting("compiled", "cpu", 1, 2), 224, 1, 2, None, reason)


class TestPublished:
    @pytest.mark.parametrize("row", [row for row in TABLE_5 if row.family == REXNET], ids=lambda row: row.model)
    def test_rexnets_are_the_presets(self, row):
        """To what the paper rounds to: two digits, and a third where it prints one."""
        assert row.model in PRESETS
        costs = price_spec(preset(row.model), count_classifier=True)
        assert costs["params"] / 1e6 == pytest.approx(row.params_m, rel=0.03)
        assert costs["macs"] / 1e9 == pytest.approx(row.macs_b, rel=0.03)

    def test_efficientnets_have_their_own_resolutions(self):
        sizes = {row.label: row.input_size for row in TABLE_5 if row.family == EFFICIENTNET}
        assert sizes == {"B0": 224, "B1": 240, "B2": 260, "B3": 300}

    def test_table_5_itself_ends_at_twice_the_width(self):
        labels = [row.label for row in TABLE_5_MODELS]
        assert labels == ["×0.9", "×1.0", "×1.1", "×1.2", "×1.3", "×1.4", "×1.5", "×2.0", "B0", "B1", "B2", "B3"]

    def test_wider_is_better_and_dearer(self):
        for family in (REXNET, EFFICIENTNET):
            rows = [(r.top1, r.macs_b, r.params_m, r.cpu_ms, r.gpu_ms) for r in TABLE_5 if r.family == family]
            assert [list(column) for column in zip(*rows, strict=True)] == [
                sorted(column) for column in zip(*rows, strict=True)
            ]

    def test_another_resolution_is_another_network(self):
        assert published_network("efficientnet_b1", 240).label == "B1"
        assert published_network("efficientnet_b1", 224) is None


class TestFiles:
    def test_the_csv_holds_what_was_measured_and_what_was_published(self, tmp_path):
        files = write_latency([measured("rexnet_100"), measured("mine.yaml"), skipped("mine.yaml", "none")], tmp_path)
        assert [file.name for file in files] == ["latency.csv", "latency.png", "latency.svg"]
        with files[0].open(newline="") as file:
            first, mine, left_out = csv.DictReader(file)
        assert tuple(first) == COLUMNS
        assert [first[key] for key in ("median_ms", "p10_ms", "p90_ms", "rounds")] == ["10.0", "9.0", "12.0", "20"]
        assert [first[key] for key in ("published_top1", "published_cpu_ms", "published_gpu_ms")] == [
            "77.9",
            "47",
            "21",
        ]
        assert [mine[key] for key in ("published_top1", "published_cpu_ms", "skipped")] == ["", "", ""]
        assert [left_out[key] for key in ("median_ms", "rounds", "skipped")] == ["", "", "none"]
        assert files[1].read_bytes().startswith(b"\x89PNG")

    def test_without_a_published_accuracy_there_is_nothing_to_draw(self, tmp_path):
        assert [file.name for file in write_latency([measured("mine.yaml")], tmp_path / "new")] == ["latency.csv"]

    def test_the_table_says_what_was_left_out_once_a_reason(self):
        text = latency_table(
            [measured("rexnet_100"), skipped("rexnet_100", "no compiler"), skipped("b", "no compiler")]
        )
        assert "rexnet_100" in text.splitlines()[1] and "9.00 to 12.00" in text
        assert text.splitlines()[-1] == "skipped: compiled on cpu, rexnet_100, b: no compiler"


class TestFigure:
    def test_has_a_panel_for_macs_for_each_setting_and_for_each_published_device(self):
        onnx = Setting("onnx", "cpu", 1, 2)
        gpu = Setting("eager", "cuda", 64, 2)
        latencies = [measured("rexnet_100", setting=setting) for setting in (CPU, onnx, gpu)]
        figure = draw_latency([*latencies, measured("efficientnet_b0", 12.5), measured("mine.yaml")])
        labels = [axes.get_xlabel().replace("\n", ", ") for axes in figure.axes if axes.get_visible()]
        assert labels == [
            "MACs (the paper's FLOPs) [M]",
            "CPU latency, eager, measured here [ms], one image, 2 threads",
            "CPU latency, onnx, measured here [ms], one image, 2 threads",
            "GPU latency, eager, measured here [ms], batch 64",
            "CPU latency as published [ms], Xeon E5-2630 v4, one image",
            "GPU latency as published [ms], V100, batch 64",
        ]
        eager = figure.axes[1]
        assert {text.get_text() for text in eager.texts} == {"×1.0", "B0"}
        points = [line.get_xydata().tolist() for line in eager.lines if line.get_marker() in ("o", "s")]
        assert points == [[[10.0, 77.9]], [[12.5, 77.3]]]

    def test_a_family_is_a_line_that_rises(self):
        figure = draw_latency([measured(row.model, row.cpu_ms, row.input_size) for row in TABLE_5])
        rexnets = next(line for line in figure.axes[1].lines if line.get_marker() == "o")
        top1 = rexnets.get_ydata().tolist()
        assert len(top1) == 10 and top1 == sorted(top1)
        assert not any(math.isnan(value) for value in rexnets.get_xdata())
