"""The command line: the only room that reads it. Imports nothing heavy until a command needs it.

Exit codes: 0 done, 2 a user's mistake (one line on standard error), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from chansearch._version import __version__
from chansearch.errors import UserError


class _Parser(argparse.ArgumentParser):
    """One line for a mistake, not the whole usage."""

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: {message}; see `{self.prog} --help`\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    parser = _make_parser()
    given, rest = parser.parse_known_args(arguments)
    try:
        takes_settings = hasattr(given, "overrides")
        unknown = [word for word in rest if word.startswith("-") or not takes_settings]
        if unknown:
            raise UserError(f"{unknown[0]!r} is no option of {given.command}; see `chansearch {given.command} --help`")
        if takes_settings:
            given.overrides += rest  # those that stand behind an option
        return given.run(given) or 0
    except UserError as error:
        print(f"chansearch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `chansearch cost … | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # a full disk in mid-search, for one: the run directory holds what was recorded
        print(f"chansearch: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return 2


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chansearch",
        description="Search channel configurations of light networks under a Params and MACs budget.",
    )
    parser.add_argument("--version", action="version", version=f"chansearch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    search = commands.add_parser(
        "search",
        help="search under a budget: chansearch search constraint=c2 data=cifar10",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Draw, price, train and record candidates; makes a run directory under results/.",
        epilog=_search_help(),
    )
    search.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="groups and settings, see below")
    search.add_argument("--dry-run", action="store_true", help="print ten candidates and the estimated time, and stop")
    search.add_argument("-m", "--multirun", action="store_true", help="one search for each of constraint=c1,c2,…")
    search.add_argument(
        "--config-dir", "-cd", metavar="DIR", help="a folder of your own groups: DIR/constraint/mine.yaml"
    )
    search.add_argument("--cfg", choices=["job"], help="print the composed configuration, and stop")
    search.set_defaults(run=_search)

    resume = commands.add_parser("resume", help="go on with a run that was cut off")
    resume.add_argument("run_directory", metavar="RUN", help="results/RUN")
    resume.set_defaults(run=_resume)

    report = commands.add_parser("report", help="tables, figures and report.html of one or more runs")
    report.add_argument("runs", nargs="*", metavar="RUN", help="results/RUN, several to compare (default: the latest)")
    report.add_argument("--results", default="results", metavar="DIR", help="where runs are kept (default: results)")
    report.set_defaults(run=_report)

    confirm = commands.add_parser("confirm", help="train the best candidates again on fresh seeds: is the best better?")
    confirm.add_argument("run_directory", metavar="RUN", help="results/RUN")
    confirm.add_argument("--top", type=int, default=10, metavar="N", help="contenders (default: 10)")
    confirm.add_argument("--seeds", type=int, default=3, metavar="N", help="fresh seeds for each (default: 3)")
    confirm.set_defaults(run=_confirm)

    replay = commands.add_parser(
        "replay",
        help="choose a schedule without training: replay search strategies on a recorded run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Replay search strategies on the epochs a run has recorded: what each would spend, and find.",
        epilog=_replay_help(),
    )
    _add_replay_options(replay)
    replay.set_defaults(run=_replay)

    export = commands.add_parser(
        "export",
        help="write the YAML of a full ReXNet from a searched shape: chansearch export --top 1 > rexnet_custom.yaml",
    )
    _add_export_options(export)
    export.set_defaults(run=_export)

    build = commands.add_parser("build", help="print a network block by block with its costs, and run it once")
    build.add_argument("network", metavar="NETWORK", help="a YAML file from `chansearch export`, or a name: rexnet_100")
    build.set_defaults(run=_build)

    cost = commands.add_parser("cost", help="price a configuration: chansearch cost 34-34-45-55-66 constraint=c1")
    cost.add_argument("channels", metavar="CHANNELS", help="34-34-45-55-66, a YAML file, or a name: rexnet_100")
    cost.add_argument("overrides", nargs="*", default=[], metavar="KEY=VALUE", help="constraint=c1 (the default), …")
    cost.add_argument("--config-dir", "-cd", metavar="DIR", help="a folder of your own groups")
    cost.add_argument("--json", action="store_true", help="machine-readable")
    cost.set_defaults(run=_cost)
    return parser


def _add_replay_options(replay: argparse.ArgumentParser) -> None:
    replay.add_argument("run_directory", nargs="?", metavar="RUN", help="results/RUN (default: the latest)")
    replay.add_argument("--results", default="results", metavar="DIR", help="where runs are kept (default: results)")
    replay.add_argument(
        "--strategy", metavar="NAME[,NAME]", help="those below, or all (default: all that need no sampler)"
    )
    replay.add_argument("--replays", type=int, default=200, metavar="N", help="default: 200")
    replay.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    replay.add_argument(
        "--candidates", type=int, metavar="N", help="drawn for each replay (default: two thirds of the recorded ones)"
    )
    replay.add_argument(
        "--grace", type=int, default=3, metavar="EPOCHS", help="before a candidate may be stopped (default: 3)"
    )
    replay.add_argument("--reduction", type=int, default=3, metavar="N", help="one in N goes on at a rung (default: 3)")
    replay.add_argument(
        "--contenders", type=int, default=3, metavar="N", help="who get the seeds others are spared (default: 3)"
    )


def _replay_help() -> str:
    from chansearch.replay.names import STRATEGY_NAMES

    return "\n".join(["strategies:", *(f"  {name:<19} {line}" for name, line in STRATEGY_NAMES.items())])


def _add_export_options(export: argparse.ArgumentParser) -> None:
    export.add_argument("--run", dest="run_directory", metavar="RUN", help="results/RUN (default: the latest)")
    export.add_argument("--results", default="results", metavar="DIR", help="where runs are kept (default: results)")
    export.add_argument("--top", type=int, default=1, metavar="N", help="the N-th best candidate (default: 1)")
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
    export.add_argument("--input-size", type=int, metavar="PIXELS", help="default: 224")
    export.add_argument("--classes", type=int, metavar="N", help="default: 1000")
    export.add_argument("--divisor", type=int, metavar="N", help="channels are multiples of it (default: 1)")
    export.add_argument("--se", metavar="N|none", help="squeeze-and-excitation by N, or none (default: 12)")
    export.add_argument("--activation", metavar="NAME", help="after the expansion, in stem and head (default: silu)")
    export.add_argument(
        "--depthwise-activation", metavar="NAME", help="after the depthwise convolution (default: relu6)"
    )


def _search_help() -> str:
    from chansearch.config import groups

    lines = ["groups (GROUP=CHOICE):"]
    lines += [f"  {name:<11} {', '.join(choices)}" for name, choices in groups().items()]
    lines += [
        "",
        "settings (KEY=VALUE), a few of them; --cfg job prints all:",
        "  search.candidates=200  search.seed=0  search.method=solve|reject  search.retries=2",
        "  constraint.budget.macs.target=30M (MACs are the paper's FLOPs; flops is understood)",
        "  train.epochs=30  train.seeds=3  train.patience=10  train.device=auto  train.precision=auto",
        "  data.root=DIR  data.rank_on=val|test  data.train_images=5000  space.divisor=8",
        "  cluster.address=auto  cluster.cpus_per_trial=1  cluster.gpus_per_trial=0.25  cluster.workers=2",
        "  name=my-run  results=results",
    ]
    return "\n".join(lines)


def _search(given: argparse.Namespace) -> int:
    from chansearch.config import compose, expand_sweeps

    sweeps = expand_sweeps(given.overrides) if given.multirun else [given.overrides]
    configs = [compose(overrides, given.config_dir) for overrides in sweeps]
    if given.cfg:
        _print_configs(configs)
        return 0
    from chansearch.search.session import check, start

    _check_names(configs)
    plans = [check(config) for config in configs]  # all of a sweep, before the first of it takes its hours
    for plan in plans:
        run = _until_interrupted(lambda plan=plan: start(plan, dry_run=given.dry_run))
        if isinstance(run, int):
            return run
        if run is not None:
            print(f"done: `chansearch report {run.path}` · `chansearch export --run {run.path} > rexnet_custom.yaml`")
    return 0


def _check_names(configs: Sequence) -> None:
    names = [config.name for config in configs if config.name is not None]
    if len(set(names)) < len(names):
        raise UserError(f"name: {names[0]!r} would be the name of {len(names)} runs; leave it out of a --multirun")


def _print_configs(configs: Sequence) -> None:
    import dataclasses

    import yaml

    for config in configs:
        print(yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True), end="")


def _until_interrupted(work):
    """What ``work`` gives, or 130 after Ctrl-C, having said how to go on."""
    from chansearch.search.session import Interrupted

    try:
        return work()
    except Interrupted as stopped:
        print(f"stopped; go on with `chansearch resume {stopped.run.path}`", file=sys.stderr)
        return 130


def _resume(given: argparse.Namespace) -> int:
    from chansearch.search.rundir import RunDirectory
    from chansearch.search.session import resume

    run = RunDirectory.open(given.run_directory)
    result = _until_interrupted(lambda: resume(run))
    return result if isinstance(result, int) else 0


def _report(given: argparse.Namespace) -> int:
    from chansearch.report import write_report
    from chansearch.search.rundir import RunDirectory

    runs = [RunDirectory.open(path) for path in given.runs] or [RunDirectory.latest(given.results)]
    print(write_report(runs).text)
    return 0


def _confirm(given: argparse.Namespace) -> int:
    from chansearch.search.confirm import confirm
    from chansearch.search.rundir import RunDirectory

    for key, value, least in (("--top", given.top, 2), ("--seeds", given.seeds, 1)):
        if value < least:
            raise UserError(f"{key}: {value}; allowed: {least} or more")
    run = RunDirectory.open(given.run_directory)
    from chansearch.report.significance import Retrained, judge, summarise, write_confirm

    judged = judge(
        Retrained(record.candidate.number, record.candidate.channels, outcome.val_top1, record.val_top1_mean)
        for record, outcome in confirm(run, given.top, given.seeds)
    )
    write_confirm(run, judged)
    print(summarise(judged))
    return 0


def _replay(given: argparse.Namespace) -> int:
    from chansearch.replay.names import QUICK, parse_strategies

    names = QUICK if given.strategy is None else parse_strategies(given.strategy)
    from chansearch.search.rundir import RunDirectory

    run = RunDirectory.open(given.run_directory) if given.run_directory else RunDirectory.latest(given.results)
    from chansearch.replay.session import Options
    from chansearch.replay.strategies import Schedule
    from chansearch.replay.write import write_replay

    schedule = Schedule(given.grace, given.reduction, given.contenders)
    print(write_replay(run, Options(names, given.replays, given.seed, given.candidates, schedule)))
    return 0


def _export(given: argparse.Namespace) -> int:
    import dataclasses

    from chansearch.export import ExportOptions, export_document, to_yaml

    options = {field.name: getattr(given, field.name) for field in dataclasses.fields(ExportOptions)}
    sys.stdout.write(to_yaml(export_document(ExportOptions(**options))))
    return 0


def _build(given: argparse.Namespace) -> int:
    from chansearch.cost.describe import describe_network
    from chansearch.nets.files import resolve_network

    print(describe_network(resolve_network(given.network)))
    return 0


def _cost(given: argparse.Namespace) -> int:
    from chansearch.config import compose
    from chansearch.nets.files import resolve_network
    from chansearch.search.plan import make_plan
    from chansearch.search.session import class_count
    from chansearch.space import parse_channels

    if given.channels[:1].isdigit():
        config = compose(given.overrides, given.config_dir)
        problem = make_plan(config, class_count(config)).problem
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
    print(json.dumps(facts, indent=2) if given.json else cost_text(facts))
    return 0
