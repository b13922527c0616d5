"""The parser of the command line, which answers a mistyped word with the nearest one that there is."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from chansearch.errors import UserError, did_you_mean, one_line


class Parser(argparse.ArgumentParser):
    """One line for a mistake, not the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)}; see `{self.prog} --help`\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse does, in this package's words, and with the nearest choice; Python 3.14 names it itself."""
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            near = did_you_mean(str(value), names)
            raise argparse.ArgumentError(action, f"{value!r} is unknown{near}; allowed: {', '.join(names)}")

    def subcommands(self) -> dict[str, Parser]:
        """Its commands and their parsers; none where it takes none."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return dict(action.choices)
        return {}

    def options(self) -> list[str]:
        """Its options as they are written."""
        return [option for action in self._actions for option in action.option_strings]


def refuse_unknown(parser: Parser, words: Iterable[str], rest: list[str], takes_settings: bool) -> None:
    """Raises ``UserError`` for the first of ``rest``, what ``parser`` has left of the ``words`` typed, that is none of
    the command's settings either."""
    unknown = [word for word in rest if word.startswith("-") or not takes_settings]
    if not unknown:
        return
    leaf = parser
    for word in words:
        leaf = leaf.subcommands().get(word, leaf)
    kind = "option" if unknown[0].startswith("-") else "argument"
    near = did_you_mean(unknown[0].partition("=")[0], leaf.options()) if kind == "option" else ""
    raise UserError(
        f"{unknown[0]!r} is no {kind} of {leaf.prog.removeprefix('chansearch ')}{near}; see `{leaf.prog} --help`"
    )
