"""Commands around a search: search, resume, report, confirm, replay."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chansearch.cli.printing import nothing_but_json, print_json
from chansearch.cli.settings import add_results, add_settings, list_groups, print_configs
from chansearch.errors import UserError
from chansearch.ranges import at_least, within

if TYPE_CHECKING:
    from chansearch.search.rundir import RunDirectory


def add(commands: argparse._SubParsersAction) -> None:
    """The parsers of this module's commands."""
    search = commands.add_parser(
        "search",
        help="search under a budget: chansearch search constraint=c2 data=cifar10",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Draw, price, train and record candidates; makes a run directory under results/.",
        epilog=_search_help(),
    )
    add_settings(search, "DIR/constraint/mine.yaml", "ten candidates")
    search.add_argument("-m", "--multirun", action="store_true", help="one search for each of constraint=c1,c2,…")
    search.set_defaults(run=_search)

    resume = commands.add_parser("resume", help="go on with a run that was cut off")
    resume.add_argument("run_directory", metavar="RUN", help="results/RUN")
    resume.add_argument(
        "overrides", nargs="*", default=[], metavar="KEY=VALUE", help="what is to be otherwise: search.candidates=300"
    )
    resume.add_argument(
        "--force", action="store_true", help="change also what the accuracies mean; what has ended is kept as it is"
    )
    resume.add_argument("--retry-failed", action="store_true", help="train again the candidates that have failed")
    resume.set_defaults(run=_resume)

    report = commands.add_parser("report", help="tables, figures and report.html of one or more runs")
    report.add_argument("runs", nargs="*", metavar="RUN", help="results/RUN, several to compare (default: the latest)")
    add_results(report)
    report.add_argument("--json", action="store_true", help="what was written and the main numbers, machine-readable")
    report.set_defaults(run=_report)

    confirm = commands.add_parser("confirm", help="train the best candidates again on fresh seeds: is the best better?")
    confirm.add_argument("run_directory", metavar="RUN", help="results/RUN")
    confirm.add_argument("--top", type=int, default=10, metavar="N", help="contenders (default: 10)")
    confirm.add_argument("--seeds", type=int, default=3, metavar="N", help="fresh seeds for each (default: 3)")
    confirm.add_argument("--json", action="store_true", help="machine-readable")
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


def _add_replay_options(replay: argparse.ArgumentParser) -> None:
    replay.add_argument("run_directory", nargs="?", metavar="RUN", help="results/RUN (default: the latest)")
    add_results(replay)
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


def _search_help() -> str:
    from chansearch.config import SEARCH

    lines = [
        list_groups(SEARCH),
        "",
        "settings (KEY=VALUE), a few of them; --cfg job prints all:",
        "  search.objectives=[accuracy,macs] (a Pareto front: params, macs, latency beside accuracy)",
        "  search.candidates=200  search.seed=0  search.method=solve|reject  search.retries=2",
        "  constraint.budget.macs.target=30M (MACs are the paper's FLOPs; flops is understood)",
        "  constraint.latency_ms=2.5  constraint.latency.engine=eager|compiled|onnx  constraint.latency.threads=1",
        "  sampler.startup=20  sampler.prescreen=PROXY  sampler.prescreen_draws=8 (see study proxies --help)",
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
        print_configs(configs)
        return 0
    from chansearch.search.session import check, start

    _check_names(configs)
    plans = [check(config) for config in configs]  # all of a sweep, before the first of it takes its hours
    runs, code = [], 0
    for plan in plans:
        run = start(plan, dry_run=given.dry_run)
        if run is not None:
            runs.append(str(run.path))
            code = max(code, _ended(run))
    if len(runs) > 1:
        print(f"all of them together: `chansearch report {' '.join(runs)}`")
    return code


def _ended(run: RunDirectory) -> int:
    """Say what can be done with a run that has ended; the exit code: 1 where no candidate of it can be ranked."""
    from chansearch.search.candidate import ranked, why_none_ranked

    records = run.records()
    if not ranked(records):
        print(f"chansearch: run: {run.path}: {why_none_ranked(records)}", file=sys.stderr)
        return 1
    from chansearch.search.asked import objectives

    what = "--pareto -o front" if objectives(run.config()).are_several else "> rexnet_custom.yaml"
    print(f"done: `chansearch report {run.path}` · `chansearch export --run {run.path} {what}`")
    return 0


def _check_names(configs: Sequence) -> None:
    names = [config.name for config in configs if config.name is not None]
    if len(set(names)) < len(names):
        raise UserError(f"name: {names[0]!r} would be the name of {len(names)} runs; leave it out of a --multirun")


def _resume(given: argparse.Namespace) -> int:
    from chansearch.search.rundir import RunDirectory
    from chansearch.search.session import resume

    run = RunDirectory.open(given.run_directory)
    return _ended(resume(run, given.overrides, force=given.force, retry_failed=given.retry_failed))


def _report(given: argparse.Namespace) -> int:
    from chansearch.report import write_report
    from chansearch.search.rundir import RunDirectory

    runs = [RunDirectory.open(path) for path in given.runs] or [RunDirectory.latest(given.results)]
    with nothing_but_json(given.json):
        report = write_report(runs)
    if given.json:
        from chansearch.report.numbers import report_facts

        print_json(report_facts(report))
    else:
        print(report.text)
    return 0


def _confirm(given: argparse.Namespace) -> int:
    from chansearch.search.confirm import confirm
    from chansearch.search.rundir import RunDirectory
    from chansearch.train.config import MOST_SEEDS

    at_least("--top", given.top, 2)
    within("--seeds", given.seeds, 1, MOST_SEEDS)
    run = RunDirectory.open(given.run_directory)
    from chansearch.report.significance import Retrained, judge, summarise, write_confirm

    with nothing_but_json(given.json):
        retrained = confirm(run, given.top, given.seeds)
    judged = judge(
        Retrained(record.candidate.number, record.candidate.channels, outcome.val_top1, record.val_top1_mean)
        for record, outcome in retrained
    )
    write_confirm(run, judged)
    if given.json:
        from chansearch.report.numbers import confirm_facts

        print_json(confirm_facts(judged))
    else:
        print(summarise(judged))
    return 0


def _replay(given: argparse.Namespace) -> int:
    from chansearch.replay.names import QUICK, parse_strategies

    names = QUICK if given.strategy is None else parse_strategies(given.strategy)
    from chansearch.search.rundir import RunDirectory

    run = RunDirectory.named(given.run_directory, given.results)
    from chansearch.replay.session import Options
    from chansearch.replay.strategies import Schedule
    from chansearch.replay.write import write_replay

    schedule = Schedule(given.grace, given.reduction, given.contenders)
    print(write_replay(run, Options(names, given.replays, given.seed, given.candidates, schedule)))
    return 0
