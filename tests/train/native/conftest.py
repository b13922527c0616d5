import pytest

from chansearch.train.native.library import Unavailable, load


@pytest.fixture(scope="session", autouse=True)
def kernels():
    """Everything here needs a C++ compiler, as the kernels do."""
    try:
        load()
    except Unavailable as error:
        pytest.skip(f"no kernels on this machine: {error}")
