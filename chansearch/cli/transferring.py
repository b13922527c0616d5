"""``chansearch transfer``: a network carried to other tasks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.cli.printing import print_json
from chansearch.cli.settings import add_settings, list_groups, print_configs
from chansearch.cli.training import run, train_classifier
from chansearch.errors import UserError

if TYPE_CHECKING:
    from chansearch.transfer.config import TrainingConfig

_DETECTORS = {
    "ssdlite": "boxes, by SSDLite at 320x320",
    "fasterrcnn": "boxes, by Faster R-CNN with a feature pyramid",
    "maskrcnn": "boxes and masks, by Mask R-CNN with a feature pyramid",
}


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    transfer = commands.add_parser(
        "transfer",
        help="carry a network to detection or segmentation: chansearch transfer ssdlite model=rexnet_100 …",
        description="Train a network on another task, starting from what it has learned; look at what it finds.",
    )
    tasks = transfer.add_subparsers(dest="task", required=True, metavar="TASK")
    for name, what in _DETECTORS.items():
        task = tasks.add_parser(
            name,
            help=what,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            description=f"Train a detector of {what}, on images in COCO's format; makes a folder under results/.",
            epilog=_help(),
        )
        add_settings(task, "DIR/recipe/mine.yaml", "the plan")
        task.set_defaults(run=_detector)

    finegrained = tasks.add_parser(
        "finegrained",
        help="classes that are close to each other, from ImageNet's weights",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Fine-tune a trained network on a published set or class folders; makes a folder under results/.",
        epilog=_finegrained_help(),
    )
    add_settings(finegrained, "DIR/recipe/mine.yaml", "the plan")
    finegrained.set_defaults(run=_finegrained)

    predict = tasks.add_parser("predict", help="draw what a detector finds: chansearch transfer predict RUN photo.jpg")
    predict.add_argument("model", metavar="RUN", help="a training's folder, or its model.pt")
    predict.add_argument("images", nargs="+", metavar="IMAGE")
    predict.add_argument("-o", "--output", metavar="DIR", default=".", help="for IMAGE-found.png; default: here")
    predict.add_argument("--score", type=float, default=0.5, help="the least, 0 to 1; default: 0.5")
    predict.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    predict.add_argument("--json", action="store_true", help="machine-readable, with every box")
    predict.set_defaults(run=_predict)

    evaluate = tasks.add_parser(
        "eval", help="average precision of a detector: chansearch transfer eval RUN data.root=DIR"
    )
    evaluate.add_argument("model", metavar="RUN", help="a training's folder, or its model.pt")
    evaluate.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="data.root=DIR, data=custom, …")
    evaluate.add_argument("--config-dir", "-cd", metavar="DIR", help="a folder of your own groups")
    evaluate.add_argument("--json", action="store_true", help="machine-readable")
    evaluate.set_defaults(run=_eval)


def _help() -> str:
    from chansearch.transfer.detection.config import DETECTION

    groups = [line for line in list_groups(DETECTION).splitlines() if not line.startswith("  task ")]  # it is said
    return "\n".join(
        [
            *groups,
            "",
            "settings (KEY=VALUE), a few of them; --cfg job prints all:",
            "  model=rexnet_100|FILE.yaml|FILE.pt|RUN  weights=FILE  pretrained=true",
            "  data.root=DIR with DIR/train2017, DIR/val2017 and DIR/annotations, or data=custom",
            "  detector.min_size=800  detector.max_size=1333  detector.freeze_bn=true",
            "  recipe=short  recipe.epochs=26  recipe.batch_size=16  recipe.micro_batch=2  recipe.lr=0.02",
            "  train.device=auto  train.precision=auto  cluster.workers=4  cluster.address=auto",
            "  name=my-detector  results=results",
            "",
            "one that was cut off goes on with `chansearch train --resume RUN`",
        ]
    )


def _finegrained_help() -> str:
    from chansearch.transfer.config import TRAINING

    return "\n".join(
        [
            list_groups(TRAINING),
            "",
            "settings (KEY=VALUE), a few of them; --cfg job prints all:",
            "  model=rexnet_100 pretrained=true, or model=FILE.yaml weights=FILE, or model=RUN",
            "  data=food101|stanford_cars|fgvc_aircraft|flowers102 data.root=DIR data.download=true",
            "  data=folder data.root=DIR with DIR/train/<class>/… and DIR/val/<class>/…",
            "  recipe.epochs=100  recipe.lr=0.02  network.input_size=224",
            "",
            "`chansearch eval RUN data=… data.root=DIR --confusion DIR` says which classes are taken for which",
        ]
    )


def _detector(given: argparse.Namespace) -> int:
    from chansearch.config import compose
    from chansearch.transfer.detection.config import DETECTION, check_asked

    if any(word.startswith("task=") for word in given.overrides):
        raise UserError(f"task: it is {given.task}, the word behind transfer")
    config = compose([f"task={given.task}", *given.overrides], given.config_dir, DETECTION)
    if config.detector.head != given.task:
        raise UserError(f"detector.head: '{config.detector.head}'; allowed: {given.task}, the word behind transfer")
    if given.cfg:
        print_configs([config])
        return 0
    check_asked(config)  # before torch is there
    from chansearch.transfer.detection.plan import check

    return run(check(config), given.dry_run)


def _finegrained(given: argparse.Namespace) -> int:
    """`chansearch train` with its recipe, from trained weights."""
    recipe = [] if any(word.startswith("recipe=") for word in given.overrides) else ["recipe=finegrained"]
    return train_classifier(given, [*recipe, *given.overrides], _check_weights)


def _check_weights(config: TrainingConfig) -> None:
    from chansearch.nets.model import find_checkpoint

    if not (config.pretrained or config.weights or find_checkpoint(config.model)):
        raise UserError(
            "pretrained: false; fine-tuning starts from trained weights: pretrained=true, weights=FILE, or a "
            "training's folder as model; `chansearch train` starts from none"
        )


def _predict(given: argparse.Namespace) -> int:
    for image in given.images:
        if not Path(image).is_file():
            raise UserError(f"{image}: no such file")
    if not 0 <= given.score <= 1:
        raise UserError(f"--score: {given.score}; allowed: 0 to 1")
    from chansearch.transfer.detection.predict import predict

    found = predict(given.model, given.images, Path(given.output), given.score, given.device)
    if given.json:
        print_json(found)
    else:
        for entry in found:
            print(f"{entry['drawn']}: {len(entry['objects'])} found in {entry['image']}")
    return 0


def _eval(given: argparse.Namespace) -> int:
    from chansearch.config import compose
    from chansearch.transfer.detection.config import DETECTION
    from chansearch.transfer.detection.evaluate import check_asked

    config = compose(given.overrides, given.config_dir, DETECTION)
    config.model = given.model
    check_asked(config)  # before torch is there
    from chansearch.transfer.detection.evaluate import evaluate

    facts = evaluate(config)
    if given.json:
        print_json(facts)
    else:
        print(_eval_text(facts))
    return 0


def _eval_text(facts: dict) -> str:
    lines = [f"{facts['images']:,} images ({facts['data']}), {facts['images_per_second']:,.1f} images/s"]
    for kind in ("box", "mask"):
        figures = {
            name.partition("_")[2].replace("_", " ").replace("ap", "AP"): value
            for name, value in facts.items()
            if name.startswith(f"{kind}_")
        }
        if figures:
            parts = [f"{name} {'none there' if value is None else f'{value:.2f}'}" for name, value in figures.items()]
            lines.append(f"{kind}: " + "  ".join(parts))
    return "\n".join(lines)
