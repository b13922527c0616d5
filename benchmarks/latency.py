"""Table 5 of the paper on this machine: ReXNets beside EfficientNets, on every engine.

    python -m benchmarks latency [--engine eager,compiled,onnx] [--rounds 20] [--threads N]

All networks on all engines are timed in turn in one process, one image at a time: run it beside nothing else.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from benchmarks.table import markdown, number, publish

# ReXNets and the EfficientNets of about their accuracy.
PAIRS = (
    ("rexnet_090", "efficientnet_b0"),
    ("rexnet_100", "efficientnet_b0"),
    ("rexnet_130", "efficientnet_b1"),
    ("rexnet_150", "efficientnet_b2"),
    ("rexnet_200", "efficientnet_b3"),
)
_FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"


def main(arguments: list[str]) -> None:
    from chansearch.cost.engines import ENGINES, Setting
    from chansearch.cost.latency import measure
    from chansearch.cost.subjects import open_subject
    from chansearch.report import canvas
    from chansearch.report.figure_latency import draw_latency
    from chansearch.report.latency import skipped_lines
    from chansearch.report.published import PUBLISHED_CPU, TABLE_5_MODELS

    parser = argparse.ArgumentParser(prog="python -m benchmarks latency", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default=",".join(ENGINES))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args(arguments)
    engines = options.engine.split(",")
    settings = [Setting(engine, "cpu", 1, options.threads) for engine in engines]
    subjects = [open_subject(row.model, row.input_size) for row in TABLE_5_MODELS]
    latencies = measure(subjects, settings, options.rounds, seed=0, on_step=lambda text: print(text, flush=True))
    found = {(latency.model, latency.setting.engine): latency for latency in latencies}
    publish(
        "latency",
        "Latency: Table 5 on this machine",
        f"One image, {options.threads} threads, float32, {options.rounds} rounds in which every network and engine had "
        "a turn: median in ms, with the 10th and 90th percentile. Published: one image on a "
        f"{PUBLISHED_CPU}. Top-1 is the published one.",
        markdown(*_networks(found, engines)),
        "ReXNet's time over EfficientNet's at about the same accuracy:",
        markdown(*_ratios(found, engines)),
        *skipped_lines(latencies),
    )
    rendered = canvas.render(draw_latency(latencies))
    (_FIGURES / "latency.png").write_bytes(rendered.png)
    (_FIGURES / "latency.svg").write_text(rendered.svg, encoding="utf-8")


def _networks(found: dict, engines: list[str]) -> tuple[list[str], list[list[str]]]:
    from chansearch.report.published import TABLE_5_MODELS

    rows = []
    for paper in TABLE_5_MODELS:
        counted = found[paper.model, engines[0]]
        spreads = [found[paper.model, engine].spread for engine in engines]
        rows.append(
            [
                f"{paper.family} {paper.label}",
                paper.input_size,
                f"{paper.top1:.1f}",
                f"{counted.params / 1e6:.2f}M",
                f"{counted.macs / 1e6:.0f}M",
                f"{paper.cpu_ms:g}",
                *(
                    f"{number(s.median_ms)} ({number(s.p10_ms)} to {number(s.p90_ms)})" if s is not None else "skipped"
                    for s in spreads
                ),
            ]
        )
    return ["network", "pixels", "top-1 [%]", "params", "MACs", "published [ms]", *(f"{e} [ms]" for e in engines)], rows


def _ratios(found: dict, engines: list[str]) -> tuple[list[str], list[list[str]]]:
    from chansearch.report.published import TABLE_5_MODELS

    papers = {row.model: row for row in TABLE_5_MODELS}
    rows = []
    for ours, theirs in PAIRS:
        one, other = papers[ours], papers[theirs]
        measured = [(found[ours, engine].spread, found[theirs, engine].spread) for engine in engines]
        rows.append(
            [
                f"{one.label} / {other.label}",
                f"{one.top1:.1f} / {other.top1:.1f}",
                f"{one.cpu_ms / other.cpu_ms:.2f}",
                *(f"{a.median_ms / b.median_ms:.2f}" if a is not None and b is not None else "" for a, b in measured),
            ]
        )
    return ["pair", "top-1 [%]", "published CPU", *engines], rows
