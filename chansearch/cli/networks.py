"""Commands on a network: export, build, cost."""

from __future__ import annotations

import argparse

from chansearch.cli.printing import print_json
from chansearch.cli.settings import add_results
from chansearch.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    export = commands.add_parser(
        "export",
        help="write a full ReXNet of a searched shape, or any network: chansearch export --top 1 > rexnet_custom.yaml",
    )
    _add_export_options(export)
    export.set_defaults(run=_export)

    build = commands.add_parser("build", help="print a network block by block with its costs, and run it once")
    build.add_argument("network", metavar="NETWORK", help="a YAML file, a model.pt, or a name: rexnet_100")
    build.add_argument(
        "overrides",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="fields of the network: classes=10 drop_path=0.2 …",
    )
    build.add_argument("--weights", metavar="FILE", help="of timm, of the official repository, or of a training here")
    build.add_argument("--pretrained", action="store_true", help="published weights, through timm: rexnet_100, …")
    build.set_defaults(run=_build)

    cost = commands.add_parser("cost", help="price a configuration: chansearch cost 34-34-45-55-66 constraint=c1")
    cost.add_argument("channels", metavar="CHANNELS", help="34-34-45-55-66, a YAML file, or a name: rexnet_100")
    cost.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="constraint=c1 (the default), …")
    cost.add_argument("--config-dir", "-cd", metavar="DIR", help="a folder of your own groups")
    cost.add_argument("--json", action="store_true", help="machine-readable")
    cost.set_defaults(run=_cost)


def _add_export_options(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "network",
        nargs="?",
        metavar="NETWORK",
        help="instead of a run's candidate: a name such as rexnet_100, a YAML file, a model.pt or a training's folder",
    )
    export.add_argument("--run", dest="run_directory", metavar="RUN", help="results/RUN (default: the latest)")
    add_results(export)
    export.add_argument("--top", type=int, default=1, metavar="N", help="the N-th best candidate (default: 1)")
    export.add_argument(
        "--pareto", action="store_true", help="every candidate on the front of a search.objectives run, into -o FOLDER"
    )
    export.add_argument("--channels", metavar="24-33-…", help="this configuration instead of a run's")
    export.add_argument(
        "--as",
        dest="form",
        choices=("rexnet", "searched"),
        default="rexnet",
        help="the full network, or the small one searched",
    )
    export.add_argument("--params", metavar="4.8M", help="budget of the full network (default: ReXNet ×1.0's)")
    export.add_argument("--macs", "--flops", dest="macs", metavar="400M", help="budget in MACs (the paper's FLOPs)")
    export.add_argument(
        "--at-most", action="store_true", help="the budget is an upper bound: the widest network within all of it"
    )
    export.add_argument("--input-size", type=int, metavar="PIXELS", help="default: 224")
    export.add_argument("--classes", type=int, metavar="N", help="default: 1000")
    export.add_argument("--divisor", type=int, metavar="N", help="channels are multiples of it (default: 1)")
    export.add_argument("--se", metavar="N|none", help="squeeze-and-excitation by N, or none (default: 12)")
    export.add_argument("--activation", metavar="NAME", help="after the expansion, in stem and head (default: silu)")
    export.add_argument(
        "--depthwise-activation", metavar="NAME", help="after the depthwise convolution (default: relu6)"
    )
    export.add_argument(
        "--format",
        default="yaml",
        metavar="NAME",
        help="yaml (default), onnx, torch (a program of torch.export), timm (a folder), python (source)",
    )
    export.add_argument("--weights", metavar="FILE", help="for onnx, torch, timm (default: a checkpoint's, or drawn)")
    export.add_argument("--pretrained", action="store_true", help="published weights of NETWORK, through timm")
    export.add_argument("-o", "--output", metavar="FILE", help="default: standard output, for yaml and python only")


def _export(given: argparse.Namespace) -> int:
    import dataclasses

    from chansearch.export import ExportOptions, export, export_front

    write = export_front if given.pareto else export
    write(ExportOptions(**{field.name: getattr(given, field.name) for field in dataclasses.fields(ExportOptions)}))
    return 0


def _build(given: argparse.Namespace) -> int:
    from chansearch.cost.describe import describe_network
    from chansearch.nets.model import open_model, parse_changes

    changes = parse_changes(given.overrides)
    model = open_model(given.network, weights=given.weights, pretrained=given.pretrained, changes=changes)
    print(describe_network(model.network))
    return 0


def _cost(given: argparse.Namespace) -> int:
    from chansearch.config import compose
    from chansearch.nets.files import resolve_network
    from chansearch.search.plan import make_plan
    from chansearch.space import parse_channels
    from chansearch.train.estimate import class_count

    if given.channels[:1].isdigit():
        config = compose(given.overrides, given.config_dir)
        problem = make_plan(config, class_count(config.data)).problem
        channels = parse_channels(given.channels)
        if len(channels) != problem.skeleton.blocks:
            raise UserError(
                f"channels: {given.channels!r} has {len(channels)} blocks; constraint={config.constraint.name} "
                f"has {problem.skeleton.blocks}"
            )
        spec, budget = problem.skeleton.with_channels(channels), problem.budget
    else:
        spec, budget = resolve_network(given.channels), None
    from chansearch.cost.describe import cost_facts, cost_text

    facts = cost_facts(spec, budget)
    if given.json:
        print_json(facts)
    else:
        print(cost_text(facts))
    return 0
