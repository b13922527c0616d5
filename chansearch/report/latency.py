"""Measured latencies as a table, a CSV file and the plots of the paper's Figure 3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chansearch.cost.latency import Latency
from chansearch.files import csv_text, write_aside
from chansearch.report import canvas
from chansearch.report.figure_latency import draw_latency
from chansearch.report.plain import columns
from chansearch.report.published import published_network

CSV_FILE = "latency.csv"
COLUMNS = (
    "model",
    "engine",
    "device",
    "input_size",
    "batch",
    "threads",
    "params",
    "macs",
    "median_ms",
    "p10_ms",
    "p90_ms",
    "rounds",
    "published_top1",
    "published_cpu_ms",
    "published_gpu_ms",
    "skipped",
)


def latency_row(latency: Latency) -> dict:
    """A row of ``latency.csv`` in plain types; None where nothing was measured or published."""
    setting, spread = latency.setting, latency.spread
    paper = published_network(latency.model, latency.input_size)
    return {
        "model": latency.model,
        "engine": setting.engine,
        "device": setting.device,
        "input_size": latency.input_size,
        "batch": setting.batch,
        "threads": setting.threads,
        "params": latency.params,
        "macs": latency.macs,
        "median_ms": spread and round(spread.median_ms, 4),
        "p10_ms": spread and round(spread.p10_ms, 4),
        "p90_ms": spread and round(spread.p90_ms, 4),
        "rounds": spread and spread.count,
        "published_top1": paper and paper.top1,
        "published_cpu_ms": paper and paper.cpu_ms,
        "published_gpu_ms": paper and paper.gpu_ms,
        "skipped": latency.skipped,
    }


def latency_table(latencies: Sequence[Latency]) -> str:
    """For a terminal: a line a network and setting, those that could not be measured with the reason."""
    rows = [["model", "pixels", "params [M]", "MACs [M]", "engine", "batch", "ms", "p10 to p90", "paper: top-1 [%]"]]
    rows[0] += ["CPU [ms]", "GPU [ms]"]
    for latency in latencies:
        if latency.spread is None:
            continue
        setting, spread = latency.setting, latency.spread
        paper = published_network(latency.model, latency.input_size)
        rows.append(
            [
                latency.model,
                str(latency.input_size),
                f"{latency.params / 1e6:.2f}",
                f"{latency.macs / 1e6:.1f}",
                f"{setting.engine} {setting.device}",
                str(setting.batch),
                f"{spread.median_ms:.2f}",
                f"{spread.p10_ms:.2f} to {spread.p90_ms:.2f}",
                *(("", "", "") if paper is None else (f"{paper.top1}", f"{paper.cpu_ms:g}", f"{paper.gpu_ms:g}")),
            ]
        )
    lines = columns(rows) if len(rows) > 1 else []
    return "\n".join([*lines, *skipped_lines(latencies)])


def skipped_lines(latencies: Sequence[Latency]) -> list[str]:
    """What could not be measured: one line an engine and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for latency in latencies:
        if latency.skipped:
            key = (f"{latency.setting.engine} on {latency.setting.device}", latency.skipped)
            reasons.setdefault(key, []).append(latency.model)
    return [f"skipped: {engine}, {', '.join(models)}: {reason}" for (engine, reason), models in reasons.items()]


def write_latency(latencies: Sequence[Latency], folder: Path) -> list[Path]:
    """``latency.csv`` and, where any network has a published accuracy, ``latency.png`` and ``.svg``; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / CSV_FILE]
    write_aside(files[0], csv_text(COLUMNS, map(latency_row, latencies)))
    figure = draw_latency(latencies)
    if figure is not None:
        rendered = canvas.render(figure)
        for suffix, content in (("png", rendered.png), ("svg", rendered.svg)):
            files.append(folder / f"latency.{suffix}")
            write_aside(files[-1], content)
    return files
