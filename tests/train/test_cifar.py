"""The download, against archives of CIFAR's own format on this machine; no network."""

import hashlib
import http.server
import pickle
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from chansearch.errors import UserError
from chansearch.train import DataConfig
from chansearch.train.data import load

PER_CLASS = 4


class Address(str):
    """Of the mirror, and its handler."""

    def __new__(cls, address: str, handler: type) -> "Address":
        made = super().__new__(cls, address)
        made.handler = handler
        return made


def _md5(path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _write_archive(folder, monkeypatch, published, names_key, label_key, classes):
    """A tiny archive in ``folder``, with its checksums patched in for the published ones."""
    batches = folder / published.base_folder
    batches.mkdir(parents=True)
    rng = np.random.default_rng(0)

    def write(name, content):
        (batches / name).write_bytes(pickle.dumps(content))
        return _md5(batches / name)

    def batch(name):
        labels = [index % classes for index in range(classes * PER_CLASS)]
        return [name, write(name, {"data": rng.integers(0, 256, (len(labels), 3072), np.uint8), label_key: labels})]

    names = write(published.meta["filename"], {names_key: [f"class{index}" for index in range(classes)]})
    monkeypatch.setattr(published, "meta", {**published.meta, "md5": names})
    for attribute in ("train_list", "test_list"):
        files = [batch(name) for name, _ in getattr(published, attribute)]
        monkeypatch.setattr(published, attribute, files)
    archive = folder / published.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, published.base_folder)
    monkeypatch.setattr(published, "tgz_md5", _md5(archive))
    return archive


@pytest.fixture
def mirror(tmp_path):
    (tmp_path / "mirror").mkdir()
    return tmp_path / "mirror"


@pytest.fixture
def archive(mirror, monkeypatch):
    return _write_archive(mirror, monkeypatch, CIFAR10, "label_names", "labels", 10)


@pytest.fixture
def config(tmp_path, archive, server):
    return DataConfig(name="cifar10", root=str(tmp_path / "data"), url=server)


@pytest.fixture
def server(mirror):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        """``fault`` is what it does in place of sending the file, see ``FAULTS``."""

        fault = None

        def log_message(self, *args):
            pass

        def do_GET(self):
            if Quiet.fault is None:
                super().do_GET()
            else:
                Quiet.fault(self, (mirror / Path(self.path).name).read_bytes())

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(mirror)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Address(f"http://127.0.0.1:{server.server_port}", Quiet)
    server.shutdown()
    thread.join()
    server.server_close()


def test_parts_and_classes_are_the_archives(config):
    dataset = load(config, 32, 3, progress=False)
    assert dataset.classes == tuple(f"class{index}" for index in range(10))
    assert [len(part) for part in (dataset.train, dataset.val, dataset.test)] == [180, 20, 40]
    assert dataset.train.images.shape[1:] == (3, 32, 32)


@pytest.mark.parametrize("ending", ["", "/", "/cifar-10-python.tar.gz"])
def test_a_mirror_is_named_by_folder_or_by_file(config, ending):
    config.url += ending
    assert len(load(config, 32, 3, progress=False).test) == 40


def test_cifar100_has_fine_labels(tmp_path, mirror, server, monkeypatch):
    _write_archive(mirror, monkeypatch, CIFAR100, "fine_label_names", "fine_labels", 100)
    dataset = load(DataConfig(name="cifar100", root=str(tmp_path / "data"), url=server), 32, 3)
    assert len(dataset.classes) == 100
    assert len(dataset.train) == 300


def test_what_is_there_is_not_downloaded_again(config, archive):
    first = load(config, 32, 3).fingerprint
    archive.unlink()
    assert load(config, 32, 3).fingerprint == first


def test_an_archive_placed_by_hand_needs_no_network(config, archive, tmp_path):
    (tmp_path / "data").mkdir()
    archive.rename(tmp_path / "data" / archive.name)
    config.url = "http://127.0.0.1:9/nothing"
    assert len(load(config, 32, 3).test) == 40


def test_half_a_download_is_taken_up_again(config, archive, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / archive.name).write_bytes(archive.read_bytes()[:1000])
    assert len(load(config, 32, 3).test) == 40


def test_half_an_unpacking_is_taken_up_again(config, tmp_path):
    whole = load(config, 32, 3).fingerprint
    (tmp_path / "data" / CIFAR10.base_folder / "data_batch_3").write_bytes(b"half")
    assert load(config, 32, 3).fingerprint == whole


def test_a_pickle_with_another_checksum_is_never_opened(config, archive, monkeypatch, tmp_path):
    monkeypatch.setattr(CIFAR10, "tgz_md5", "0" * 32)
    monkeypatch.setattr(pickle, "load", lambda *args, **kwargs: pytest.fail("unpickled an unchecked file"))
    with pytest.raises(
        UserError, match=r"data\.name: 'cifar10' could not be loaded from http://.*; set data\.url to a"
    ):
        load(config, 32, 3)


def test_no_network_says_what_to_do(config):
    config.url = "http://127.0.0.1:9"
    with pytest.raises(UserError, match=r"place cifar-10-python\.tar\.gz in '.*/data' \(data\.root\)") as error:
        load(config, 32, 3)
    assert "\n" not in str(error.value)


def test_images_are_fitted_to_the_network(config):
    dataset = load(config, 24, 1)
    assert dataset.train.images.shape == (180, 1, 24, 24)


def _send(handler, body: bytes, said: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(said))
    handler.end_headers()
    handler.wfile.write(body)


FAULTS = {
    "cut in mid-file": lambda handler, data: _send(handler, data[: len(data) // 2], len(data)),
    "half a file that says it is whole": lambda handler, data: _send(handler, data[: len(data) // 2], len(data) // 2),
    "another file": lambda handler, data: _send(handler, b"<html>log in first</html>", 25),
    "one bit": lambda handler, data: _send(handler, data[:500] + bytes([data[500] ^ 1]) + data[501:], len(data)),
    "not found": lambda handler, data: handler.send_error(404),
    "server error": lambda handler, data: handler.send_error(500),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_that_fails_is_no_data_set_and_can_be_repeated(config, server, monkeypatch, fault):
    with monkeypatch.context() as patch:
        patch.setattr(server.handler, "fault", FAULTS[fault])
        with pytest.raises(UserError, match=r"data\.name: 'cifar10' could not be loaded from http://.*; set") as error:
            load(config, 32, 3, progress=False)
        assert "\n" not in str(error.value)
    assert len(load(config, 32, 3, progress=False).test) == 40


def test_two_searches_that_download_at_once_do_not_spoil_each_others_files(config, server, monkeypatch):
    """The second begins while the first is in the middle of its file."""

    def slowly(handler, data):
        _send(handler, b"", len(data))
        for start in range(0, len(data), len(data) // 20):
            handler.wfile.write(data[start : start + len(data) // 20])
            time.sleep(0.02)

    def begin(delay: float) -> str:
        time.sleep(delay)
        return load(config, 32, 3, progress=False).fingerprint

    monkeypatch.setattr(server.handler, "fault", slowly)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(begin, (0, 0.2))
    assert first == second
