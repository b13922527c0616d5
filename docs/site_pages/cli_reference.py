"""The page of every command, from the parsers that read the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from chansearch import cli
from site_pages.text import cell, code, markdown_table, sentence

_COLUMNS = 100  # of a usage line


def page() -> str:
    parser = cli._make_parser()
    parts = [
        "# Command line",
        "What every command takes, made from the parsers that read it. `chansearch COMMAND --help` prints the same; "
        "the keys that `KEY=VALUE` sets are in [the configuration](config.md).",
        "## Exit codes",
        _exit_codes(),
        *_command(parser),
    ]
    return "\n\n".join(parts) + "\n"


def _exit_codes() -> str:
    """As the docstring of ``chansearch.cli`` has them: "0 done, 1 a search …"."""
    [paragraph] = [part for part in cli.__doc__.split("\n\n") if part.startswith("Exit codes:")]
    listed = " ".join(paragraph.removeprefix("Exit codes:").split()).rstrip(".")
    rows = [re.fullmatch(r"(\d+) (.*)", each).groups() for each in re.split(r", (?=\d+ )", listed)]
    return markdown_table(("code", "when"), [(code(number), cell(when)) for number, when in rows])


def _command(parser: argparse.ArgumentParser, summary: str = "") -> Iterator[str]:
    """A command and those below it."""
    depth = 1 + len(parser.prog.split())
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    yield f"{'#' * min(depth, 4)} {code(parser.prog)} {{ #{parser.prog.replace(' ', '-')} }}"
    if parser.description or summary:
        yield sentence(parser.description or summary)
    yield f"```text\n{_usage(parser)}\n```"
    rows = [_row(parser, action) for action in parser._actions if _is_told(action)]
    if rows:
        yield markdown_table(("argument", "what it is"), rows)
    if parser.epilog:
        yield f"```text\n{parser.epilog.strip()}\n```"
    for group in below:
        summaries = {action.dest: action.help for action in group._choices_actions}
        for name, child in group.choices.items():
            yield from _command(child, summaries.get(name) or "")


def _usage(parser: argparse.ArgumentParser) -> str:
    formatter = argparse.HelpFormatter(parser.prog, width=_COLUMNS)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def _is_told(action: argparse.Action) -> bool:
    hidden = isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)) or action.help == argparse.SUPPRESS
    return not hidden


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    formatter = argparse.HelpFormatter(parser.prog)
    argument = formatter._format_action_invocation(action)
    words = formatter._expand_help(action) if action.help else ""
    return code(argument), cell(words)
