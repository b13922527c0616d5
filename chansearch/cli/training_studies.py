"""The studies that train networks, which may be cut off and resumed: study factors, study nonlinearity."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from chansearch.cli.settings import add_settings, list_groups, print_configs
from chansearch.errors import UserError

if TYPE_CHECKING:
    from chansearch.studies.trained import TrainedStudy


def add(studies: argparse._SubParsersAction) -> list[argparse.ArgumentParser]:
    """The parsers of these studies."""
    factors = _add_trained(
        studies,
        "factors",
        "Table 2: four networks of two blocks, each one factor further",
        "Train four networks of two inverted bottlenecks, each one factor further than the one before (Table 2).",
    )
    factors.set_defaults(run=_factors)
    nonlinearity = _add_trained(
        studies,
        "nonlinearity",
        "a network with each of the eight activations behind its expansions",
        "Train one network with each of the eight activations behind its expansions, with the same seeds.",
        "  model=rexnet_100|FILE.yaml|FILE.pt|RUN (default: the best published network of c1)",
        "  network.input_size=64 (default: the model's own, 32 at most)",
    )
    nonlinearity.set_defaults(run=_nonlinearity)
    return [factors, nonlinearity]


def _add_trained(
    studies: argparse._SubParsersAction, name: str, line: str, description: str, *settings: str
) -> argparse.ArgumentParser:
    """A study that trains; ``settings`` are lines of its help about its own ones."""
    study = studies.add_parser(
        name,
        help=line,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"{description} Writes a folder; what has ended in it is kept.",
        epilog=_trained_help(settings),
    )
    add_settings(study, "DIR/fidelity/mine.yaml", "the networks")
    study.add_argument("--resume", metavar="DIR", help="go on with a study that was cut off, with its own settings")
    return study


def _trained_help(settings: tuple[str, ...]) -> str:
    from chansearch.studies.config import STUDY

    return "\n".join(
        [
            list_groups(STUDY),
            "",
            "settings (KEY=VALUE), a few of them; --cfg job prints all:",
            *settings,
            "  train.epochs=30  train.seeds=3  train.patience=null  train.device=auto",
            "  data.root=DIR  data.test_root=DIR  data.train_images=5000",
            "  cluster.address=auto  cluster.gpus_per_trial=0.25  cluster.workers=2",
        ]
    )


def _factors(given: argparse.Namespace) -> int:
    from chansearch.studies.factors import FACTORS

    return _run_trained(given, FACTORS)


def _nonlinearity(given: argparse.Namespace) -> int:
    from chansearch.studies.nonlinearity import NONLINEARITY_STUDY

    return _run_trained(given, NONLINEARITY_STUDY)


def _run_trained(given: argparse.Namespace, study: TrainedStudy) -> int:
    from chansearch.config import compose
    from chansearch.studies.trained import check, rehearse, resume, start

    if given.resume is not None:
        if given.overrides or given.output is not None:
            asked = given.overrides[0] if given.overrides else "--output"
            raise UserError(f"{asked!r}: a study goes on as it was begun; --resume takes no settings")
        resume(study, given.resume)
        return 0
    config = compose(given.overrides, given.config_dir, study.tree)
    if given.cfg:
        print_configs([config])
        return 0
    plan = check(study, config)
    if given.dry_run:
        rehearse(plan)
    else:
        start(plan, given.output)
    return 0
