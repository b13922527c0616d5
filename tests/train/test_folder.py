import os

import numpy as np
import pytest
from PIL import Image

from chansearch.errors import UserError
from chansearch.train import DataConfig, folder
from chansearch.train.data import check, load


@pytest.fixture
def config(make_folder, tmp_path):
    return DataConfig(name="folder", root=str(make_folder()), cache=str(tmp_path / "cache"))


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.fixture
def decoded(monkeypatch):
    """The paths decoded so far."""
    paths, decode = [], folder.decode
    monkeypatch.setattr(
        folder, "decode", lambda path, size, channels: paths.append(path) or decode(path, size, channels)
    )
    return paths


def test_classes_labels_and_shapes(config):
    dataset = load(config, 12, 3)
    assert dataset.classes == ("cat", "dog")
    assert [len(part) for part in (dataset.train, dataset.val, dataset.test)] == [16, 2, 2]
    for part in (dataset.train, dataset.val, dataset.test):
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert part.images.shape[1:] == (3, 12, 12)
        assert np.array_equal(part.images.mean((1, 2, 3)) > 50, part.labels == 1)  # dogs are the brighter ones


def test_images_in_subfolders_count_and_hidden_files_do_not(config, tmp_path):
    cats = tmp_path / "set" / "cat"
    (cats / "more").mkdir()
    (cats / "0.png").rename(cats / "more" / "0.png")
    (cats / ".DS_Store").write_bytes(b"x")
    (cats / "._1.png").write_bytes(b"x")
    (cats / "notes.txt").write_text("x")
    (tmp_path / "set" / ".ipynb_checkpoints").mkdir()
    dataset = load(config, 12, 3)
    assert dataset.classes == ("cat", "dog")
    assert sum(len(part) for part in (dataset.train, dataset.val, dataset.test)) == 20


def test_an_own_test_folder_is_the_test_part(config, make_folder):
    config.test_root = str(make_folder("other", {"cat": 3, "dog": 4}))
    dataset = load(config, 12, 3)
    assert [len(part) for part in (dataset.train, dataset.val, dataset.test)] == [18, 2, 7]


def test_a_second_load_decodes_nothing(config, decoded):
    first = load(config, 12, 3)
    assert len(decoded) == 20
    second = load(config, 12, 3)
    assert len(decoded) == 20
    assert first.fingerprint == second.fingerprint


def test_the_cache_goes_with_the_images_wherever_they_lie(config, decoded, tmp_path):
    load(config, 12, 3)
    config.root = str((tmp_path / "set").rename(tmp_path / "moved"))
    load(config, 12, 3)
    assert len(decoded) == 20


def test_another_size_or_channel_count_is_decoded_anew(config, decoded):
    load(config, 12, 3)
    load(config, 8, 3)
    load(config, 12, 1)
    assert len(decoded) == 60


def test_changed_bytes_under_an_old_name_and_date_are_decoded_anew(config, decoded, tmp_path):
    before = load(config, 12, 3)
    path = tmp_path / "set" / "cat" / "3.png"
    stamp = path.stat()
    Image.new("RGB", (12, 12), "white").save(path)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    after = load(config, 12, 3)
    assert len(decoded) == 40
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"not an archive", id="garbage"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: _flipped(data, 3000), id="one bit"),
        pytest.param(lambda data: _flipped(data, data.rfind(b"PK\x01\x02") + 8), id="the bit that says encrypted"),
    ],
)
def test_a_damaged_cache_is_rebuilt(config, decoded, tmp_path, damage):
    first = load(config, 12, 3)
    [cached] = (tmp_path / "cache" / "folders").iterdir()
    cached.write_bytes(damage(cached.read_bytes()))
    assert load(config, 12, 3).fingerprint == first.fingerprint
    assert len(decoded) == 40
    assert load(config, 12, 3).fingerprint == first.fingerprint
    assert len(decoded) == 40


def test_an_interrupted_write_leaves_no_cache(config, monkeypatch, tmp_path):
    def interrupted(file, images):
        file.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("chansearch.train.cache.np.savez", interrupted)
        with pytest.raises(KeyboardInterrupt):
            load(config, 12, 3)
    assert not list((tmp_path / "cache" / "folders").iterdir())
    load(config, 12, 3)


