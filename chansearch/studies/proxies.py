"""What ranks candidates without training? Every proxy against the accuracies that a run has recorded."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chansearch.errors import UserError, did_you_mean
from chansearch.files import csv_text, read_value, write_aside
from chansearch.ranges import at_least
from chansearch.report.correlation import Interval
from chansearch.search.plan import Plan, recorded_plan
from chansearch.search.rundir import RunDirectory
from chansearch.space import format_channels
from chansearch.studies.figure_proxies import draw_proxies
from chansearch.studies.folder import Study, write_study
from chansearch.studies.proxy_findings import findings, noise_note
from chansearch.studies.ranking import TARGETS, Ceiling, Judgement, Trained, judge

SCORES_FILE = "scores.csv"


@dataclass(frozen=True)
class Options:
    """``data``: words that change the run's data settings, ``data.root=…``. ``images``: run, noise, or None for the
    run's where they are those it was trained on, else noise. ``seeds``: initialisations a score is the mean of.
    ``draws``: as ``sampler.prescreen_draws``, for what choosing by a proxy gains."""

    proxies: tuple[str, ...]
    data: tuple[str, ...] = ()
    images: str | None = None
    seeds: int = 3
    draws: int = 8


@dataclass(frozen=True)
class Scores:
    """``values``: by proxy, in the order of the candidates; ``seconds``: what one candidate takes, by proxy."""

    values: dict[str, list[float]]
    seconds: dict[str, float]


def study_proxies(run: RunDirectory, options: Options, folder: Path, say: Callable[[str], None]) -> str:
    """Score, judge and write the study's folder; gives the text to print. Raises ``UserError`` before any score.

    ``say`` gets the progress.
    """
    held = _with_data(run.config(), options.data)
    plan = recorded_plan(held, str(run.config_file))
    trained = Trained.of(run.records(), run.path)
    at_least("--seeds", options.seeds, 1)
    if not 2 <= options.draws <= len(trained.records) // 2:
        raise UserError(f"--draws: {options.draws}; allowed: 2 to {len(trained.records) // 2}, half the candidates")
    probe, images = _probe(plan, held, options.images)
    scores = _score_all(plan, trained, options, probe, say)
    judgements = [
        judge(name, np.array(scores.values[name]), trained, target, options.draws)
        for target in TARGETS
        for name in options.proxies
    ]
    ceilings = {target: Ceiling.of(trained.top1[target]) for target in TARGETS}
    note = _note(run, trained, options, images, ceilings, scores)
    study = Study(
        "What ranks candidates without training?",
        list(_row(judgements[0], scores)),
        [_row(judgement, scores) for judgement in judgements],
        draw_proxies(judgements, ceilings, len(trained.records)),
        findings(judgements, options.draws),
        note,
    )
    text = write_study(folder, {"run": str(run.path), **dataclasses.asdict(options), "images_used": images}, study)
    rows = _score_rows(trained, scores)
    write_aside(folder / SCORES_FILE, csv_text(rows[0], rows))
    return f"{text}, {SCORES_FILE}"


def _with_data(held: dict, words: Sequence[str]) -> dict:
    """What a run's ``config.yaml`` holds, with some keys of its section data set."""
    from chansearch.train.config import DataConfig

    changed = copy.deepcopy(held)
    keys = [f"data.{field.name}" for field in dataclasses.fields(DataConfig)]
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or key not in keys:
            near = did_you_mean(key, keys)
            raise UserError(f"{word!r} is no setting of the run's data{near}; allowed: {', '.join(keys)}, as KEY=VALUE")
        changed.setdefault("data", {})[key.removeprefix("data.")] = read_value(key, value)
    return changed


