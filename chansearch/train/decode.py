"""From one image file to pixels: one rule for searches and trainings alike."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


class BrokenImage(Exception):
    """An image file that cannot be decoded: ``path`` and PIL's reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def refuse_bombs() -> None:
    """Make PIL raise, in this process, where it only warns: at more than 89 megapixels an image is a bomb or a poster.

    Call it inside ``warnings.catch_warnings()``.
    """
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def read_image(path: Path, channels: int) -> Image.Image:
    """The image of ``path`` with one eight-bit channel (grey) or three (RGB). Raises BrokenImage.

    The EXIF orientation is applied, transparency is laid on white, 16 bits are scaled to 8; of an animation the first
    frame is taken.
    """
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return _to_mode(image, "L" if channels == 1 else "RGB")
    except Exception as error:  # PIL's plugins raise nearly any type on a broken file
        raise BrokenImage(path, f"{type(error).__name__}: {error}") from error


def read_guarded(path: Path, channels: int) -> Image.Image:
    """``read_image`` that refuses bombs, where one thread of the process decodes: warnings are the whole process's."""
    with warnings.catch_warnings():
        refuse_bombs()
        return read_image(path, channels)


def decode(path: Path, size: int, channels: int) -> np.ndarray:
    """Pixels of ``path``, uint8, shape (channels, size, size); channels is 1 (grey) or 3 (RGB).

    As ``read_image`` has them; the short side is resized to ``size`` with antialiasing and the centre kept; an image of
    that size already keeps its pixels. Raises BrokenImage.
    """
    image = read_image(path, channels)
    try:
        square = ImageOps.fit(image, (size, size), method=Image.Resampling.BILINEAR)
    except (ValueError, MemoryError) as error:
        raise BrokenImage(path, f"{type(error).__name__}: {error}") from error
    pixels = np.asarray(square)  # (H, W) or (H, W, C)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no fixed range to map to 0..255")
    if image.mode == "I" or image.mode.startswith("I;16"):
        # PIL clips 16-bit greys at 255 instead of scaling them; mode I is how it opens some 16-bit PNG and TIFF.
        values = np.asarray(image).astype(np.float32)
        if values.max() > 65535:
            raise ValueError("grey levels of more than 16 bits have no fixed range to map to 0..255")
        image = Image.fromarray(np.rint(np.clip(values, 0, 65535) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)