def test_a_cache_that_cannot_be_written_is_named(config, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder is needed")
    with pytest.raises(UserError, match=r"data\.cache: cannot write '.*cache"):
        load(config, 12, 3)


def test_a_broken_image_is_named(config, tmp_path):
    broken = tmp_path / "set" / "dog" / "4.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(UserError, match=rf"data\.root: cannot read image '{broken}' \(.*\); repair it or remove it"):
        load(config, 12, 3)


def test_a_dangling_link_is_named(config, tmp_path):
    (tmp_path / "set" / "dog" / "link.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"data\.root: cannot read image '.*link\.png' \(FileNotFoundError"):
        load(config, 12, 3)


def test_a_broken_test_image_is_blamed_on_the_test_folder(config, make_folder):
    root = make_folder("other")
    (root / "cat" / "0.png").write_bytes(b"")
    config.test_root = str(root)
    with pytest.raises(UserError, match=r"data\.test_root: cannot read image '.*other/cat/0\.png'"):
        load(config, 12, 3)


def test_a_decompression_bomb_is_named(config, monkeypatch, tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "set" / "cat" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # between this and twice as much PIL only warns
    with pytest.raises(UserError, match=r"cannot read image '.*bomb\.png' \(DecompressionBomb"):
        load(config, 12, 3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda root: None, r"data\.root: '.*' does not exist; expected DIR/<class>/<image>", id="missing"),
        pytest.param(lambda root: root.write_text(""), r"data\.root: '.*' is not a folder", id="file"),
        pytest.param(lambda root: root.mkdir(), r"data\.root: '.*' is empty", id="empty"),
        pytest.param(
            lambda root: (root.mkdir(), Image.new("L", (8, 8)).save(root / "a.png")),
            r"data\.root: '.*' has no class folders; expected DIR/<class>/<image>",
            id="flat",
        ),
        pytest.param(
            lambda root: (root / "cat").mkdir(parents=True), r"'.*' has only one class folder, 'cat'", id="one class"
        ),
        pytest.param(
            lambda root: [(root / name).mkdir(parents=True) for name in ("cat", "dog")],
            r"data\.root: class folder '.*/cat' has no images",
            id="no images",
        ),
        pytest.param(
            lambda root: [(root / name).mkdir(parents=True) for name in ("test", "train")],
            r"holds the parts test, train where classes are expected; set data\.root to its training folder",
            id="parts",
        ),
    ],
)
def test_folders_that_are_no_data_set_are_refused_before_decoding(tmp_path, build, message, decoded):
    build(tmp_path / "odd")
    with pytest.raises(UserError, match=message) as error:
        check(DataConfig(name="folder", root=str(tmp_path / "odd")), 12, 3)
    assert "\n" not in str(error.value)
    assert not decoded


def test_test_folder_with_other_classes(config, make_folder):
    config.test_root = str(make_folder("other", {"cat": 2, "horse": 2}))
    with pytest.raises(UserError, match=r"data\.test_root: .* must have the classes of data\.root; 'dog' is only in d"):
        check(config, 12, 3)


def test_test_folder_that_is_the_training_folder(config):
    config.test_root = config.root + "/../set"
    with pytest.raises(UserError, match=r"data\.test_root: '.*' is data\.root itself"):
        check(config, 12, 3)


@pytest.mark.parametrize(("rank_on", "needed"), [("val", 3), ("test", 2)])
def test_a_class_too_small_to_split(make_folder, tmp_path, rank_on, needed):
    root = make_folder(classes={"cat": 9, "dog": needed - 1})
    config = DataConfig(name="folder", root=str(root), cache=str(tmp_path / "cache"), rank_on=rank_on)
    with pytest.raises(UserError, match=rf"class 'dog' has {needed - 1} images?, too few .* at least {needed} are"):
        load(config, 12, 3)


def _linked(root, *links):
    for link, target in links:
        (root / link).symlink_to(target, target_is_directory=True)


@pytest.mark.parametrize(
    "links",
    [
        pytest.param([("cat/again", ".")], id="to its own folder"),
        pytest.param([("cat/up", "..")], id="to the root"),
        pytest.param([("dog/b", "../cat"), ("cat/a", "../dog")], id="to each other"),
        pytest.param([("bird", ".")], id="a class that is the root"),
    ],
)
def test_a_link_that_leads_back_is_refused(config, tmp_path, links):
    """Followed, it gave each image forty times, or some powers of that."""
    _linked(tmp_path / "set", *links)
    with pytest.raises(UserError, match=r"data\.root: link '.*' leads to '.*', a folder that it is in; remove it"):
        check(config, 12, 3)


def test_a_link_to_other_images_is_followed(config, make_folder, tmp_path):
    more = make_folder("more", {"deep": 3})
    _linked(tmp_path / "set", ("cat/linked", more / "deep"))
    dataset = load(config, 12, 3)
    assert sum(len(part) for part in (dataset.train, dataset.val, dataset.test)) == 23


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_named(config, tmp_path):
    closed = tmp_path / "set" / "cat" / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(UserError, match=rf"data\.root: folder '{closed}' cannot be read: Permission denied"):
        check(config, 12, 3)


def test_classes_of_very_different_size_are_in_every_part(make_folder, tmp_path):
    root = make_folder(classes={"many": 60, "few": 3})
    dataset = load(DataConfig(name="folder", root=str(root), cache=str(tmp_path / "cache")), 12, 3)
    assert [np.bincount(part.labels).tolist() for part in (dataset.train, dataset.val, dataset.test)] == [
        [1, 49],
        [1, 5],
        [1, 6],
    ]
