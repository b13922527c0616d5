"""Real files of every kind people have."""

import numpy as np
import pytest
from PIL import Image

from chansearch.train.decode import BrokenImage, decode

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4  # 0 to 252


def _save(path, image, **options):
    image.save(path, **options)
    return path


def test_pixels_of_the_right_size_are_untouched(tmp_path):
    rgb = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=2)
    path = _save(tmp_path / "a.png", Image.fromarray(rgb))
    assert np.array_equal(decode(path, 8, 3), rgb.transpose(2, 0, 1))


def test_grey_becomes_three_equal_channels(tmp_path):
    pixels = decode(_save(tmp_path / "a.png", Image.fromarray(RAMP)), 8, 3)
    assert pixels.shape == (3, 8, 8)
    assert all(np.array_equal(channel, RAMP) for channel in pixels)


def test_colour_becomes_grey(tmp_path):
    path = _save(tmp_path / "a.png", Image.new("RGB", (8, 8), (255, 0, 0)))
    assert np.array_equal(decode(path, 8, 1), np.full((1, 8, 8), 76))  # ITU-R 601: 0.299 · 255


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    path = _save(tmp_path / f"a.{suffix}", Image.fromarray(RAMP.astype(np.uint16) * 257))
    assert np.array_equal(decode(path, 8, 1)[0], RAMP)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_white(tmp_path, mode):
    image = Image.new(mode, (8, 8), (0, 0) if mode == "LA" else (0, 0, 0, 0))
    image.putpixel((0, 0), (10, 255) if mode == "LA" else (10, 10, 10, 255))
    pixels = decode(_save(tmp_path / "a.png", image), 8, 3)
    assert (pixels[:, 0, 0] == 10).all()
    assert (pixels[:, 1:, 1:] == 255).all()


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putpixel((0, 0), 0)
    opaque = decode(_save(tmp_path / "a.png", image), 8, 3)
    assert opaque[:, 4, 4].tolist() == [200, 100, 50]
    assert opaque[:, 0, 0].tolist() == [0, 0, 0]
    clear = decode(_save(tmp_path / "b.png", image, transparency=0), 8, 3)
    assert clear[:, 0, 0].tolist() == [255, 255, 255]


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    path = _save(tmp_path / "a.png", Image.fromarray(RAMP), exif=exif)
    assert np.array_equal(decode(path, 8, 1)[0], np.rot90(RAMP, -1))


def test_the_short_side_is_fitted_and_the_centre_kept(tmp_path):
    wide = np.zeros((16, 48), dtype=np.uint8)
    wide[:, 16:32] = 200  # the middle third survives
    pixels = decode(_save(tmp_path / "a.png", Image.fromarray(wide)), 8, 1)
    assert (pixels[0, :, 1:-1] == 200).all()


def test_shrinking_is_antialiased(tmp_path):
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    pixels = decode(_save(tmp_path / "a.png", Image.fromarray(checks)), 8, 1)
    assert np.abs(pixels.astype(int) - 127).max() <= 2


def _truncated(path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_text("no image"), id="text"),
        pytest.param(_truncated, id="truncated"),
    ],
)
def test_broken_files_are_named(tmp_path, write):
    path = tmp_path / "broken.png"
    write(path)
    with pytest.raises(BrokenImage) as error:
        decode(path, 8, 3)
    assert error.value.path == path


def test_float_pixels_are_refused(tmp_path):
    path = _save(tmp_path / "a.tif", Image.fromarray(RAMP.astype(np.float32)))
    with pytest.raises(BrokenImage, match="no fixed range"):
        decode(path, 8, 3)


def test_more_than_sixteen_bits_are_refused(tmp_path):
    """Clipped, every level would be white."""
    path = _save(tmp_path / "a.tif", Image.fromarray(RAMP.astype(np.int32) * 2**20))
    with pytest.raises(BrokenImage, match="more than 16 bits"):
        decode(path, 8, 1)


def test_the_first_frame_stands_for_an_animation(tmp_path):
    path = _save(
        tmp_path / "a.webp",
        Image.fromarray(RAMP),
        save_all=True,
        append_images=[Image.fromarray(255 - RAMP)],
        lossless=True,
    )
    assert np.array_equal(decode(path, 8, 1)[0], RAMP)


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"garbage!", id="garbage"),
        pytest.param(b"II*\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x01\0\0\0\x06", id="cut off"),
        pytest.param(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x4d\0\0\0", id="orientation 77"),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_is_no_broken_image(tmp_path, exif):
    plain = _save(tmp_path / "a.jpg", Image.fromarray(RAMP))
    data, block = plain.read_bytes(), b"Exif\0\0" + exif
    marked = tmp_path / "b.jpg"
    marked.write_bytes(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])
    assert np.array_equal(decode(marked, 8, 3), decode(plain, 8, 3))


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_any_shape_of_image_fills_the_square(tmp_path, size):
    path = _save(tmp_path / "a.png", Image.new("L", size, 77))
    assert np.array_equal(decode(path, 8, 3), np.full((3, 8, 8), 77))