def _probe(plan: Plan, held: Mapping, asked: str | None):
    """The images to look at, and what to call them. Without being asked for, the run's own are taken only where they
    are there and the same; then noise stands in for them."""
    from chansearch.proxies.probe import Probe

    if asked == "noise":
        return Probe.noise(plan.skeleton), "Gaussian noise"
    try:
        probe, fingerprint = _of_run(plan)
    except UserError as error:
        if asked == "run":
            raise
        return Probe.noise(plan.skeleton), f"Gaussian noise, as the run's images are not there ({error})"
    known = (held.get("provenance") or {}).get("data_fingerprint")
    if fingerprint == known:
        return probe, "the run's training images"
    if asked == "run":
        return probe, f"training images that are not the run's (fingerprint {fingerprint}, was {known})"
    return (
        Probe.noise(plan.skeleton),
        f"Gaussian noise, as the images that are there are not the run's (fingerprint {fingerprint}, was {known})",
    )


def _of_run(plan: Plan):
    import torch

    from chansearch.proxies.probe import Probe
    from chansearch.train.augment import Normalise
    from chansearch.train.data import load

    dataset = load(plan.config.data, plan.skeleton.input_size, plan.skeleton.in_channels)
    normalise = Normalise(dataset.mean, dataset.std, torch.device("cpu"))
    return Probe.of(dataset.train.images, dataset.train.labels, normalise), dataset.fingerprint


def _score_all(plan: Plan, trained: Trained, options: Options, probe, say: Callable[[str], None]) -> Scores:
    from chansearch.proxies.score import score

    values: dict[str, list[float]] = {name: [] for name in options.proxies}
    seconds = dict.fromkeys(options.proxies, 0.0)
    for number, record in enumerate(trained.records, start=1):
        if number % 8 == 1:  # where it is no terminal each is a line
            say(f"scoring candidate {number} of {len(trained.records)}")
        spec = plan.skeleton.with_channels(record.candidate.channels)
        for name in options.proxies:
            start = time.perf_counter()
            values[name].append(score(name, spec, probe, options.seeds))
            seconds[name] += (time.perf_counter() - start) / len(trained.records)
    return Scores(values, seconds)


def _row(judgement: Judgement, scores: Scores) -> dict[str, object]:
    row: dict[str, object] = {"proxy": judgement.score, "target": f"{judgement.target}_top1"}
    for field in dataclasses.fields(Judgement):
        value = getattr(judgement, field.name)
        if isinstance(value, Interval):
            row |= value.columns(field.name)
    return row | {"seconds": f"{scores.seconds[judgement.score]:.4g}"}


def _score_rows(trained: Trained, scores: Scores) -> list[dict[str, object]]:
    means = {f"{target}_top1": trained.mean(target) for target in TARGETS}
    return [
        {"candidate": record.candidate.number, "channels": format_channels(record.candidate.channels)}
        | {name: f"{mean[place]:.4f}" for name, mean in means.items()}
        | {name: f"{values[place]:.8g}" for name, values in scores.values.items()}
        for place, record in enumerate(trained.records)
    ]


def _note(
    run: RunDirectory,
    trained: Trained,
    options: Options,
    images: str,
    ceilings: Mapping[str, Ceiling | None],
    scores: Scores,
) -> str:
    from chansearch.proxies.probe import BATCH_SIZE, BATCHES

    spread = ", ".join(
        f"{name} {values.min():,} to {values.max():,}"
        for name, values in (("params", trained.params), ("MACs", trained.macs))
    )
    left = f" ({trained.left_out} of the run left out)" if trained.left_out else ""
    costs = ", ".join(f"{name} {seconds:.2g} s" for name, seconds in scores.seconds.items())
    return (
        f"Run {run.name}: {len(trained.records)} unguided candidates{left}, {spread}; accuracies are means over "
        f"{trained.top1['val'].shape[1]} seeds. Scores are means over {options.seeds} initialisations; images: "
        f"{images}, up to {BATCHES} batches of {BATCH_SIZE}. {noise_note(ceilings)}Brackets are 95 % bootstrap "
        f"intervals over candidates, each proxy by itself: the best of {len(options.proxies)} is partly the luckiest. "
        f"One candidate takes, on one core: {costs}."
    )
