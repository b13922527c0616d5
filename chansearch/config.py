"""What can be asked of a search: the typed schema of every key; and Hydra's composition of it, or of another schema.

The schema is plain dataclasses and costs nothing to import; Hydra is imported when a configuration is composed.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from chansearch.errors import UserError, did_you_mean
from chansearch.files import read_mapping, read_value, read_yaml
from chansearch.train.config import DataConfig, TrainConfig


@dataclass
class SkeletonConfig:
    """All of a network but its block channels."""

    blocks: int = 5  # inverted bottlenecks; the paper's depth is 3·blocks + 3
    stride_blocks: list[int] = field(default_factory=list)  # blocks of stride 2, counted from 1
    expansion: int = 6  # of every block but the first
    first_expansion: int = 1  # of the first block; 1: no expansion convolution
    stem_channels: int = 32  # of the 3×3 convolution before the blocks
    stem_stride: int = 1  # of the stem; 2 halves the images before the blocks
    head_channels: int = 1280  # of the 1×1 convolution before the classifier
    extra_channels: int | None = None  # of a further layer between pooling and classifier (ReXNet-lite); null: none
    input_size: int = 32  # side of the images in pixels
    in_channels: int = 3  # 3: RGB, 1: grey
    se_reduction: int | None = None  # squeeze-and-excitation by this factor; null: none
    se_from: int = 1  # first block with squeeze-and-excitation
    activation: str = "relu6"  # after the expansion
    depthwise_activation: str = "relu6"  # after the depthwise convolution
    stem_activation: str = "relu6"  # after the stem
    head_activation: str = "relu6"  # after the 1×1 convolution before the classifier
    projection_activation: str = "identity"  # after the projection: ReXNet (plain), which has no shortcuts
    shortcut: str = "padded"  # padded (ReXNet), identity (MobileNetV2) or none
    dropout: float = 0.0  # before the classifier
    drop_path: float = 0.0  # stochastic depth of the last block


@dataclass
class BandConfig:
    """Either a target with its tolerance, or an upper bound and perhaps a lower one; counts may be written 0.2M, 30e6
    or 200000."""

    target: Any = None  # what candidates come near; null: at_most alone
    tolerance: float = 0.1  # relative, both ways
    at_most: Any = None  # candidates then land in the upper tenth under it; null: target alone
    at_least: Any = None  # beside at_most, the lower end for several objectives; null: none


@dataclass
class BudgetConfig:
    """What a network may cost, in params, in MACs or in both; null: no bound."""

    params: BandConfig | None = None  # weights and biases of convolutions, BatchNorm and classifier
    macs: BandConfig | None = None  # multiply-adds of convolutions and linear layers, for one image
    flops: BandConfig | None = None  # the paper's word for macs
    count_classifier: bool = False  # whether the classifier layer counts; it does not in the paper's constraints


@dataclass
class LatencyConfig:
    """How ``constraint.latency_ms`` is measured, on the machine that ``chansearch search`` runs on."""

    engine: str = "eager"  # eager, compiled (torch.compile) or onnx (ONNX Runtime)
    device: str = "cpu"  # cpu or cuda
    batch: int = 1  # images at a time
    threads: int = 1  # of the processor


@dataclass
class ConstraintConfig:
    """The network around the block channels, and what it may cost."""

    name: str = "custom"  # in the run's name and in the report; the paper's numbers stand beside c1 to c4
    skeleton: SkeletonConfig = field(default_factory=SkeletonConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    latency_ms: float | None = None  # a batch takes at most so many milliseconds, besides the budget; null: no bound
    latency: LatencyConfig = field(default_factory=LatencyConfig)


@dataclass
class SpaceConfig:
    """Which shapes f may be drawn."""

    family: str = "piecewise"  # piecewise, linear, hinge, stagewise or free
    min_segments: int = 1  # piecewise
    max_segments: int = 5  # piecewise
    min_stages: int = 2  # stagewise
    max_stages: int = 7  # stagewise
    flat: float = 0.2  # piecewise and free: probability that a piece does not rise
    divisor: int = 1  # channels are rounded to multiples of it, before counting


@dataclass
class SamplerConfig:
    """Who proposes candidates."""

    name: str = "auto"  # tpe, nsga2, random, qmc, cmaes or gp; auto: nsga2 for several objectives, else tpe
    startup: int = 20  # unguided candidates before a guided sampler takes over; nsga2: and the size of a generation
    prescreen: str | None = None  # a proxy: of some unguided draws the best by it is trained; null: every draw is
    prescreen_draws: int = 8  # so many draws for a candidate, where there is a prescreen


@dataclass
class SchedulerConfig:
    """Who stops candidates before their time, and who gets all seeds."""

    name: str = "none"  # none, asha or contenders
    grace_epochs: int | None = 3  # epochs before a rung may stop a candidate; null (contenders only): no rungs
    reduction: int = 3  # one in this many goes on at each rung
    contenders: int = 3  # contenders: so many get all of train.seeds, the others one


@dataclass
class RayConfig:
    """Where the workers run."""

    address: str = "local"  # local: workers on this machine; auto or HOST:PORT: a running Ray cluster
    dashboard: bool = True  # Ray's web page, where Ray is started on this machine
    dashboard_host: str = "127.0.0.1"  # 0.0.0.0 shows it to the network
    dashboard_port: int | None = None  # null: 8265, or the next one that is free


@dataclass
class ClusterConfig(RayConfig):
    """Where the workers run, and what a trial gets."""

    cpus_per_trial: float = 1.0  # cores of each trial
    gpus_per_trial: float | None = None  # may be a fraction; null: a quarter where the cluster has GPUs, else none
    workers: int | None = None  # trials at a time; null: as many as the CPUs and GPUs allow


@dataclass
class SearchSettings:
    """How many candidates are drawn, and how."""

    candidates: int = 200  # trained in all
    objectives: list[str] = field(default_factory=lambda: ["accuracy"])  # accuracy, then costs: params, macs, latency
    seed: int = 0  # of the draws; the trainings' seeds are 0, 1, … for every candidate
    method: str = "solve"  # solve a and b for the budget, or draw them and reject what misses it
    retries: int = 2  # of a candidate whose worker died, ran out of memory or took too long
    trial_timeout: Any = "auto"  # seconds for a training; auto: 20 times the estimate, at least an hour; null: no end
    record_rank: bool = False  # measure nuclear norm and rank of the final feature of the images that rank


@dataclass
class SearchConfig:
    """The root of the configuration."""

    constraint: ConstraintConfig = field(default_factory=ConstraintConfig)
    space: SpaceConfig = field(default_factory=SpaceConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    fidelity: str = "paper"  # name of the group that set train and data
    sampler: SamplerConfig = field(default_factory=SamplerConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    search: SearchSettings = field(default_factory=SearchSettings)
    results: str = "results"  # where run directories are made
    name: str | None = None  # of the run directory; null: constraint, data, fidelity and the time of day

    def __post_init__(self) -> None:
        # Here, so that whatever reads or records a configuration finds a sampler's name in it.
        if self.sampler.name == "auto":
            self.sampler.name = "nsga2" if len(self.search.objectives) > 1 else "tpe"


SAMPLERS = ("tpe", "nsga2", "random", "qmc", "cmaes", "gp")
UNGUIDED_SAMPLERS = ("random", "qmc")  # to the end; the others begin so
SEVERAL_OBJECTIVES = ("nsga2", "tpe", *UNGUIDED_SAMPLERS)  # samplers that take them
SCHEDULERS = ("none", "asha", "contenders")
METHODS = ("solve", "reject")


@dataclass(frozen=True)
class Tree:
    """A tree of configuration: the folder of its groups, the schema of its keys, and what a user calls it by."""

    folder: str  # with a config.yaml and a folder a group; below conf/
    schema: type  # the root dataclass
    command: str  # whose --help lists the keys
    example: str  # of settings, for messages
    borrowed: tuple[str, ...] = ()  # groups it takes from conf/ itself
    has_spaces: bool = False  # the group ``space`` has a top-level folder of its own, search_spaces/
    free: str | None = None  # a section whose keys are not the schema's, but checked by those who read it


SEARCH = Tree("", SearchConfig, "search", "constraint=c2 or search.candidates=50", has_spaces=True)

# Folders beside the groups of a tree that are none of them.
_NOT_GROUPS = ("search_spaces", "transfer", "detection", "studies")


def shipped(folder: str) -> Path:
    """``conf`` or ``search_spaces``: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / folder if (package / folder).is_dir() else package.parent / folder


