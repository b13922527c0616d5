"""What this machine's processor is and can do."""

import platform
from pathlib import Path


def instructions() -> str:
    """Linux's list of the processor's instructions; elsewhere what the platform calls it."""
    return _line("flags", "Features")


def model() -> str:
    """The processor's name, as in ``AMD EPYC 9R14``."""
    return _line("model name").partition(":")[2].strip() or platform.machine()


def _line(*names: str) -> str:
    """The first line of Linux's /proc/cpuinfo that begins with one of ``names``, empty where none does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line for line in lines if line.startswith(names)), "")
