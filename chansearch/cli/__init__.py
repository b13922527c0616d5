"""The command line: the only room that reads it. Imports nothing heavy until a command needs it.

Exit codes: 0 done, 1 a search of which no candidate can be ranked, 2 a user's mistake (one line on standard error),
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from chansearch._version import __version__
from chansearch.cli import (
    completion,
    looking,
    measuring,
    networks,
    searching,
    starting,
    studying,
    training,
    transferring,
)
from chansearch.cli.parser import Parser, refuse_unknown
from chansearch.errors import Interrupted, UserError, one_line

_EPILOG = """\
`chansearch COMMAND --help` (or `chansearch help COMMAND`) has the options of each.

exit codes:
  0    done
  1    a search of which no candidate can be ranked
  2    a user's mistake, or a full disk or memory: one line on standard error
  130  stopped by Ctrl-C; the line says how to go on

environment variables:
  NO_COLOR        no colours on a terminal; elsewhere there are none
  XDG_CACHE_HOME  downloads, decoded images and compiled kernels are in its folder chansearch (default: ~/.cache)
  CXX             the C++ compiler that compiles the kernels (default: c++, g++ or clang++)
  RAY_ADDRESS     a cluster that a run's config.yaml may name"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks
    parser = _make_parser()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:  # as git has it
        words = [*words[1:], "--help"]
    given, rest = parser.parse_known_args(words)
    try:
        takes_settings = hasattr(given, "overrides")
        refuse_unknown(parser, words, rest, takes_settings)
        if takes_settings:
            given.overrides += rest  # those that stand behind an option
        return given.run(given) or 0
    except UserError as error:
        print(f"chansearch: {one_line(error)}", file=sys.stderr)
        return 2
    except Interrupted as stopped:
        print(f"stopped; go on with `{stopped.command}`", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `chansearch cost … | head`
        sys.stderr.close()
        return 0
    except (MemoryError, RuntimeError) as error:
        from chansearch.train.results import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"chansearch: out of memory: {one_line(str(error) or type(error).__name__)}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk in mid-search, for one: the run directory holds what was recorded
        reason = f"{error.filename or 'file'}: {error.strerror or error}"
        print(f"chansearch: {one_line(reason)}", file=sys.stderr)
        return 2


def _make_parser() -> Parser:
    parser = Parser(
        prog="chansearch",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Search channel configurations of light networks under a Params and MACs budget.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"chansearch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    starting.add(commands)
    searching.add(commands)
    looking.add(commands)
    networks.add(commands)
    training.add(commands)
    transferring.add(commands)
    measuring.add(commands)
    studying.add(commands)
    completion.add(commands, parser)
    return parser