def groups(config_dir: str | None = None, tree: Tree = SEARCH) -> dict[str, list[str]]:
    """The groups and their choices, shipped ones and those of ``--config-dir``."""
    found: dict[str, set[str]] = {}
    for name in tree.borrowed:
        found[name] = {file.stem for file in (shipped("conf") / name).glob("*.yaml")}
    for file in [*_group_files(shipped("conf") / tree.folder), *_own_groups(config_dir)]:
        found.setdefault(file.parent.name, set()).add(file.stem)
    if tree.has_spaces:
        found.setdefault("space", set()).update(_spaces(config_dir))
    return {name: sorted(choices) for name, choices in sorted(found.items())}


def _group_files(root: Path) -> list[Path]:
    return [file for file in root.glob("*/*.yaml") if file.parent.name not in _NOT_GROUPS]


def _own_groups(config_dir: str | None) -> list[Path]:
    """The files of the user's own groups."""
    return _group_files(Path(config_dir)) if config_dir else []


def compose(overrides: Sequence[str], config_dir: str | None = None, tree: Tree = SEARCH) -> Any:
    """The configuration that Hydra makes of ``overrides`` (``constraint=c2``, ``search.candidates=20``, …): an instance
    of the tree's schema.

    ``config_dir`` adds a folder of the user's own groups. Raises ``UserError``, one line, for anything that is not
    known or of the wrong type.
    """
    from hydra import initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if config_dir and not Path(config_dir).is_dir():
        raise UserError(f"--config-dir: {config_dir!r} is no folder")
    overrides = [_quote(_spell_macs(override)) for override in overrides]
    known_groups = groups(config_dir, tree)
    for override in overrides:
        _check_key(override, known_groups, tree)
    # The schema has no keys for a free section: Hydra adds them.
    overrides = [f"++{override}" if _is_free(override, tree) else override for override in overrides]
    for file in _own_groups(config_dir):
        # Hydra reads any that can be read.
        if isinstance(data := read_yaml(file, f"--config-dir: {file}"), dict):
            _check_keys(data, f"--config-dir: {file}")
    store = ConfigStore.instance()
    store.store(name="schema", node=tree.schema)
    for name, file in _spaces(config_dir).items() if tree.has_spaces else ():
        space = read_mapping(file, f"{file}:")
        _check_keys(space, str(file))
        try:
            store.store(group="space", name=name, node=space, package="space")
        except OmegaConfBaseException as error:  # a date, for one
            raise UserError(f"{file}: {_first_line(error)}") from None
    folders = [Path(config_dir).resolve()] if config_dir else []
    folders += [shipped("conf").resolve()] if tree.borrowed else []
    places = ",".join(_double_quoted(f"file://{folder}") for folder in folders)
    search_path = [f"hydra.searchpath=[{places}]"] if folders else []
    try:
        with initialize_config_dir(config_dir=str(shipped("conf") / tree.folder), version_base="1.3"):
            from hydra import compose as hydra_compose

            config = OmegaConf.to_object(hydra_compose("config", overrides=[*overrides, *search_path]))
    except YAMLError as error:  # a file of the user's own groups; the message names it
        raise UserError(f"--config-dir: {' '.join(str(error).split())}") from None
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_first_line(error)) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise UserError(_unreadable(error, overrides)) from None
    _check_lists(config)
    return config


