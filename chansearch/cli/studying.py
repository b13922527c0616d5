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
    study.add_subparsers(dest="study", required=True, metavar="NAME")


def _add_output(study: argparse.ArgumentParser) -> None:
    study.add_argument("--output", metavar="DIR", help="default: results/study-NAME-TIME")
