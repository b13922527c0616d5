"""The command that measures networks: latency."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.cli.printing import print_json
from chansearch.cli.progress import progress
from chansearch.errors import UserError
from chansearch.ranges import at_least, one_of

if TYPE_CHECKING:
    from chansearch.cost.engines import Setting

_GPU_BATCH = 64  # as in the paper's Table 5


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    latency = commands.add_parser(
        "latency",
        help="time networks in turn: chansearch latency rexnet_100 efficientnet_b0 my.yaml",
        description="Time networks in turn on this machine: medians with their spread, a CSV file, and the plots of "
        "accuracy against MACs and latency for networks of the paper.",
    )
    latency.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="rexnet_100, a YAML file, a checkpoint, a training's folder, or a name of timm's: efficientnet_b0",
    )
    latency.add_argument(
        "--table5", action="store_true", help="the paper's: ReXNet x0.9 to x2.0 and EfficientNet-B0 to B3"
    )
    latency.add_argument(
        "--engine", default="eager,compiled,onnx", metavar="NAME[,NAME]", help="default: eager,compiled,onnx"
    )
    latency.add_argument(
        "--device", metavar="cpu|cuda", help="one or both, with a comma (default: cpu, and cuda where there is a GPU)"
    )
    latency.add_argument("--batch", type=int, metavar="N", help="images at a time (default: 1, on a GPU 64)")
    latency.add_argument("--threads", type=int, metavar="N", help="of the CPU (default: as many as cores)")
    latency.add_argument("--rounds", type=int, default=20, metavar="N", help="visits to each network (default: 20)")
    latency.add_argument("--input-size", type=int, metavar="PIXELS", help="default: each network's own")
    latency.add_argument("--seed", type=int, default=0, metavar="N", help="of the order in a round (default: 0)")
    latency.add_argument("--output", metavar="DIR", help="default: results/latency-TIME")
    latency.add_argument("--json", action="store_true", help="machine-readable")
    latency.set_defaults(run=_latency)


def _latency(given: argparse.Namespace) -> int:
    engines = _check_options(given)
    models = [(name, given.input_size) for name in dict.fromkeys(given.models)]
    if given.table5:
        from chansearch.report.published import TABLE_5_MODELS

        models += [(row.model, row.input_size) for row in TABLE_5_MODELS]
    folder = _output_folder(given.output)
    from chansearch.cost.subjects import open_subject
    from chansearch.nets.named import check_name

    for name, _ in models:
        check_name(name)
    settings = _settings(given, engines)
    from chansearch.cost.latency import measure
    from chansearch.report.latency import latency_row, latency_table, skipped_lines, write_latency

    with progress("latency") as show:
        show("opening the networks")
        subjects = [open_subject(name, input_size) for name, input_size in dict.fromkeys(models)]
        latencies = measure(subjects, settings, given.rounds, given.seed, show)
    if all(latency.spread is None for latency in latencies):
        raise UserError(f"--engine: nothing could be measured; {'; '.join(skipped_lines(latencies))}")
    files = write_latency(latencies, folder)
    if given.json:
        print_json([latency_row(latency) for latency in latencies])
        return 0
    threads = settings[0].threads
    print(f"{threads} thread{'s' if threads > 1 else ''}, {given.rounds} rounds; ms: median of a batch's\n")
    print(latency_table(latencies))
    print("\n".join(["", "written:", *(f"  {file}" for file in files)]))
    return 0


def _check_options(given: argparse.Namespace) -> list[str]:
    """The engines; raises ``UserError`` for the first option that is not allowed."""
    from chansearch.cost.engines import DEVICES, ENGINES

    if not given.models and not given.table5:
        raise UserError("latency: no MODEL; name one or more, or --table5")
    if given.table5 and given.input_size is not None:
        raise UserError("--input-size: not with --table5, whose networks have their own; leave one of them out")
    engines = given.engine.split(",")
    devices = [] if given.device is None else given.device.split(",")
    for key, values, allowed in (("--engine", engines, ENGINES), ("--device", devices, DEVICES)):
        for value in values:
            one_of(key, value, allowed)
    for key, value, least in (
        ("--batch", given.batch, 1),
        ("--threads", given.threads, 1),
        ("--rounds", given.rounds, 1),
        ("--input-size", given.input_size, 1),
        ("--seed", given.seed, 0),
    ):
        if value is not None:
            at_least(key, value, least)
    return list(dict.fromkeys(engines))


def _settings(given: argparse.Namespace, engines: list[str]) -> list[Setting]:
    import os

    import torch

    from chansearch.cost.engines import Setting

    has_gpu = torch.cuda.is_available()
    devices = given.device.split(",") if given.device is not None else ["cpu", *(["cuda"] if has_gpu else [])]
    if "cuda" in devices and not has_gpu:
        raise UserError("--device: cuda; torch sees no GPU here; allowed: cpu")
    threads = given.threads or len(os.sched_getaffinity(0))
    return [
        Setting(engine, device, given.batch or (_GPU_BATCH if device == "cuda" else 1), threads)
        for device in dict.fromkeys(devices)
        for engine in engines
    ]


def _output_folder(output: str | None) -> Path:
    """Where the files go; raises ``UserError`` where they would replace others or cannot be written."""
    from chansearch.files import check_writable, time_stamp, unused
    from chansearch.report.latency import CSV_FILE

    folder = Path(output) if output is not None else unused(Path("results") / f"latency-{time_stamp()}")
    if (folder / CSV_FILE).exists():
        raise UserError(f"--output: {folder} holds a {CSV_FILE} already; choose another folder")
    check_writable("--output", folder)
    return folder
