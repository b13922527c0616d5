"""A Ray that does not start: one line, whatever Ray raises. One that is joined, by those who have started another."""

import os
from types import MappingProxyType

import pytest

from benchmarks.processes import TINY, Process
from chansearch.cluster import ray_session
from chansearch.config import RayConfig
from chansearch.errors import UserError


class WithToken(Process):
    ENVIRONMENT = MappingProxyType({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4})


@pytest.mark.parametrize(
    ("name", "reason"),
    [("file/below", "Not a directory"), ("long" * 30, "path length cannot exceed")],
    ids=["not writable", "too long for a socket"],
)
def test_a_folder_that_ray_cannot_work_in_is_told_in_one_line(name, reason, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / name))
    with (
        pytest.raises(UserError, match=f"Ray cannot start on this machine: .*{reason}.*RAY_TMPDIR") as raised,
        ray_session(RayConfig(dashboard=False)),
    ):
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("starts", [True, False], ids=["another has run", "another did not start"])
def test_a_cluster_can_be_joined_after(starts, cluster, tmp_path, monkeypatch):
    """A Ray that is started has its process ask for tokens, which the cluster has none of."""
    if not starts:
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("long" * 30)))
    try:
        with ray_session(RayConfig(dashboard=False)):
            assert os.environ["RAY_AUTH_MODE"] == "token"
    except UserError:
        assert not starts
    assert "RAY_AUTH_MODE" not in os.environ
    with ray_session(RayConfig(address=cluster.removeprefix("cluster.address="), dashboard=False)):
        import ray

        class Worker:
            def answer(self) -> int:
                return 42

        assert ray.get(ray.remote(Worker).remote().answer.remote()) == 42


@pytest.mark.slow
def test_a_token_that_the_cluster_does_not_know_is_told(cluster, tmp_path):
    process = WithToken("search", *TINY, cluster, cwd=tmp_path)
    assert process.wait() == 2
    assert process.err.endswith("asks for no token, set RAY_AUTH_MODE=disabled\n")
    assert process.err.count("\n") == 1
    assert not [*(tmp_path / "results").iterdir()]
