"""From a network to a detector: torchvision's heads on its features.

N images a batch, C channels, H × W pixels, K categories. A detector is called as torchvision's are: in training with
images and targets, for a dict of losses; else with images, for a list of dicts of boxes, labels (1 to K), scores and,
with ``maskrcnn``, masks.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead, _extra_block, _normal_init
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from chansearch.errors import UserError
from chansearch.nets.network import Network
from chansearch.nets.preprocessing import Preprocessing
from chansearch.nets.spec import NetworkSpec
from chansearch.transfer.detection.config import HEADS, DetectorConfig

PYRAMID_STRIDES = (4, 8, 16, 32)
_SSD_STRIDES = (16, 32)
# Of SSDLite, torchvision's and the MobileNets' papers': the levels beyond stride 32, boxes a place, BatchNorm, what is
# kept of a category, and how much two boxes of one object may overlap.
_EXTRA_CHANNELS = (512, 256, 256, 128)
_BOXES_A_PLACE = 6
_SSD_BATCH_NORM = functools.partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
_SSD_CANDIDATES, _SSD_OVERLAP = 300, 0.55
# What the second stage of a two-stage detector looks at in an image (torchvision's default when it is not training).
_PROPOSALS = 1000


@dataclass(frozen=True)
class DetectorSpec:
    """What stands on the network, see ``DetectorConfig``; ``categories`` is K, without the background."""

    head: str
    categories: int
    min_size: int
    max_size: int
    fpn_channels: int
    samples: int
    freeze_bn: bool
    score_threshold: float
    detections: int

    @staticmethod
    def of(config: DetectorConfig, categories: int) -> DetectorSpec:
        return DetectorSpec(categories=categories, **dataclasses.asdict(config))

    @property
    def has_masks(self) -> bool:
        return self.head == "maskrcnn"

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: object, source: str) -> DetectorSpec:
        """``to_dict`` undone; raises ``UserError``, naming ``source``, for anything else."""
        kinds = {field.name: field.type for field in dataclasses.fields(DetectorSpec)}
        valid = isinstance(data, dict) and data.keys() == kinds.keys()
        valid = valid and all(type(data[key]).__name__ == kind for key, kind in kinds.items())
        sizes = ("categories", "min_size", "max_size", "fpn_channels", "samples", "detections")
        if not (valid and data["head"] in HEADS and all(1 <= data[key] <= 10**5 for key in sizes)):
            raise UserError(f"{source}: detector is none: {', '.join(kinds)} are needed")
        return DetectorSpec(**data)


class Body(nn.Module):
    """A network without its classifier: images (N, C, H, W) → a feature for each of some strides, the finest first.

    Names of tensors are those of ``Network``.
    """

    def __init__(self, network: Network, strides: Sequence[int], frozen: bool) -> None:
        """Takes the modules of ``network``. Raises ``UserError`` where it has no feature of one of ``strides``.

        The feature of the last stride is behind the 1×1 convolution of the head where ``strides`` are SSDLite's, else
        behind the last block: a pyramid has convolutions of its own.
        """
        super().__init__()
        spec = network.spec
        places = _last_blocks(spec)
        for stride in strides:
            if stride not in places:
                there, needed = (", ".join(map(str, some)) for some in (places, strides))
                raise UserError(
                    f"model: has features of strides {there}; {needed} are needed, as a preset or a network from "
                    "`chansearch export` has them"
                )
        self.stem = network.stem
        self._places = [places[stride] for stride in strides]
        self.channels = [spec.channels[place] for place in self._places]
        last = self._places[-1] + 1
        if tuple(strides) == _SSD_STRIDES:
            if last != spec.blocks:
                raise UserError(f"model: its last feature has stride {max(places)}; SSDLite needs 32")
            self._places[-1], self.channels[-1], last = spec.blocks, spec.head_channels, spec.blocks + 1
        self.features = network.features[:last]
        self._frozen = frozen
        if frozen:
            for norm in self._norms():
                norm.requires_grad_(False)

    def _norms(self) -> list[nn.Module]:
        return [module for module in self.modules() if hasattr(module, "running_mean")]

    def train(self, mode: bool = True) -> Body:
        super().train(mode)
        if self._frozen:
            for norm in self._norms():
                norm.eval()
        return self

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        found = OrderedDict()
        for place, block in enumerate(self.features):
            x = block(x)
            if place in self._places:
                found[str(len(found))] = x
        return found


def _last_blocks(spec: NetworkSpec) -> dict[int, int]:
    """Stride of a feature, to the number, from 0, of the last block that gives it."""
    places, stride = {}, spec.stem_stride
    for block, step in enumerate(spec.strides):
        stride *= step
        places[stride] = block
    return places


class _SSDFeatures(nn.Module):
    """The body's two features and four more, each half as wide and high as the one before."""

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        widths = [body.channels[-1], *_EXTRA_CHANNELS]
        self.extra = nn.ModuleList(
            _extra_block(before, after, _SSD_BATCH_NORM) for before, after in itertools.pairwise(widths)
        )
        _normal_init(self.extra)
        self.channels = [*body.channels, *_EXTRA_CHANNELS]

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        found = self.body(x)
        x = found[next(reversed(found))]
        for block in self.extra:
            x = block(x)
            found[str(len(found))] = x
        return found


