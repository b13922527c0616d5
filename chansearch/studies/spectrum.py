"""How the singular values of the final feature are distributed, for any networks (paper sec. 2).

Each singular value is taken relative to the network's largest, x = σ / σ_max; what is drawn is the share of singular
values of at most x.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from chansearch.errors import UserError
from chansearch.nets.features import Spectrum, final_features
from chansearch.nets.named import Named, open_named, told_what_it_takes
from chansearch.nets.preprocessing import Preprocessing
from chansearch.printable import printable
from chansearch.report import canvas
from chansearch.studies.config import StudyConfig
from chansearch.studies.folder import Finding, Study
from chansearch.studies.published import SPECTRUM_AT, SPECTRUM_BELOW
from chansearch.train.augment import Normalise
from chansearch.train.config import DataConfig, TrainConfig
from chansearch.train.data import load
from chansearch.train.dataset import Dataset
from chansearch.train.device import resolve_device
from chansearch.train.engine import Diverged, GroupTrainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_MODELS = tuple(SPECTRUM_BELOW)
COLUMNS = ("model", "weights", "input_size", "images", "channels", "index", "singular_value", "relative", "share")
_SEED = 0  # of weights that are drawn, and of the training
_CLEAR = 1.0  # points of share; less is a dozen singular values, and one training's chance
_RANDOM = "random weights"
_LOWEST = 1e-5  # left end of the axis; float32 rounds features in the seventh digit


@dataclass(frozen=True)
class Options:
    """``weights``: a file for a model. ``pretrained``: published weights for every model that has none of its own.
    ``train``: train those that are left without. ``input_size`` in pixels, in place of each model's own."""

    models: tuple[str, ...]
    weights: Mapping[str, str]
    pretrained: bool = False
    train: bool = False
    input_size: int | None = None


@dataclass(frozen=True)
class Measured:
    """One model: what its weights are, in words, and the spectrum of its final feature. Top-1 in percent, on the same
    images, where it was trained here."""

    model: str
    weights: str
    input_size: int
    spectrum: Spectrum
    top1: float | None = None

    @property
    def is_trained(self) -> bool:
        return self.weights != _RANDOM

    @property
    def relative(self) -> np.ndarray:
        """σ / σ_max, smallest first; (k,)"""
        values = self.spectrum.values.flip(0).cpu().numpy()
        return values / values[-1] if values[-1] > 0 else values

    def share_below(self, x: float) -> float:
        """Percent of the singular values that are at most ``x`` of the largest."""
        return 100 * float(np.mean(self.relative <= x))

    def describe(self) -> str:
        """Its numbers, for the note."""
        images, channels = self.spectrum.shape
        top1 = "" if self.top1 is None else f", top-1 {self.top1:.1f} %"
        return (
            f"{self.model} ({self.weights}{top1}): {images:,} images of {self.input_size} pixels x {channels:,} "
            f"channels, nuclear norm {self.spectrum.nuclear_norm:,.1f}, rank {self.spectrum.rank}, effective rank "
            f"{self.spectrum.effective_rank:.1f}, {self.share_below(SPECTRUM_AT):.1f} % of {len(self.relative)} "
            f"singular values at most {SPECTRUM_AT:g} of the largest"
        )

    def rows(self) -> list[dict[str, object]]:
        """By ``COLUMNS``, a row a singular value, the smallest first."""
        images, channels = self.spectrum.shape
        common = {"model": self.model, "weights": self.weights, "input_size": self.input_size}
        common |= {"images": images, "channels": channels}
        values, relative = self.spectrum.values.flip(0).tolist(), self.relative.tolist()
        return [
            common
            | {
                "index": index,
                "singular_value": f"{value:.8g}",
                "relative": f"{part:.8g}",
                "share": index / len(values),
            }
            for index, (value, part) in enumerate(zip(values, relative, strict=True), start=1)
        ]


def study_spectrum(options: Options, config: StudyConfig, show: Callable[[str], None]) -> Study:
    """Open, where asked train, and measure each model on the images that rank; ``show`` is told what is being done.

    Raises ``UserError`` for what cannot be opened, loaded or trained.
    """
    networks = [_open(name, options) for name in options.models]  # all of them, before the first takes its minutes
    dataset = cache(lambda size, channels: load(_data(options, config), size, channels))
    measured = []
    for network in networks:
        show(f"{network.name}: reading images of {network.image_shape[1]} pixels")
        images = dataset(network.image_shape[1], network.image_shape[0])
        if options.train and not network.trained:
            measured.append(_train(network, images, config.train, show))
        else:
            show(f"{network.name}: {len(images.val):,} images")
            measured.append(_measure(network, images, config.train, options))
    return Study(
        title="Singular values of the final feature",
        columns=COLUMNS,
        rows=[row for one in measured for row in one.rows()],
        figure=draw_spectrum(measured),
        findings=findings(measured),
        note=_note(measured, config),
    )


