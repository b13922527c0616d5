"""Where the processes of a training on one machine find each other: in a file.

Ray Train has them meet at a TCP store of torch's, which listens on every network that the machine is in.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

import ray
import torch
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend


@dataclass
class FileMeeting(TorchConfig):
    """Ray Train's settings of torch, for processes that share ``folder``, which nobody else may write."""

    folder: str = ""

    @property
    def backend_cls(self) -> type:
        return _FileBackend


class _FileBackend(_TorchBackend):
    def on_start(self, worker_group, backend_config: FileMeeting) -> None:
        # A group that is started anew must not find what the one before has left.
        place = f"file://{backend_config.folder}/{uuid.uuid4().hex}"
        size = len(worker_group)
        joined = [
            worker_group.execute_single_async(
                rank, _join, backend_config.backend, place, rank, size, backend_config.timeout_s
            )
            for rank in range(size)
        ]
        ray.get(joined)


def _join(backend: str, place: str, rank: int, size: int, seconds: int) -> None:
    torch.distributed.init_process_group(
        backend, init_method=place, rank=rank, world_size=size, timeout=timedelta(seconds=seconds)
    )
