"""The environment a worker process must start with.

These variables are read once, when the C library and OpenMP start, so setting them in ``os.environ`` of a running
process comes too late: hand them to whoever starts the process.
"""

WORKER_ENV: dict[str, str] = {
    # One thread each and as many workers as cores: see the figures below for two cores.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**30),  # bytes
    "MALLOC_TOP_PAD_": str(256 * 2**20),  # bytes
}
