"""Studies that train networks: checked, estimated, trained on Ray workers, interrupted and resumed in one place.

Their folder exists from the start; each training that ends is on disk before the next begins, so that a resume loses
only what was in flight.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chansearch.cluster import check_recorded, connected, validate_cluster
from chansearch.config import Tree, from_plain
from chansearch.cost import price_spec
from chansearch.durations import format_seconds
from chansearch.errors import Interrupted, UserError
from chansearch.files import check_disk, locked
from chansearch.nets import NetworkSpec
from chansearch.provenance import record_resume
from chansearch.space import format_channels
from chansearch.studies.config import StudyConfig
from chansearch.studies.folder import Study, begin_study, finish_study, open_folder, read_begun
from chansearch.studies.trainings import Progress, Training, record, recorded, train_all
from chansearch.train.config import validate_data, validate_train
from chansearch.train.estimate import class_count, expected_images, slowest, training_seconds, trial_bytes

if TYPE_CHECKING:
    from chansearch.cluster import Cluster
    from chansearch.train.dataset import Dataset


@dataclass(frozen=True)
class TrainedStudy:
    """What makes one study: its networks by name, for data of so many classes, and what it concludes from their
    trainings. All networks take images of one shape."""

    name: str
    tree: Tree
    networks: Callable[[Any, int], dict[str, NetworkSpec]]
    conclude: Callable[[Plan, Sequence[Training]], Study]

    @property
    def resume_command(self) -> str:
        return f"chansearch study {self.name} --resume"


@dataclass(frozen=True)
class Plan:
    """A study with a configuration that was checked."""

    study: TrainedStudy
    config: StudyConfig
    networks: Mapping[str, NetworkSpec]

    @property
    def image_shape(self) -> tuple[int, int]:
        """Side in pixels, and channels, of the images."""
        spec = next(iter(self.networks.values()))
        return spec.input_size, spec.in_channels

    @property
    def trainings(self) -> list[tuple[str, int]]:
        """Every network and seed. All networks with one seed come before the next seed: what is cut off can be
        compared."""
        return [(name, seed) for seed in range(self.config.train.seeds) for name in self.networks]

    def describe_data(self) -> str:
        """What the networks were trained on, and how long."""
        data, train = self.config.data, self.config.train
        images = "all training images" if data.train_images is None else f"{data.train_images:,} training images"
        # Of a folder its end, which tells more than where it lies on this machine.
        name = data.name if data.name != "folder" else "/".join(Path(data.root).resolve().parts[-2:])
        return f"{name}, {images}, {train.epochs} epochs, {train.seeds} seed{'s' if train.seeds > 1 else ''}"


def check(study: TrainedStudy, config: StudyConfig) -> Plan:
    """Everything that can be wrong before any data is read or any worker starts; raises ``UserError``."""
    validate_data(config.data)
    validate_train(config.train)
    validate_cluster(config.cluster)
    plan = Plan(study, config, study.networks(config, class_count(config.data)))
    from chansearch.train.data import check as check_data

    check_data(config.data, *plan.image_shape)
    return plan


def start(plan: Plan, output: str | None) -> None:
    """Train all networks and write the study. Raises ``UserError`` before anything is written, ``Interrupted`` on
    Ctrl-C."""
    folder = open_folder(plan.study.name, output)
    check_disk(folder, "--output")
    dataset = _load(plan)
    print(_describe_networks(plan), flush=True)
    with _workers(plan, dataset) as cluster:
        _print_estimate(plan, cluster, plan.trainings)
        begun = {"study": plan.study.name, **dataclasses.asdict(plan.config)}
        begin_study(folder, begun, data_fingerprint=dataset.fingerprint)
        print(f"study: {folder}", flush=True)
        with locked(folder, "study"):
            _train(plan, folder, dataset, cluster, plan.trainings)
            _conclude(plan, folder)


def resume(study: TrainedStudy, path: str) -> None:
    """Go on with a study that was cut off; a complete one gets its figure and findings written anew.

    Raises ``UserError`` where it cannot be read or its data has changed, ``Interrupted`` on Ctrl-C.
    """
    folder = Path(path)
    held = read_begun(folder)
    if held.get("study") != study.name:
        raise UserError(f"--resume: {path!r} was not begun by `chansearch study {study.name}`")
    source = str(folder / "config.yaml")
    config = from_plain(held, source, study.tree)
    check_recorded(config.cluster, source)
    plan = check(study, config)
    with locked(folder, "study"):
        ended = {(one.network, one.seed) for one in recorded(folder)}
        left = [training for training in plan.trainings if training not in ended]
        if left:
            from chansearch.train.data import check_fingerprint

            dataset = _load(plan)
            check_fingerprint(dataset, held)
            print(f"study: {folder}: {len(ended)} trainings kept, {len(left)} to go", flush=True)
            with _workers(plan, dataset) as cluster:
                record_resume(Path(source))
                _train(plan, folder, dataset, cluster, left)
        _conclude(plan, folder)


def rehearse(plan: Plan) -> None:
    """Print the networks and the time the study will take; writes nothing."""
    print(_describe_networks(plan), flush=True)
    with _workers(plan) as cluster:
        _print_estimate(plan, cluster, plan.trainings)


def _load(plan: Plan) -> Dataset:
    from chansearch.train.data import load

    return load(plan.config.data, *plan.image_shape)


@contextmanager
def _workers(plan: Plan, dataset: Dataset | None = None) -> Iterator[Cluster]:
    """The cluster of a plan; ``dataset`` is what will be trained on, None for a rehearsal without images."""
    widest = max(price_spec(spec)["activations"] for spec in plan.networks.values())
    needed = trial_bytes(widest, plan.config.train.batch_size)
    with connected(plan.config.cluster, needed, 0 if dataset is None else dataset.nbytes) as cluster:
        yield cluster


def _train(plan: Plan, folder: Path, dataset: Dataset, cluster: Cluster, trainings: Sequence[tuple[str, int]]) -> None:
    """Train these networks and seeds, each on disk when it has ended."""
    total = len(plan.trainings)
    progress = Progress(total - len(trainings), total)
    asked = [(name, plan.networks[name], seed) for name, seed in trainings]
    try:
        for training in train_all(asked, dataset, plan.config.train, cluster):
            record(folder, training)
            print(progress.line(training), flush=True)
    except KeyboardInterrupt:
        raise Interrupted(f"{plan.study.resume_command} {folder}") from None


def _conclude(plan: Plan, folder: Path) -> None:
    print(finish_study(folder, plan.study.conclude(plan, recorded(folder))))


def _describe_networks(plan: Plan) -> str:
    lines = [f"{len(plan.networks)} networks, seeds: {plan.config.train.seeds}; with the classifier:"]
    for name, spec in plan.networks.items():
        costs = price_spec(spec)
        lines.append(
            f"  {name}: {spec.stem_channels}, {format_channels(spec.channels)}  params {costs['params']:,}  "
            f"MACs {costs['macs']:,}  {spec.activation} behind the expansion"
        )
    return "\n".join(lines)


def _print_estimate(plan: Plan, cluster: Cluster, trainings: Sequence[tuple[str, int]]) -> None:
    """A few steps of each network, on as many workers at once as will train."""
    from chansearch.probe import Probes

    recipe = plan.config.train
    images = expected_images(plan.config.data)
    with Probes(cluster, recipe) as probes:
        seconds = {
            name: training_seconds(slowest(probes.step_times(plan.networks[name])), *images, recipe.epochs)
            for name in dict.fromkeys(name for name, _ in trainings)
        }
    total = sum(seconds[name] for name, _ in trainings) / cluster.workers
    print(
        f"estimated time: {format_seconds(total)} for {len(trainings)} trainings of {recipe.epochs} epochs on "
        f"{cluster.workers} worker{'s' if cluster.workers > 1 else ''} (steps measured)",
        flush=True,
    )
