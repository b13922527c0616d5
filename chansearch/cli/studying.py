"""The paper's own studies: study NAME."""

from __future__ import annotations

import argparse
import re

from chansearch.cli import training_studies
from chansearch.cli.progress import progress
from chansearch.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    study = commands.add_parser(
        "study",
        help="the paper's layer studies and figures: chansearch study rank",
        description="Each study writes a folder: data.csv, figure.png and .svg, findings.md with the paper's numbers "
        "beside the measured ones.",
    )
    studies = study.add_subparsers(dest="study", required=True, metavar="NAME")
    _add_rank(studies)
    for trained in training_studies.add(studies):
        _add_output(trained)
    _add_spectrum(studies)
    _add_conventions(studies)
    _add_proxies(studies)


def _add_output(study: argparse.ArgumentParser) -> None:
    study.add_argument("--output", metavar="DIR", help="default: results/study-NAME-TIME")


def _add_rank(studies: argparse._SubParsersAction) -> None:
    rank = studies.add_parser(
        "rank",
        help="Figure 1: the rank of four layers under eight nonlinearities",
        description="The rank of the output features of random layers against d_in/d_out, as in the paper's Figure 1.",
    )
    rank.add_argument("--networks", type=int, default=1000, metavar="N", help="of each point (default: 1000)")
    rank.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    rank.add_argument("--workers", type=int, metavar="N", help="points at a time (default: as many as CPUs)")
    rank.add_argument("--layers", metavar="NAME[,NAME]", help="conv1x1,conv3x3,bottleneck,bottleneck_dw (default: all)")
    rank.add_argument("--activations", metavar="NAME[,NAME]", help="identity,relu6,… (default: all eight)")
    rank.add_argument("--d-out", default="10-50", metavar="LOW-HIGH", help="output widths (default: 10-50)")
    rank.add_argument("--expansion", type=int, default=6, metavar="N", help="of the bottlenecks (default: 6)")
    rank.add_argument(
        "--batch-norm",
        default="fresh",
        metavar="fresh|batch",
        help="fresh: evaluation mode before training (default); batch: the feature's own statistics",
    )
    rank.add_argument("--map", type=int, default=1, metavar="PIXELS", help="side of the maps (default: 1)")
    _add_output(rank)
    rank.set_defaults(run=_rank)


def _rank(given: argparse.Namespace) -> int:
    import dataclasses

    from chansearch.ranges import at_least
    from chansearch.studies.rank_plan import RankPlan

    plan = RankPlan(
        layers=_names(given.layers, RankPlan.layers),
        activations=_names(given.activations, RankPlan.activations),
        networks=given.networks,
        seed=given.seed,
        d_out=_range("--d-out", given.d_out),
        expansion=given.expansion,
        batch_norm=given.batch_norm,
        map_size=given.map,
    )
    plan.check()
    if given.workers is not None:
        at_least("--workers", given.workers, 1)
    from chansearch.studies.folder import open_folder, write_study

    folder = open_folder("rank", given.output)
    from chansearch.studies.rank_study import study_rank

    with progress("rank") as say:
        study = study_rank(plan, given.workers, say)
    print(write_study(folder, {"rank": dataclasses.asdict(plan)}, study))
    return 0


def _names(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """What stands between the commas, each once."""
    return default if text is None else tuple(dict.fromkeys(text.split(",")))


def _range(key: str, text: str) -> tuple[int, int]:
    """``10-50`` as two numbers, ``10`` as 10 to 10."""
    low, sign, high = text.partition("-")
    high = high if sign else low
    if not all(re.fullmatch("[0-9]{1,6}", part) for part in (low, high)):
        raise UserError(f"{key}: {text!r}; allowed: LOW-HIGH, such as 10-50")
    return int(low), int(high)


def _add_proxies(studies: argparse._SubParsersAction) -> None:
    from chansearch.proxies.names import PROXY_NAMES

    proxies = studies.add_parser(
        "proxies",
        help="what ranks candidates without training? scores of untrained networks against a recorded run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Score the candidates of a run as if untrained, and compare with the accuracies it has recorded.",
        epilog="\n".join(["proxies:", *(f"  {name:<13} {line}" for name, line in PROXY_NAMES.items())]),
    )
    proxies.add_argument("run_directory", metavar="RUN", help="results/RUN")
    proxies.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="data.KEY=VALUE",
        help="where the run's images are now: data.root=DIR",
    )
    proxies.add_argument("--proxy", default="all", metavar="NAME[,NAME]", help="those below (default: all)")
    proxies.add_argument(
        "--images",
        choices=["run", "noise"],
        help="what the networks look at (default: the run's images where they are there and the same, else noise)",
    )
    proxies.add_argument("--seeds", type=int, default=3, metavar="N", help="initialisations averaged (default: 3)")
    proxies.add_argument(
        "--draws", type=int, default=8, metavar="K", help="as sampler.prescreen_draws, for its gain (default: 8)"
    )
    _add_output(proxies)
    proxies.set_defaults(run=_proxies)


