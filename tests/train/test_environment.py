"""What workers start with, and give back between trainings."""

import os
import platform
import subprocess
import sys

import pytest

from chansearch.train.environment import WORKER_ENV

_BLOCKS = """
from chansearch.train.environment import release_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

blocks = [b"x" * size for size in range(2**20, 2**20 + 400_000, 1_000)]
kept = blocks[::40]  # holes between what stays
peak = resident()
del blocks
before = resident()
release_memory()
print(peak, before, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_was_freed_is_handed_back_only_when_asked():
    environment = os.environ | WORKER_ENV
    done = subprocess.run([sys.executable, "-c", _BLOCKS], env=environment, capture_output=True, text=True, check=True)
    peak, before, after = map(int, done.stdout.split())
    assert before > 0.9 * peak
    assert after < 0.3 * peak
