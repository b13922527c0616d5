"""Data and a network for a whole module."""

from pathlib import Path

import pytest

from tests.transfer.tiny import make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A folder with ``images/`` and ``tiny.yaml``."""
    return make_world(tmp_path_factory.mktemp("world"))
