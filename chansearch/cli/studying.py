"""The paper's own studies: study NAME."""

from __future__ import annotations

import argparse


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    study = commands.add_parser(
        "study",
        help="the paper's layer studies and figures: chansearch study rank",
        description="Each study writes a folder: data.csv, figure.png and .svg, findings.md with the paper's numbers "
        "beside the measured ones.",
    )
    studies = study.add_subparsers(dest="study", required=True, metavar="NAME")
    _add_proxies(studies)


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
    print(study_proxies(run, Options(names, tuple(given.overrides), given.images, given.seeds, given.draws), folder))
    return 0


def _add_output(study: argparse.ArgumentParser) -> None:
    study.add_argument("--output", metavar="DIR", help="default: results/study-NAME-TIME")
