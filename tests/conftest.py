"""Settings for all tests: one torch thread, hypothesis without deadlines and, on CI, without chance."""

import os

import torch
from hypothesis import settings

# Small networks lose more to threads than they gain, and a busy machine's timings would make deadlines flaky.
torch.set_num_threads(1)

settings.register_profile("dev", deadline=None, database=None)
settings.register_profile("ci", deadline=None, database=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
