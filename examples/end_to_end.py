"""From a folder of images to an ONNX file: search, export, train, evaluate, export again, and classify with the result.

    python examples/end_to_end.py --images DIR --out results/end-to-end

DIR holds train/<class>/<image> and test/<class>/<image>; CIFAR-10 in that form is a good first one. Every step is a
command that could be typed, and is printed before it runs. Needs `pip install -e ".[train,deploy]"`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

# What each step spends: the whole example is for real images, `--small` to see every part work.
SEARCH = ["search.candidates=12", "train.epochs=4", "train.seeds=2"]
TRAIN = ["recipe.epochs=8", "data.images_per_class=500", f"cluster.workers={min(2, len(os.sched_getaffinity(0)))}"]
# Compiling the package's own kernels would take longer than these trainings.
SMALL = ["train.kernels=torch", "cluster.dashboard=false"]
SEARCH_SMALL = [*SMALL, "search.candidates=2", "train.epochs=1", "train.seeds=1", "data.train_images=96"]
SEARCH_SMALL += ["data.val_images=null"]
TRAIN_SMALL = [*SMALL, "recipe.epochs=2", "recipe.batch_size=32", "data.images_per_class=32"]
TRAIN_SMALL += ["data.val_images_per_class=16"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="holds train/ and test/")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder for everything it makes")
    parser.add_argument("--small", action="store_true", help="two candidates and two epochs: two minutes")
    given = parser.parse_args()
    train, test = given.images / "train", given.images / "test"
    for folder in (train, test):
        if not folder.is_dir():
            parser.error(f"--images: {folder} is no folder")
    classes = sum(path.is_dir() for path in train.iterdir())
    yaml, onnx = given.out / "rexnet_custom.yaml", given.out / "net.onnx"

    # 1. Which shape f of the channels trains best under c1's budget, on 32x32 images?
    data = ["data=folder", f"data.root={train}", f"data.test_root={test}", "fidelity=laptop"]
    settings = SEARCH_SMALL if given.small else SEARCH
    chansearch("search", "constraint=c1", *data, *settings, f"results={given.out}", "name=search")
    chansearch("report", given.out / "search")

    # 2. That shape as a full ReXNet of 16 blocks, with what ReXNet x1.0 costs at 64x64.
    chansearch("export", "--run", given.out / "search", "--input-size", "64", "--classes", classes, "-o", yaml)

    # 3. Trained on the same images at 64x64, and measured.
    data = ["data=folder", f"data.root={given.images}"]
    settings = TRAIN_SMALL if given.small else TRAIN
    training = ["recipe=short", *settings, f"results={given.out}", "name=training"]
    chansearch("train", f"model={yaml}", *data, *training)
    chansearch("eval", given.out / "training", *data)

    # 4. One file that needs neither chansearch nor torch.
    chansearch("export", given.out / "training", "--format", "onnx", "-o", onnx)
    right, seen = classify(onnx, test)
    print(f"{onnx}: {right} of {seen} test images right, {100 * right / seen:.2f} %")


def chansearch(*words: object) -> None:
    """Run one command of chansearch; its exit code ends this script too if it is not 0."""
    command = [str(word) for word in words]
    print("\n$ chansearch", *command, flush=True)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "chansearch", *command])
    if done.returncode:
        raise SystemExit(done.returncode)
    print(f"# {time.perf_counter() - start:.0f} s", flush=True)


def classify(file: Path, test: Path, most: int = 1000) -> tuple[int, int]:
    """Images of ``test`` that an ONNX file gets right, and how many it saw: at most ``most``, evenly spread."""
    import numpy as np
    import onnxruntime
    from PIL import Image, ImageOps

    session = onnxruntime.InferenceSession(file)
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    size, names = facts["network"]["input_size"], facts["class_names"]
    rim = (1 - facts["crop_pct"]) / 2
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    files = sorted(path for path in test.glob("*/*") if path.is_file())
    files = files[:: -(-len(files) // most)]
    right = 0
    for path in files:
        with Image.open(path) as image:
            # The middle of a side, which is what `chansearch eval` looks at.
            image = ImageOps.fit(image.convert("RGB"), (size, size), filters[facts["interpolation"]], bleed=rim)
        pixels = (np.asarray(image, np.float32) / 255 - np.float32(facts["mean"])) / np.float32(facts["std"])
        [logits] = session.run(["logits"], {"images": pixels.transpose(2, 0, 1)[None]})
        right += names[logits[0].argmax()] == path.parent.name
    return right, len(files)


if __name__ == "__main__":
    main()
