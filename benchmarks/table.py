"""What every benchmark writes: a table of medians with their spread, under the machine and the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chansearch.train.processor import model

RESULTS = Path(__file__).parent / "results"

_PACKAGES = ("torch", "torchvision", "ray", "optuna", "numpy")


@dataclass(frozen=True)
class Spread:
    """Median of repeated measurements, with the smallest and the largest of them."""

    median: float
    low: float
    high: float
    count: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        return Spread(statistics.median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        return f"{number(self.median)} ({number(self.low)} to {number(self.high)})"


def number(value: float) -> str:
    """Three significant digits, whole numbers from 100 on, with thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """Processor, cores, memory, system and versions, in one paragraph."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return (
        f"{len(os.sched_getaffinity(0))} cores of {model()}, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; values are written with ``str``."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def publish(name: str, title: str, *parts: str) -> None:
    """Print and write ``benchmarks/results/NAME.md``: title, machine, then ``parts``, each a paragraph or table."""
    RESULTS.mkdir(exist_ok=True)
    text = "\n\n".join([f"# {title}", f"Measured on {machine()}.", *parts]) + "\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
