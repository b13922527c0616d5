"""Tell what is on pictures with a network that `chansearch export --format onnx` wrote from a training.

    python examples/classify.py net.onnx photo.jpg another.png

Needs neither chansearch nor torch: what must be known of the images stands in the file. Needs `pip install onnxruntime
pillow`.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def main(file: str, *pictures: str) -> None:
    session = onnxruntime.InferenceSession(file)
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    for picture in pictures:
        [logits] = session.run(["logits"], {"images": prepared(picture, facts)})
        shares = np.exp(logits[0] - logits[0].max())
        best = shares.argmax()
        print(f"{picture}: {facts['class_names'][best]} ({100 * shares[best] / shares.sum():.0f} %)")


def prepared(picture: str, facts: dict) -> np.ndarray:
    """Float32 (1, 3, size, size): the middle of the picture, which is what `chansearch eval` looks at."""
    size = facts["network"]["input_size"]
    with Image.open(picture) as image:
        rim = (1 - facts["crop_pct"]) / 2
        image = ImageOps.fit(image.convert("RGB"), (size, size), _FILTERS[facts["interpolation"]], bleed=rim)
    pixels = (np.asarray(image, np.float32) / 255 - np.float32(facts["mean"])) / np.float32(facts["std"])
    return pixels.transpose(2, 0, 1)[None]


if __name__ == "__main__":
    main(*sys.argv[1:])