def _proxies(given: argparse.Namespace) -> int:
    from chansearch.proxies.names import parse_proxies
    from chansearch.search.rundir import RunDirectory

    names = parse_proxies("--proxy", given.proxy)
    run = RunDirectory.open(given.run_directory)
    from chansearch.studies.folder import open_folder
    from chansearch.studies.proxies import Options, study_proxies

    folder = open_folder("proxies", given.output)
    options = Options(names, tuple(given.overrides), given.images, given.seeds, given.draws)
    with progress("proxies") as say:
        text = study_proxies(run, options, folder, say)
    print(text)
    return 0


def _add_conventions(studies: argparse._SubParsersAction) -> None:
    conventions = studies.add_parser(
        "conventions",
        help="Table 1: channels of published networks against relative depth, and their best lines",
        description="Channels against relative depth of the ten networks of the paper's Table 1 and ReXNet x1.0, their "
        "best line and its R².",
    )
    conventions.add_argument(
        "--network", action="append", default=[], metavar="FILE|NAME", help="a YAML file or preset; repeatable"
    )
    conventions.add_argument(
        "--run", action="append", default=[], metavar="RUN", dest="runs", help="its best candidate; repeatable"
    )
    _add_output(conventions)
    conventions.set_defaults(run=_conventions)


def _conventions(given: argparse.Namespace) -> None:
    from chansearch.studies.conventions import study_conventions
    from chansearch.studies.folder import open_folder, write_study

    folder = open_folder("conventions", given.output)
    study = study_conventions(given.network, given.runs)
    print(write_study(folder, {"network": given.network, "run": given.runs}, study))


def _add_spectrum(studies: argparse._SubParsersAction) -> None:
    from chansearch.cli.settings import list_groups
    from chansearch.studies.config import STUDY

    spectrum = studies.add_parser(
        "spectrum",
        help="cumulative singular values of the final feature of any networks",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Share of singular values of the final feature, relative to the largest, of any networks.",
        epilog=list_groups(STUDY),
    )
    spectrum.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="MODEL|KEY=VALUE",
        help="a preset, YAML file, checkpoint, training's folder or name of timm's (default: rexnet_090 and "
        "mobilenetv2_100); groups and settings, see below",
    )
    given_weights = spectrum.add_mutually_exclusive_group()
    given_weights.add_argument("--pretrained", action="store_true", help="published weights, through timm")
    given_weights.add_argument("--train", action="store_true", help="train networks that have no weights, by train.*")
    spectrum.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="MODEL=FILE",
        help="weights of a preset or YAML file; repeatable",
    )
    spectrum.add_argument("--input-size", type=int, metavar="PIXELS", help="default: each network's own")
    spectrum.add_argument("--config-dir", "-cd", metavar="DIR", help="a folder of your own groups")
    _add_output(spectrum)
    spectrum.set_defaults(run=_spectrum)


def _spectrum(given: argparse.Namespace) -> None:
    import dataclasses

    from chansearch.config import compose
    from chansearch.nets.named import check_name
    from chansearch.ranges import at_least
    from chansearch.studies.config import STUDY
    from chansearch.studies.folder import open_folder, write_study
    from chansearch.studies.published import SPECTRUM_BELOW
    from chansearch.train.config import validate_data, validate_train

    folder = open_folder("spectrum", given.output)
    models = list(dict.fromkeys(word for word in given.overrides if "=" not in word)) or list(SPECTRUM_BELOW)
    weights = _weights(given.weights, models)
    if given.input_size is not None:
        at_least("--input-size", given.input_size, 1)
    for name in models:
        check_name(name)
    config = compose([word for word in given.overrides if "=" in word], given.config_dir, STUDY)
    validate_data(config.data)
    validate_train(config.train)
    from chansearch.studies.spectrum import Options, study_spectrum

    options = Options(tuple(models), weights, given.pretrained, given.train, given.input_size)
    with progress("spectrum") as show:
        study = study_spectrum(options, config, show)
    asked = {**dataclasses.asdict(options), "models": models, **dataclasses.asdict(config)}
    print(write_study(folder, asked, study))


def _weights(words: list[str], models: list[str]) -> dict[str, str]:
    """Of ``MODEL=FILE``; raises ``UserError`` for another form and for a model that is not asked for."""
    found = {}
    for word in words:
        model, sign, file = word.partition("=")
        if not sign or not file:
            raise UserError(f"--weights: {word!r} is no MODEL=FILE")
        if model not in models:
            raise UserError(f"--weights: {model!r} is none of the networks asked for, {', '.join(models)}")
        found[model] = file
    return found
