"""Commands on trained networks: train, eval."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chansearch.cli.printing import nothing_but_json, print_json
from chansearch.cli.settings import add_settings, list_groups, print_configs
from chansearch.errors import UserError

if TYPE_CHECKING:
    from chansearch.transfer.config import TrainingConfig
    from chansearch.transfer.launch import Plan


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    train = commands.add_parser(
        "train",
        help="train a network on images: chansearch train model=rexnet_100 data=imagenet data.root=DIR",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a network on images in class folders; makes a folder under results/.",
        epilog=_train_help(),
    )
    add_settings(train, "DIR/recipe/mine.yaml", "the plan")
    train.add_argument("--resume", metavar="RUN", help="go on with results/RUN, which was cut off")
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "eval", help="top-1 and top-5 of a network on validation images: chansearch eval results/RUN data.root=DIR"
    )
    evaluate.add_argument(
        "model", metavar="MODEL", help="a training's folder, a checkpoint, a YAML file, or rexnet_100"
    )
    evaluate.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="data.root=DIR, data=folder, …")
    evaluate.add_argument("--weights", metavar="FILE", help="of this builder, of timm or of the official repository")
    evaluate.add_argument("--pretrained", action="store_true", help="published weights of a preset, through timm")
    evaluate.add_argument("--config-dir", "-cd", metavar="DIR", help="a folder of your own groups")
    evaluate.add_argument(
        "--confusion",
        metavar="DIR",
        help="write who is taken for whom: classes.csv, confusion.csv, confusion.png",
    )
    evaluate.add_argument("--json", action="store_true", help="machine-readable")
    evaluate.set_defaults(run=_eval)


def _train_help() -> str:
    from chansearch.transfer.config import TRAINING

    return "\n".join(
        [
            list_groups(TRAINING),
            "",
            "settings (KEY=VALUE), a few of them; --cfg job prints all:",
            "  model=rexnet_100|FILE.yaml|FILE.pt|RUN  weights=FILE  pretrained=true",
            "  network.drop_path=0.2  network.input_size=64",
            "  data.root=DIR with DIR/train/<class>/… and DIR/val/<class>/…  data.images_per_class=50",
            "  recipe.epochs=400  recipe.batch_size=512  recipe.micro_batch=128  recipe.lr=0.5  recipe.ema_decay=null",
            "  train.device=auto  train.precision=auto  train.checkpoint_minutes=10",
            "  cluster.workers=4  cluster.retries=3  cluster.address=auto",
            "  name=my-training  results=results",
        ]
    )


def _train(given: argparse.Namespace) -> int:
    if given.resume is not None:
        if given.overrides:
            raise UserError(f"{given.overrides[0]!r}: a training goes on as it was begun; --resume takes no settings")
        return _resume(given.resume)
    return train_classifier(given, given.overrides)


def train_classifier(
    given: argparse.Namespace, overrides: Sequence[str], also: Callable[[TrainingConfig], None] = lambda config: None
) -> int:
    """What ``given`` asks for, of a training on classes; ``also`` raises ``UserError`` for what else is refused."""
    from chansearch.config import compose
    from chansearch.transfer.config import TRAINING, check_asked

    config = compose(overrides, given.config_dir, TRAINING)
    if given.cfg:
        print_configs([config])
        return 0
    check_asked(config)  # before torch is there
    also(config)
    from chansearch.transfer.plan import check

    return run(check(config), given.dry_run)


def run(plan: Plan, dry_run: bool) -> int:
    """A training of any kind: what it would be, or done."""
    from chansearch.transfer.launch import rehearse, start

    if dry_run:
        rehearse(plan)
    else:
        start(plan)
    return 0


def _resume(run: str) -> int:
    from chansearch.transfer.folder import TrainingFolder

    folder = TrainingFolder.open(run)
    from chansearch.transfer.plan import require_timm

    require_timm()
    from chansearch.transfer.launch import resume

    resume(folder)
    return 0


def _eval(given: argparse.Namespace) -> int:
    from chansearch.files import check_writable
    from chansearch.transfer.config import check_asked

    check_asked(_asked_of_eval(given))  # before torch is there
    if given.confusion is not None:
        check_writable("--confusion", Path(given.confusion))
    from chansearch.transfer.plan import require_timm

    require_timm()
    from chansearch.transfer.evaluate import evaluate, settings_of

    with nothing_but_json(given.json):
        found = evaluate(_asked_of_eval(given, settings_of(given.model)))
    if given.confusion is not None:
        from chansearch.transfer.confusion import write_confusion

        title = f"{given.model}: top-1 {found.facts['top1']:.2f} % of {found.facts['images']:,} images"
        write_confusion(Path(given.confusion), found.counts, found.classes, title)
    if given.json:
        print_json(found.facts)
    else:
        print(_eval_text(found.facts))
    return 0


def _asked_of_eval(given: argparse.Namespace, defaults: Sequence[str] = ()) -> TrainingConfig:
    """``defaults`` are settings that the user's own go over."""
    from chansearch.config import compose
    from chansearch.transfer.config import TRAINING

    config = compose([*defaults, *given.overrides], given.config_dir, TRAINING)
    config.model, config.weights = given.model, given.weights or config.weights
    config.pretrained = given.pretrained or config.pretrained
    return config


def _eval_text(facts: dict) -> str:
    return (
        f"top-1 {facts['top1']:.2f}  top-5 {facts['top5']:.2f}  of {facts['images']:,} images ({facts['data']}), "
        f"{facts['classes']} classes, {facts['input_size']}x{facts['input_size']}, "
        f"{facts['images_per_second']:,.0f} images/s"
    )
