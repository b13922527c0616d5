"""What a result came from: versions, machine, command, revision."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

from chansearch._version import __version__

_PACKAGES = ("torch", "torchvision", "timm", "ray", "optuna", "numpy", "hydra-core")


def provenance(**facts: object) -> dict:
    """Plain YAML types: versions, machine, command and start, and the given ``facts``."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "chansearch": __version__,
        "git_revision": _git_revision(),
        **versions,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "command": shlex.join(["chansearch", *sys.argv[1:]]),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        **facts,
    }


def _git_revision() -> str | None:
    """Of the checkout that the package runs from; None for an installed one."""
    checkout = Path(__file__).resolve().parents[1]
    if not (checkout / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
