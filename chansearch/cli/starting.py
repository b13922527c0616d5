"""The command to begin with: init."""

from __future__ import annotations

import argparse


def add(commands: argparse._SubParsersAction) -> None:
    """The parser of this module's command."""
    init = commands.add_parser(
        "init",
        help="write a first configuration: chansearch init my --images DIR --params 50MB --macs 300M",
        description="Write DIR/constraint/mine.yaml and DIR/data/mine.yaml for your images and your budget, and say "
        "which commands come next. The budget is that of the network you want; the candidates' follows from it.",
    )
    init.add_argument("folder", nargs="?", default="my", metavar="DIR", help="default: my")
    init.add_argument(
        "--images", metavar="DIR", help="class folders, or such folders as train and test (default: CIFAR-10)"
    )
    init.add_argument("--params", metavar="4.8M|50MB", help="at most; MB are those of a float32 file, 4 bytes a param")
    init.add_argument("--macs", "--flops", dest="macs", metavar="300M", help="at most (default: ReXNet x1.0's)")
    init.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="of the network (default: 224, less for small images)"
    )
    init.add_argument("--search-size", type=int, metavar="PIXELS", help="of the candidates (default: 32, or less)")
    init.add_argument("--like", default="c1", metavar="c1|c2|c3", help="what the candidates are like (default: c1)")
    init.add_argument("--name", default="mine", metavar="NAME", help="of both files (default: mine)")
    init.set_defaults(run=_init)


def _init(given: argparse.Namespace) -> None:
    import dataclasses

    from chansearch.starter.write import Asked, init

    print(init(Asked(**{field.name: getattr(given, field.name) for field in dataclasses.fields(Asked)})))
