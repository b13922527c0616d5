"""The environment a worker process must start with.

These variables are read once, when the C library and OpenMP start, so setting them in ``os.environ`` of a running
process comes too late: hand them to whoever starts the process.
"""

WORKER_ENV: dict[str, str] = {
    # One thread each, as many workers as cores: c1's best network at batch 128 in fp32 trained 277 to 308 images/s on
    # two cores (AMD Zen 4, torch 2.14) as two processes of one thread, 254 as one process of two threads.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc hands large freed blocks back to the kernel, which zeroes them page by page at the next step. Kept instead,
    # the same two processes went from 200 to 277 images/s and the one process of two threads from 135 to 254. The price
    # is that a worker keeps the memory of its largest candidate.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**30),  # bytes
    "MALLOC_TOP_PAD_": str(256 * 2**20),  # bytes
    # Pages of 2 MB for features of tens of MB: a step in bf16 became 5 to 8 % faster.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
