"""From a configuration to what a search needs, checked before anything starts."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property

from chansearch.cluster import validate_cluster
from chansearch.config import (
    METHODS,
    SAMPLERS,
    SCHEDULERS,
    SEVERAL_OBJECTIVES,
    UNGUIDED_SAMPLERS,
    BandConfig,
    BudgetConfig,
    ConstraintConfig,
    SchedulerConfig,
    SearchConfig,
    SkeletonConfig,
    from_plain,
)
from chansearch.cost import Band, Budget, parse_count
from chansearch.cost.engines import DEVICES, ENGINES, Setting
from chansearch.errors import UserError
from chansearch.files import section
from chansearch.nets.spec import NetworkSpec
from chansearch.proxies.names import check_proxy
from chansearch.ranges import at_least, folder_name, one_of, within
from chansearch.search.estimate import AUTO
from chansearch.search.latency import LatencyBound, LatencyLimit
from chansearch.search.objectives import ACCURACY, Objectives
from chansearch.search.prescreen import Prescreen
from chansearch.search.problem import Problem
from chansearch.search.propose import Proposal, Proposer, SpaceExhausted
from chansearch.space import make_family
from chansearch.space.member import MOST_BLOCKS
from chansearch.train.config import validate_data, validate_train

# Configurations looked at before a search starts: what a trial takes is estimated from them, and under a bound on the
# latency they are measured until one is fast enough.
FIRST = 16


@dataclass(frozen=True)
class Plan:
    """A configuration, checked, and the problem it describes."""

    config: SearchConfig
    problem: Problem
    limit: LatencyLimit | None = None

    @property
    def skeleton(self) -> NetworkSpec:
        return self.problem.skeleton

    @cached_property
    def first(self) -> list[Proposal]:
        """The first unguided candidates, whatever their latency and a prescreen's score: what they cost to train tells
        what the others will. Fewer where the space has fewer.

        Raises ``UserError`` for none: rejecting may miss a band that solving meets.
        """
        return first_proposals(self, FIRST)


def first_proposals(
    plan: Plan, count: int, bound: LatencyBound | None = None, prescreen: Prescreen | None = None
) -> list[Proposal]:
    """``count`` unguided candidates, or as many as the space has; raises ``UserError`` for none."""
    name, seed = plan.config.sampler.name, plan.config.search.seed
    unguided = name if name in UNGUIDED_SAMPLERS else "random"
    proposer = Proposer(plan.problem, unguided, seed, startup=count, bound=bound, prescreen=prescreen)
    proposals = []
    for _ in range(count):
        try:
            proposals.append(proposer.propose())
        except SpaceExhausted:
            break
    if not proposals:
        raise UserError(
            f"search.method: {plan.problem.method!r} met {plan.problem.budget.describe()} in no draw; "
            "allowed: solve, or a wider tolerance"
        )
    return proposals


def make_plan(config: SearchConfig, classes: int) -> Plan:
    """The plan of a configuration for data of so many classes.

    Raises ``UserError`` naming the first key with a value that is not allowed. Looks at no data and starts nothing.
    """
    validate_data(config.data)
    validate_train(config.train)
    _check_settings(config)
    objectives = Objectives.of(config.search.objectives)
    if objectives.are_several:
        _check_combined(config)
    skeleton = make_skeleton(config.constraint.skeleton, classes)
    space = dataclasses.asdict(config.space)
    divisor = space.pop("divisor")
    at_least("space.divisor", divisor, 1)
    family = make_family(depth=skeleton.blocks, **space)
    budget = make_budget(config.constraint.budget)
    problem = Problem(skeleton, budget, family, divisor, config.search.method, objectives)
    return Plan(config, problem, make_limit(config.constraint, always="latency" in objectives.costs))


def recorded_plan(held: dict, source: str) -> Plan:
    """The plan of a run, from what its ``config.yaml`` holds; raises ``UserError`` naming ``source`` where it cannot be
    read."""
    # A number of classes is priced only where the classifier counts, and then the search has written it.
    classes = section(held, "provenance").get("classes", 2)
    return make_plan(from_plain(held, source), classes)


def make_skeleton(config: SkeletonConfig, classes: int) -> NetworkSpec:
    """The network of a search but for its block channels, which are placeholders."""
    blocks = config.blocks
    within("constraint.skeleton.blocks", blocks, 2, MOST_BLOCKS)
    outside = [block for block in config.stride_blocks if not 1 <= block <= blocks]
    if outside:
        raise UserError(f"constraint.skeleton.stride_blocks: {outside[0]} is no block; allowed: 1 to {blocks}")
    given = dataclasses.asdict(config)
    for key in ("blocks", "stride_blocks", "expansion", "first_expansion"):
        del given[key]
    try:
        return NetworkSpec(
            channels=(1,) * blocks,
            strides=tuple(2 if block in config.stride_blocks else 1 for block in range(1, blocks + 1)),
            expansions=(config.first_expansion,) + (config.expansion,) * (blocks - 1),
            classes=classes,
            **given,
        )
    except UserError as error:
        raise UserError(f"constraint.skeleton.{error}") from None


def make_budget(config: BudgetConfig) -> Budget:
    """The bands of a budget; ``flops`` is another word for ``macs``."""
    if config.macs is not None and config.flops is not None:
        raise UserError("constraint.budget: macs and flops are the same quantity (multiply-adds); set one of them")
    macs_key = "flops" if config.flops is not None else "macs"
    return Budget(
        params=_band("constraint.budget.params", config.params),
        macs=_band(f"constraint.budget.{macs_key}", config.flops or config.macs),
        count_classifier=config.count_classifier,
    )


def make_limit(config: ConstraintConfig, *, always: bool = False) -> LatencyLimit | None:
    """The bound on the latency, and how it is measured; ``always``: also where there is no bound."""
    for key, value, allowed in (("engine", config.latency.engine, ENGINES), ("device", config.latency.device, DEVICES)):
        one_of(f"constraint.latency.{key}", value, allowed)
    at_least("constraint.latency.batch", config.latency.batch, 1)
    at_least("constraint.latency.threads", config.latency.threads, 1)
    setting = Setting(**dataclasses.asdict(config.latency))
    if config.latency_ms is None:
        return LatencyLimit(math.inf, setting) if always else None
    if not (math.isfinite(config.latency_ms) and config.latency_ms > 0):
        raise UserError(f"constraint.latency_ms: {config.latency_ms}; allowed: null, or above 0")
    return LatencyLimit(config.latency_ms, setting)


def _band(key: str, config: BandConfig | None) -> Band | None:
    if config is None or (config.target is None and config.at_most is None and config.at_least is None):
        return None
    if config.target is not None and config.at_most is not None:
        raise UserError(f"{key}: both target and at_most are set; set one, and {key}.target=null or {key}.at_most=null")
    if config.at_least is not None and config.at_most is None:
        raise UserError(f"{key}.at_least: {config.at_least} without an upper bound; set {key}.at_most beside it")
    if config.at_most is not None:
        high = parse_count(f"{key}.at_most", config.at_most)
        if config.at_least is None:
            return Band.at_most(high)
        low = parse_count(f"{key}.at_least", config.at_least)
        if low >= high:
            raise UserError(f"{key}.at_least: {config.at_least}; allowed: below {key}.at_most, {config.at_most}")
        return Band(low, high)
    if not (math.isfinite(config.tolerance) and 0 < config.tolerance < 1):
        raise UserError(f"{key}.tolerance: {config.tolerance}; allowed: between 0 and 1, both excluded")
    return Band.around(parse_count(f"{key}.target", config.target), config.tolerance)


def _check_settings(config: SearchConfig) -> None:
    for key, value, allowed in (
        ("sampler.name", config.sampler.name, SAMPLERS),
        ("scheduler.name", config.scheduler.name, SCHEDULERS),
        ("search.method", config.search.method, METHODS),
    ):
        one_of(key, value, allowed)
    for key, value, least in (
        ("search.candidates", config.search.candidates, 1),
        ("search.seed", config.search.seed, 0),
        ("search.retries", config.search.retries, 0),
        ("sampler.startup", config.sampler.startup, 2),
        ("sampler.prescreen_draws", config.sampler.prescreen_draws, 2),
        ("scheduler.grace_epochs", config.scheduler.grace_epochs, 1),
        ("scheduler.reduction", config.scheduler.reduction, 2),
        ("scheduler.contenders", config.scheduler.contenders, 1),
    ):
        if value is not None:
            at_least(key, value, least)
    timeout = config.search.trial_timeout
    if timeout not in (None, AUTO) and not (type(timeout) in (int, float) and 0 < timeout < math.inf):
        raise UserError(f"search.trial_timeout: {timeout!r}; allowed: auto, null, or seconds above 0")
    if config.sampler.prescreen is not None:
        check_proxy("sampler.prescreen", config.sampler.prescreen, "null, ")
    validate_cluster(config.cluster)
    _check_scheduler(config.scheduler, config.train.epochs, config.train.seeds)
    # A run that is given no name is called by the other two.
    for key, name in (
        ("name", config.name),
        ("constraint.name", config.constraint.name),
        ("fidelity", config.fidelity),
    ):
        if name is not None:
            folder_name(key, name)


def _check_combined(config: SearchConfig) -> None:
    """What goes with several objectives, of what goes with one."""
    objectives = f"search.objectives=[{','.join(config.search.objectives)}]"
    if config.sampler.name not in SEVERAL_OBJECTIVES:
        raise UserError(
            f"sampler: {config.sampler.name} has one objective, with {objectives} allowed: "
            f"{', '.join(SEVERAL_OBJECTIVES)}"
        )
    if config.scheduler.name != "none":
        raise UserError(
            f"scheduler: {config.scheduler.name} judges by {ACCURACY} alone and would end the cheap candidates; "
            f"allowed with {objectives}: none"
        )
    if config.sampler.prescreen is not None:
        raise UserError(
            f"sampler.prescreen: {config.sampler.prescreen} stands for {ACCURACY} alone and would set the cheap "
            f"draws aside; allowed with {objectives}: null"
        )


def _check_scheduler(config: SchedulerConfig, epochs: int, seeds: int) -> None:
    grace = config.grace_epochs
    if grace is None and config.name != "contenders":
        raise UserError(
            f"scheduler.grace_epochs: null with scheduler={config.name}; allowed: 1 or more "
            "(null, no rungs, is for scheduler=contenders)"
        )
    if config.name != "none" and grace is not None and grace > epochs:
        raise UserError(f"scheduler.grace_epochs: {grace}; allowed: 1 to train.epochs, which is {epochs}")
    if config.name == "contenders" and seeds < 2:
        raise UserError(
            f"train.seeds: {seeds} leaves contenders no further seed; allowed with scheduler=contenders: 2 or more "
            "(scheduler=asha halves with one)"
        )