def _unreadable(error: Exception, overrides: Sequence[str]) -> str:
    """Of numbers that Hydra reads and Python does not hold, and of brackets without end."""
    what = "is nested too deeply" if isinstance(error, RecursionError) else "has a number that is far too large"
    return f"{max(overrides, key=len, default='a setting')!r} cannot be read; it {what}"


# What the lists of a type may hold, in words and as types; any other list is one of numbers.
_ITEMS = {"list[int]": ("whole numbers", (int, float)), "list[str]": ("words", (str,))}


def _check_lists(node: Any, prefix: str = "") -> None:
    """OmegaConf lets lists stand where a list's numbers or words should be; raises ``UserError`` naming the key."""
    for name, hint in _type_hints(type(node)).items():
        value = getattr(node, name)
        if dataclasses.is_dataclass(value):
            _check_lists(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            kind, types = _ITEMS.get(str(hint), ("numbers", (int, float)))
            if not all(type(part) in types for part in value):
                raise UserError(f"{prefix}{name}: {value}; allowed: a list of {kind}")


def from_plain(data: dict, source: str, tree: Tree = SEARCH) -> Any:
    """The configuration of a run directory's ``config.yaml``, an instance of the tree's schema; raises ``UserError``
    naming the key that is wrong."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = {f.name for f in dataclasses.fields(tree.schema)}
    settings = {key: value for key, value in data.items() if key in known}
    # A run directory may come from anywhere, and OmegaConf would read the environment for a ${oc.env:…} in it.
    if "${" in str(settings):
        raise UserError(f"{source}: holds an interpolation, '${{…}}'; a run's config.yaml has plain values only")
    _check_keys(settings, source)
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(tree.schema), OmegaConf.create(settings)))
        _check_lists(config)
    except (OmegaConfBaseException, UserError) as error:
        raise UserError(f"{source}: {_first_line(error)}") from None
    return config


def _check_keys(settings: dict, source: str) -> None:
    """Raises ``UserError`` for a key that is no text, anywhere: OmegaConf's words for it are a programmer's."""
    for key, value in settings.items():
        if not isinstance(key, str):
            raise UserError(f"{source}: a key is {key!r}; keys are words")
        if isinstance(value, dict):
            _check_keys(value, source)


def with_settings(data: dict, settings: Sequence[str]) -> dict:
    """A copy of a run's ``config.yaml`` with other values for single keys (``search.candidates=300``), unchecked.

    Raises ``UserError`` for a key that is none, and for a group or a section: what else came with it would be lost.
    """
    known = known_keys()
    sections = {key.rpartition(".")[0] for key in known}
    changed = copy.deepcopy(data)
    for setting in map(_spell_macs, settings):
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"{setting!r} is no setting; write KEY=VALUE, as in search.candidates=300")
        if key in sections:
            raise UserError(f"{key}: a group or section; a run that is gone on with takes single keys, {key}.…=VALUE")
        if key not in known:
            raise UserError(f"{key}: unknown key{did_you_mean(key, known)}; the run's config.yaml has them all")
        *parents, name = key.split(".")
        section = changed
        for parent in parents:
            if not isinstance(section.get(parent), dict):
                section[parent] = {}
            section = section[parent]
        section[name] = read_value(key, value)
    return changed


def expand_sweeps(overrides: Sequence[str]) -> list[list[str]]:
    """``--multirun``: one list of overrides for every combination of the comma-separated ones, in Hydra's grammar."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_overrides([_quote(override) for override in overrides])
    except HydraException as error:
        raise UserError(_first_line(error)) from None
    except (ValueError, RecursionError) as error:
        raise UserError(_unreadable(error, overrides)) from None
    choices = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [override.input_line]
        for override in parsed
    ]
    return [list(combination) for combination in itertools.product(*choices)]


