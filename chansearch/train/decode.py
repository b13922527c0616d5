"""From one image file to square uint8 pixels."""

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


def decode(path: Path, size: int, channels: int) -> np.ndarray:
    """Pixels of ``path``, uint8, shape (channels, size, size); channels is 1 (grey) or 3 (RGB).

    The EXIF orientation is applied, transparency is laid on white, the short side is resized to ``size`` with
    antialiasing and the centre kept; an image of that size already keeps its pixels. Raises BrokenImage.
    """
    try:
        with Image.open(path) as image:
            flat = _to_mode(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
            square = ImageOps.fit(flat, (size, size), method=Image.Resampling.BILINEAR)
    except Exception as error:  # PIL's plugins raise nearly any type on a broken file
        raise BrokenImage(path, f"{type(error).__name__}: {error}") from error
    pixels = np.asarray(square)  # (H, W) or (H, W, C)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no fixed range to map to 0..255")
    if image.mode == "I" or image.mode.startswith("I;16"):
        # PIL clips 16-bit greys at 255 instead of scaling them; mode I is how it opens some 16-bit PNG and TIFF.
        values = np.asarray(image).astype(np.float32)
        image = Image.fromarray(np.rint(np.clip(values, 0, 65535) / 257).astype(np.uint8))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)
