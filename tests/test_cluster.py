"""A Ray that does not start: one line, whatever Ray raises."""

import pytest

from chansearch.cluster import ray_session
from chansearch.config import RayConfig
from chansearch.errors import UserError


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
