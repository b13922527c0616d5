"""What a result came from: versions, machine, command, revision. Nothing of who ran it, nor of the environment."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from chansearch._version import __version__
from chansearch.files import read_mapping, section, write_mapping
from chansearch.train.processor import model

# Direct dependencies, what setup.cfg asks for and the extras that have a say in results; None: not installed.
PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "ray",
    "optuna",
    "numpy",
    "hydra-core",
    "scipy",
    "cmaes",
    "greenlet",
    "SQLAlchemy",
    "omegaconf",
    "PyYAML",
    "tensorboard",
    "matplotlib",
    "plotly",
    "shtab",
    "rich",
    "pillow",
    "scikit-learn",
    "huggingface_hub",
    "safetensors",
    "onnx",
    "onnxscript",
    "onnxruntime",
)


def provenance(**facts: object) -> dict:
    """Plain YAML types: versions, machine, command and start, and the given ``facts``."""
    return {
        "chansearch": __version__,
        "git_revision": _git("rev-parse", "HEAD"),
        "git_changes": _changes(),
        **{package: _version(package) for package in PACKAGES},
        "python": platform.python_version(),
        "system": platform.platform(),  # with the C library, whose mathematics differ by version
        "machine": _machine(),
        "gpus": _gpus(),
        "command": _command(),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        **facts,
    }


def resumed(held: Mapping, **facts: object) -> dict:
    """``held``, a run's ``config.yaml``, with one more entry, and the given ``facts``, in its list of resumes: versions
    or machine may be others than at its start."""
    known = section(held, "provenance")
    notes = known.get("resumed")
    notes = notes if isinstance(notes, list) else []
    return {**held, "provenance": {**known, "resumed": [*notes, provenance(**facts)]}}


def record_resume(config_file: Path) -> None:
    """Write into a ``config.yaml`` that what it describes is gone on with."""
    write_mapping(config_file, resumed(read_mapping(config_file, f"run: {config_file}")))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{model()}, {os.cpu_count()} CPUs, {memory:.0f} GiB"


def _gpus() -> list[str]:
    """Names, as NVIDIA's driver has them: asking CUDA would take memory of each."""
    found = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        match = re.search(r"^Model:\s*(.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        found.append(match[1].strip() if match else "unknown")
    return found


def _command() -> str:
    """As it can be typed again. From Python it is the script, or whatever Python was started with."""
    if Path(sys.argv[0]).name == "chansearch" or Path(sys.argv[0]).parts[-2:] == ("chansearch", "__main__.py"):
        return shlex.join(["chansearch", *sys.argv[1:]])
    return shlex.join(["python", *sys.orig_argv[1:]])


def _changes() -> bool | None:
    """Whether tracked files of the checkout differ from its revision."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return None if changed is None else bool(changed)


def _git(*words: str) -> str | None:
    """What git says of the checkout that the package runs from; None for an installed one."""
    checkout = Path(__file__).resolve().parents[1]
    if not (checkout / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(checkout), *words], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
