"""The environment a worker process must start with.

These variables are read once, when the C library and OpenMP start, so setting them in ``os.environ`` of a running
process comes too late: hand them to whoever starts the process.
"""

import contextlib
import ctypes

WORKER_ENV: dict[str, str] = {
    # One thread each, as many workers as cores: c1's best network at batch 128 in fp32 trained 277 to 308 images/s on
    # two cores (AMD Zen 4, torch 2.14) as two processes of one thread, 254 as one process of two threads.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc hands large freed blocks back to the kernel, which zeroes them page by page at the next step. Kept instead,
    # the same two processes went from 200 to 277 images/s and the one process of two threads from 135 to 254. The price
    # is memory, see ``release_memory``.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**30),  # bytes
    "MALLOC_TOP_PAD_": str(256 * 2**20),  # bytes
    # Pages of 2 MB for features of tens of MB: a step in bf16 became 5 to 8 % faster.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


def release_memory() -> None:
    """Hand back to the kernel what the last training of this process has freed.

    Under ``WORKER_ENV`` freed blocks stay, and as networks of other widths do not fit into one another's places, a
    worker would grow with every candidate: to 7.9 GB after 18 of 70M MACs, each of which needs 2.6. Takes some ten
    milliseconds; does nothing where the C library is not glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
