"""Who can reach a search, and whom it reaches: nobody but this machine."""

import ipaddress

import pytest

from chansearch.cluster import check_recorded
from chansearch.config import RayConfig
from chansearch.errors import UserError


@pytest.mark.slow
class TestASearchWithItsDashboard:
    def test_listens_on_the_loopback_alone(self, finished):
        listening = {socket for socket in finished.sockets if socket.listens}
        assert len({socket.owner for socket in listening}) >= 4  # GCS, raylet, dashboard, workers
        assert [socket for socket in listening if not socket.is_loopback] == []

    def test_speaks_to_nobody_elsewhere(self, finished):
        connected = {socket for socket in finished.sockets if not socket.listens}
        assert connected
        assert [socket for socket in connected if not socket.is_loopback] == []


class TestWhatARunAsksFor:
    """A run may come from anywhere; a cluster that it names could send any program."""

    @pytest.mark.parametrize("address", ["local", "auto", "127.0.0.1:6379", "ray://localhost:10001", "[::1]:6379"])
    def test_this_machine_is_joined(self, address):
        check_recorded(RayConfig(address=address), "config.yaml")

    @pytest.mark.parametrize("address", ["10.0.0.1:6379", "ray://evil.example:10001", "localhost.evil.example:1"])
    def test_another_is_not_unless_the_user_names_it_too(self, address, monkeypatch):
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        with pytest.raises(UserError, match=r"^config\.yaml: cluster\.address: .* another machine.*set RAY_ADDRESS="):
            check_recorded(RayConfig(address=address), "config.yaml")
        check_recorded(RayConfig(address=address), "config.yaml", ["cluster.address"])
        monkeypatch.setenv("RAY_ADDRESS", address)
        check_recorded(RayConfig(address=address), "config.yaml")

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org"])
    def test_it_cannot_open_the_dashboard(self, host):
        with pytest.raises(UserError, match=r"^config\.yaml: cluster\.dashboard_host: .* to the network"):
            check_recorded(RayConfig(dashboard_host=host), "config.yaml")
        check_recorded(RayConfig(dashboard=False, dashboard_host=host), "config.yaml")


def test_the_kernels_addresses_are_read_as_they_are_written():
    from tests.search.sockets import Socket, _address

    assert _address("0100007F") == "127.0.0.1"
    assert ipaddress.ip_address(_address("00000000000000000000000001000000")).is_loopback
    assert not Socket("0.0.0.0", 1, "", True).is_loopback and not Socket("::", 1, "", True).is_loopback
    assert Socket("::ffff:127.0.0.1", 1, "", True).is_loopback