def _open(name: str, options: Options) -> Named:
    file = options.weights.get(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = open_named(name, options.input_size, weights=file)
        if options.pretrained and not network.trained:
            network = open_named(name, options.input_size, pretrained=True)
    with told_what_it_takes(name, network.image_shape):
        if final_features(network.network, [torch.zeros(1, *network.image_shape)]).ndim != 2:
            raise ValueError("its classifier takes no vector an image")
    return network


def _data(options: Options, config: StudyConfig) -> DataConfig:
    """Without a training, training images are only there for the mean and deviation of their pixels: as many as are
    looked at will do."""
    data = config.data
    if options.train or data.train_images is not None:
        return data
    return dataclasses.replace(data, train_images=data.val_images)


def _measure(network: Named, dataset: Dataset, config: TrainConfig, options: Options) -> Measured:
    device = resolve_device(config.device)
    prepared = network.preprocessing or Preprocessing()
    mean, std = (prepared.mean, prepared.std) if network.trained else (dataset.mean, dataset.std)
    normalise = Normalise(tuple(mean), tuple(std), device)
    images, size = torch.from_numpy(dataset.val.images), config.eval_batch_size
    batches = (normalise(images[start : start + size].to(device)) for start in range(0, len(images), size))
    features = final_features(network.network.to(device), batches)
    if not features.isfinite().all():
        raise UserError(f"{network.name}: its final feature is not finite; other weights are needed")
    spectrum = Spectrum.of(features)
    weights = _RANDOM if not network.trained else "published weights" if options.pretrained else "its own weights"
    return Measured(printable(network.name), weights, network.image_shape[1], spectrum)


def _train(network: Named, dataset: Dataset, config: TrainConfig, show: Callable[[str], None]) -> Measured:
    def make() -> torch.nn.Module:
        return open_named(network.name, network.image_shape[1], classes=len(dataset.classes)).network

    trainer = GroupTrainer(make, dataset, config, (_SEED,))
    epochs, top1 = 0, 0.0
    try:
        for result in trainer:
            epochs, top1 = result.epoch, result.mean_val_top1
            show(f"{network.name}: epoch {epochs} of {config.epochs}, val top-1 {top1:.2f} %")
    except Diverged as error:
        raise UserError(f"train.lr: {config.lr}; {network.name}: {error}; allowed: a smaller one") from None
    [spectrum] = trainer.feature_spectra()
    weights = f"trained {epochs} epoch{'s' if epochs > 1 else ''}"
    return Measured(printable(network.name), weights, network.image_shape[1], spectrum, top1)


def findings(measured: Sequence[Measured]) -> list[Finding]:
    """The paper's claim, where both of its networks are there; open unless both are trained, and where the shares are
    nearly the same."""
    pair = [next((one for one in measured if one.model == name), None) for name in SPECTRUM_BELOW]
    if None in pair:
        return []
    rexnet, mobilenet = pair
    decided = rexnet.is_trained and mobilenet.is_trained
    below = [one.share_below(SPECTRUM_AT) for one in pair]
    magnitudes = np.geomspace(0.01, 0.5, 100)
    larger = np.mean([rexnet.share_below(x) < mobilenet.share_below(x) for x in magnitudes])
    return [
        Finding(
            f"Fewer of {rexnet.model}'s singular values than of {mobilenet.model}'s are at most {SPECTRUM_AT:g} of the "
            "largest",
            " and ".join(f"{share:.1f} %" for share in below),
            " and ".join(f"about {share} %" for share in SPECTRUM_BELOW.values()),
            below[0] < below[1] if decided and abs(below[0] - below[1]) >= _CLEAR else None,
        ),
        Finding(
            f"{rexnet.model}'s singular values are the larger at every magnitude",
            f"its share of smaller ones is the lower one at {100 * larger:.0f} % of magnitudes from 0.01 to 0.5",
            "a curve that stays apart from MobileNetV2's",
            bool(larger == 1) if decided else None,
        ),
    ]


def _note(measured: Sequence[Measured], config: StudyConfig) -> str:
    few = [one for one in measured if one.spectrum.shape[0] < one.spectrum.shape[1]]
    parts = [
        f"Data {config.data.name}, the images that rank ({config.data.rank_on}), resized; the final feature is what "
        "the classifier takes.",
        *(f"{one.describe()}." for one in measured),
    ]
    if not all(one.is_trained for one in measured):
        parts.append(
            "Random weights have the spectrum of their initialisation, which says nothing of a trained network: the "
            "paper's networks were trained on ImageNet."
        )
    if few:
        parts.append("With fewer images than channels there are only as many singular values as images.")
    return " ".join(parts)


def draw_spectrum(measured: Sequence[Measured]) -> Figure:
    """A curve a model, and the published readings as crosses in the colours of their networks."""
    figure = canvas.new_figure(7.2, 4.8)
    panel = figure.subplots()
    canvas.tidy(
        panel, "singular value relative to the largest, σ / σ_max", "share of singular values of at most that [%]"
    )
    panel.set_xscale("log")
    handles = []
    for place, one in enumerate(measured):
        colour = canvas.RUN_COLOURS[place % len(canvas.RUN_COLOURS)]
        relative = np.maximum(one.relative, _LOWEST)
        share = 100 * np.arange(1, len(relative) + 1) / len(relative)
        dashes = ("-", "--", "-.", ":")[place % 4]
        label = f"{canvas.shortened(one.model)}, {one.weights}"
        handles += panel.step(relative, share, where="post", color=colour, linestyle=dashes, label=label)
        if one.model in SPECTRUM_BELOW:
            published = SPECTRUM_BELOW[one.model]
            handles += panel.plot(
                *(SPECTRUM_AT, published),
                linestyle="",
                marker="X",
                markersize=9,
                color=colour,
                markeredgecolor="white",
                zorder=4,
                label=f"paper (ImageNet): about {published} %",
            )
    panel.axvline(SPECTRUM_AT, color="#8A8A8A", linewidth=0.8, linestyle=":")
    panel.set_xlim(max(_LOWEST, min(one.relative[0] for one in measured) * 0.7), 1.2)
    panel.set_ylim(0, 102)
    canvas.legend_above(figure, handles, columns=2)
    return figure
