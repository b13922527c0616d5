"""The images lie once on a node, however many workers train on them."""

import pytest

from chansearch.cluster import connected
from chansearch.config import ClusterConfig
from tests.train.conftest import random_dataset

pytestmark = pytest.mark.slow


def test_workers_train_on_the_object_stores_own_memory(cluster):
    def look(dataset) -> tuple[bool, bool]:
        """In a worker: whether its arrays are its own, and whether the tensors it trains on are those arrays."""
        from chansearch.train.config import TrainConfig
        from chansearch.train.workbench import Workbench

        bench = Workbench(dataset, TrainConfig(epochs=1, batch_size=8, device="cpu"))
        parts = ("train", "val", "test")
        arrays = [getattr(dataset, part).images for part in parts]
        tensors = [getattr(bench, part).images for part in parts]
        owned = any(array.flags.owndata or array.flags.writeable for array in arrays)
        return owned, all(t.data_ptr() == a.ctypes.data for t, a in zip(tensors, arrays, strict=True))

    dataset = random_dataset(train=20_000, val=10_000, test=10_000)
    with connected(ClusterConfig(address=cluster.removeprefix("cluster.address="), dashboard=False), 1, 1):
        import ray

        held = ray.put(dataset)
        seen = ray.get([ray.remote(look).remote(held) for _ in range(2)])
    assert seen == [(False, True)] * 2
