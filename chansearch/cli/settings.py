"""What commands that take KEY=VALUE settings share: their options, the list of groups, the composed configuration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chansearch.config import Tree


def add_settings(command: argparse.ArgumentParser, own: str, dry_run: str) -> None:
    """``own``: an example of a file in a folder of the user's own groups; ``dry_run``: what that option prints."""
    command.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="groups and settings, see below")
    command.add_argument("--dry-run", action="store_true", help=f"print {dry_run} and the estimated time, and stop")
    command.add_argument("--config-dir", "-cd", metavar="DIR", help=f"a folder of your own groups: {own}")
    command.add_argument("--cfg", choices=["job"], help="print the composed configuration, and stop")


def add_results(command: argparse.ArgumentParser) -> None:
    """Of a command that finds runs by itself."""
    command.add_argument("--results", default="results", metavar="DIR", help="where runs are kept (default: results)")


def list_groups(tree: Tree) -> str:
    """For the help of a command: every group with its choices, a line each."""
    from chansearch.config import groups

    lines = [f"  {name:<11} {', '.join(choices)}" for name, choices in groups(tree=tree).items()]
    return "\n".join(["groups (GROUP=CHOICE):", *lines])


def print_configs(configs: Sequence) -> None:
    """As YAML that reads back as the same configuration."""
    import dataclasses

    import yaml

    for config in configs:
        print(yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True), end="")