def _spaces(config_dir: str | None) -> dict[str, Path]:
    """Files of the group ``space``: they have a top-level folder of their own, search_spaces/."""
    folders = [shipped("search_spaces"), *([Path(config_dir) / "search_spaces"] if config_dir else [])]
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}


def _spell_macs(override: str) -> str:
    """``constraint.budget.flops…`` set on the command line replaces the same entry of ``macs``."""
    return re.sub(r"^(\+*constraint\.budget\.)flops(?=[.=])", r"\1macs", override)


def _quote(override: str) -> str:
    """Hydra's grammar knows letters beyond ASCII between quotes only: data.root=/home/jörg would not be read."""
    key, _, value = override.partition("=")
    return override if value.isascii() or re.search(r"[\"'\[\]{}(),]", value) else f"{key}='{value}'"


def as_setting(key: str, value: object) -> str:
    """``key=value`` as ``compose`` reads it, of a value in Python's types."""
    return f"{key}={_in_grammar(value)}"


def _in_grammar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_in_grammar, value))}]"
    text = str(value)
    return text if re.fullmatch(r"[A-Za-z0-9_./:%+-]+", text) else _double_quoted(text)


def _double_quoted(text: str) -> str:
    """In Hydra's grammar: a quote within is escaped, and so are the backslashes before one."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text) + '"'


@cache
def known_keys(schema: type = SearchConfig) -> dict[str, Any]:
    """Every dotted key of a schema with its type, sections (dataclasses) included."""
    found: dict[str, Any] = {}

    def walk(node: type, prefix: str) -> None:
        for name, hint in _type_hints(node).items():
            found[prefix + name] = hint
            inner: list[Any] = [t for t in (hint, *getattr(hint, "__args__", ())) if dataclasses.is_dataclass(t)]
            if inner:
                found[prefix + name] = inner[0]
                walk(inner[0], f"{prefix}{name}.")

    walk(schema, "")
    return found


def _type_hints(node: type) -> dict[str, Any]:
    import typing

    return typing.get_type_hints(node)


def _check_key(override: str, known_groups: Mapping[str, Sequence[str]], tree: Tree) -> None:
    """Hydra's own message for an unknown key runs over several lines and names no neighbour."""
    if "=" not in override:
        raise UserError(f"{override!r} is no setting; write KEY=VALUE, as in {tree.example}")
    key, value = override.split("=", 1)
    known = known_keys(tree.schema)
    if key in known_groups and not re.match(r"[{\[]", value):
        for choice in value.split(","):
            if choice.strip("'\" ") not in known_groups[key]:
                raise UserError(
                    f"{key}: {choice!r} is unknown{did_you_mean(choice, known_groups[key])}; "
                    f"allowed: {', '.join(known_groups[key])}"
                )
    elif not (key.startswith("hydra.") or _is_free(key, tree)) and key.lstrip("+~") not in known_groups.keys() | known:
        candidates = [*known_groups, *known]
        raise UserError(f"{key}: unknown key{did_you_mean(key, candidates)}; see `chansearch {tree.command} --help`")


def _is_free(override: str, tree: Tree) -> bool:
    return tree.free is not None and override.startswith(f"{tree.free}.")


def _first_line(error: Exception) -> str:
    """The sentences of a Hydra or OmegaConf error that name the key and the value, on one line."""
    if override := getattr(error, "override", None):  # one that Hydra's grammar does not know
        return f"{override!r} cannot be read; a value with signs of its own is quoted twice: name='\"a,b\"'"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = error.__cause__
    if cause is not None and str(cause) not in str(error):
        lines += [line.strip() for line in str(cause).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("full_key:", "reference_type", "object_type", "See https"))]
    keys = [line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key:")]
    message = "; ".join(dict.fromkeys(kept)).removeprefix("Error merging override ")
    message = re.sub(
        r"Invalid value assigned: \w+ is not a ListConfig, list or tuple\.?", "allowed: a list, [a,b]", message
    )
    return f"{keys[0]}: {message}" if keys and keys[0] not in message else message
