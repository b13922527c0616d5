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
    _add_conventions(studies)


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


def _add_output(study: argparse.ArgumentParser) -> None:
    study.add_argument("--output", metavar="DIR", help="default: results/study-NAME-TIME")