class _Pyramid(nn.Module):
    """The body's four features, with what the coarser ones say laid over the finer ones (arXiv 1612.03144)."""

    def __init__(self, body: Body, channels: int) -> None:
        super().__init__()
        self.body, self.out_channels = body, channels
        self.fpn = FeaturePyramidNetwork(body.channels, channels, LastLevelMaxPool())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))


def make_detector(network: Network, spec: DetectorSpec, prepared: Preprocessing) -> nn.Module:
    """A detector on the modules of ``network``, which it takes. Raises ``UserError`` where their features do not do."""
    images = {"image_mean": list(prepared.mean), "image_std": list(prepared.std)}
    outputs = spec.categories + 1  # the background is the first
    if spec.head == "ssdlite":
        features = _SSDFeatures(Body(network, _SSD_STRIDES, spec.freeze_bn))
        levels = len(features.channels)
        return SSD(
            features,
            DefaultBoxGenerator([[2, 3]] * levels, min_ratio=0.2, max_ratio=0.95),
            (spec.min_size, spec.min_size),
            outputs,
            head=SSDLiteHead(features.channels, [_BOXES_A_PLACE] * levels, outputs, _SSD_BATCH_NORM),
            score_thresh=spec.score_threshold,
            nms_thresh=_SSD_OVERLAP,
            detections_per_img=spec.detections,
            topk_candidates=_SSD_CANDIDATES,
            **images,
        )
    pyramid = _Pyramid(Body(network, PYRAMID_STRIDES, spec.freeze_bn), spec.fpn_channels)
    return (MaskRCNN if spec.has_masks else FasterRCNN)(
        pyramid,
        outputs,
        min_size=spec.min_size,
        max_size=spec.max_size,
        box_batch_size_per_image=spec.samples,
        box_score_thresh=spec.score_threshold,
        box_detections_per_img=spec.detections,
        **images,
    )


@dataclass(frozen=True)
class Cost:
    """``params`` of all; ``macs`` of one image of ``size``, height and width in pixels.

    MACs (the paper's FLOPs) are those of convolutions and linear layers; of a two-stage detector those of the second
    stage for 1,000 proposals. ``mask_macs`` is the mask head's on the most detections: the paper's figures for Mask
    R-CNN are without it, those for Faster R-CNN again.
    """

    params: int
    macs: int
    size: tuple[int, int]
    mask_macs: int = 0


def price(network: NetworkSpec, spec: DetectorSpec) -> Cost:
    """Counted on torch's meta device, which computes nothing."""
    with torch.device("meta"):
        detector = make_detector(Network(network), spec, Preprocessing()).eval()
        height, width = spec.min_size, spec.max_size
        image = torch.empty(1, network.in_channels, height, width)
        with torch.no_grad():
            features: list[Tensor] = []
            macs = _count(lambda: features.extend(detector.backbone(image).values()))
            masks = 0
            if spec.head == "ssdlite":
                macs += _count(lambda: detector.head(features))
            else:
                heads = detector.roi_heads
                cut = torch.empty(_PROPOSALS, spec.fpn_channels, *heads.box_roi_pool.output_size)
                macs += _count(lambda: detector.rpn.head(features))
                macs += _count(lambda: heads.box_predictor(heads.box_head(cut)))
            if spec.has_masks:
                cut = torch.empty(spec.detections, spec.fpn_channels, *heads.mask_roi_pool.output_size)
                masks = _count(lambda: heads.mask_predictor(heads.mask_head(cut)))
        params = sum(weight.numel() for weight in detector.parameters())
    return Cost(params, macs, (height, width), masks)


def _count(work) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() // 2
