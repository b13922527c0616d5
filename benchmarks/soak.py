"""Does a long search keep its size? Memory and open files of all its processes, while thousands of candidates pass.

    python -m benchmarks soak [--candidates 2000] [--sampler tpe]

A real search, started as a user does: tiny networks on scikit-learn's digits, one epoch of two seeds on 100 images.
Every process that came from it is looked at every few seconds, from outside. Besides the table, the curves go to
docs/figures/soak.png, .svg and benchmarks/results/soak.csv.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import TINY, Process, rows
from benchmarks.table import RESULTS, markdown, number, publish
from chansearch.files import csv_text, write_aside
from chansearch.search.rundir import RunDirectory

_FIGURES = Path(__file__).parents[1] / "docs" / "figures"
_PAUSE = 3.0  # seconds between two looks
_PATIENCE = 86400.0  # seconds until a search that does not end is given up
# Processes of a search by what their command lines hold; the first that fits.
_ROLES = {
    "worker": r"^ray::(\d{4,}_|train_candidate|ImplicitFunc|IDLE)",
    "raylet": r"/raylet( |$)",
    "GCS": r"/gcs_server( |$)",
}
_DRIVER = "driver"
_ROLE_NAMES = (_DRIVER, *_ROLES, "other")


@dataclass(frozen=True)
class Look:
    """One role's processes at one moment."""

    candidates: int  # that have ended
    seconds: float  # since the start
    role: str
    processes: int
    megabytes: float  # of the largest process: anonymous memory, without the object store that all of them map
    files: int  # open in the process that has most


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=2000)
    parser.add_argument("--sampler", default="tpe")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        looks, seconds = _search(options, Path(folder))
    rows = [asdict(look) for look in looks]
    write_aside(RESULTS / "soak.csv", csv_text(rows[0], rows))
    _draw(looks)
    publish("soak", "A long search", *_report(options, looks, seconds))


def _search(options: argparse.Namespace, folder: Path) -> tuple[list[Look], float]:
    """What was seen of a search until its end, and the seconds it took."""
    size = (f"search.candidates={options.candidates}", "train.epochs=1", "data.train_images=100")
    start = time.monotonic()
    process = Process("search", *TINY, *size, f"sampler={options.sampler}", "name=soak", cwd=folder)
    run = RunDirectory(folder / "results" / "soak")
    looks: list[Look] = []
    with ThreadPoolExecutor(1) as pool:
        code = pool.submit(process.wait, _PATIENCE)  # takes what it prints: a full pipe would stop it
        while not code.done():
            if ended := len(rows(run)):
                looks += _look(process, ended, time.monotonic() - start)
            time.sleep(_PAUSE)
    if code.result() or len(rows(run)) != options.candidates:
        raise SystemExit(f"the search ended early: {process.err}")
    return looks, time.monotonic() - start


def _look(process, ended: int, seconds: float) -> list[Look]:
    found: dict[str, list[tuple[float, int]]] = {}
    for pid in process.tree():
        try:
            measured = _memory(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))
            found.setdefault(_role(pid, process.pid), []).append(measured)
        except OSError:  # it has just ended
            continue
    return [
        Look(ended, round(seconds, 1), role, len(them), round(max(mb for mb, _ in them), 1), max(n for _, n in them))
        for role, them in found.items()
    ]


def _role(pid: int, driver: int) -> str:
    if pid == driver:
        return _DRIVER
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return next((role for role, pattern in _ROLES.items() if re.search(pattern, command)), "other")


def _memory(pid: int) -> float:
    """MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next((line.split()[1] for line in lines if line.startswith("RssAnon")), 0)) / 1024


def _report(options: argparse.Namespace, looks: Sequence[Look], seconds: float) -> list[str]:
    rows = []
    for role in _ROLE_NAMES:
        seen = [look for look in looks if look.role == role]
        if not seen:
            continue
        third = options.candidates / 3
        parts = [[look for look in seen if n * third < look.candidates <= (n + 1) * third] for n in range(3)]
        memory = [number(statistics.median(look.megabytes for look in part)) for part in parts]
        files = [number(statistics.median(look.files for look in part)) for part in parts]
        # From the first third on: before, libraries are imported and pools filled.
        settled = [look for look in seen if look.candidates > third]
        growth = statistics.linear_regression(
            [look.candidates for look in settled], [look.megabytes for look in settled]
        ).slope
        rows.append((role, *memory, f"{1024 * growth:.1f}", *files))
    return [
        f"{options.candidates:,} candidates of `constraint=demo` on digits, one epoch of two seeds on 100 images, "
        f"`sampler={options.sampler}`, in {seconds / 60:.0f} min. For each role the largest of its processes, medians "
        "over the first, second and last third of the candidates; growth is the slope of a straight line through the "
        "second and last.",
        markdown(
            ("process", *(f"MB, third {n}" for n in (1, 2, 3)), "kB a candidate", *(f"files, {n}" for n in (1, 2, 3))),
            rows,
        ),
        "![memory and open files](../../docs/figures/soak.png)",
    ]


def _draw(looks: Sequence[Look]) -> None:
    from chansearch.report import canvas

    figure, panels = canvas.new_panels(2)
    roles = [role for role in _ROLE_NAMES if any(look.role == role for look in looks)]
    for panel, value, label in ((panels[0], "megabytes", "memory (MB)"), (panels[1], "files", "open files")):
        for role, colour in zip(roles, canvas.RUN_COLOURS, strict=False):
            seen = [look for look in looks if look.role == role]
            panel.plot(
                [look.candidates for look in seen], [getattr(look, value) for look in seen], color=colour, label=role
            )
        panel.set_ylim(bottom=0)
        canvas.tidy(panel, "candidates that have ended", label)
    canvas.legend_above(figure, panels[0].get_lines(), len(roles))
    drawn = canvas.render(figure)
    write_aside(_FIGURES / "soak.png", drawn.png)
    write_aside(_FIGURES / "soak.svg", drawn.svg)
