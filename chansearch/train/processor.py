"""What this machine's processor can do."""

import platform
from pathlib import Path


def instructions() -> str:
    """Linux's list of the processor's instructions; elsewhere what the platform calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
