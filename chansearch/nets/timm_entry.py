"""``timm.create_model("chansearch_rexnet", spec=…)``: any network of this builder, as timm's own scripts want it.

Imported by ``timm_hook`` alone, once timm's models are there.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import (
    PretrainedCfg,
    build_model_with_cfg,
    checkpoint_seq,
    generate_default_cfgs,
    get_pretrained_cfg,
    register_model,
)
from timm.models._features import feature_take_indices
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from chansearch.errors import UserError
from chansearch.nets.files import resolve_network
from chansearch.nets.network import ClassifierHead, GlobalAveragePool, Network, initialise
from chansearch.nets.presets import preset
from chansearch.nets.pretrained import PUBLISHED
from chansearch.nets.spec import NetworkSpec
from chansearch.nets.weights import rename_weights

# "": the feature map as it is, for detection and segmentation.
_POOLS = ("avg", "")
_OUTPUT_STRIDES = (8, 16, 32)


class TimmHead(ClassifierHead):
    """The classifier head with its parts to be taken away, as timm's has them: no classes, no pooling."""

    def __init__(self, spec: NetworkSpec, classes: int, pool: str) -> None:
        super().__init__(spec)
        self._channels = spec.head_channels
        self.pool_type = "avg"
        self.reset(classes, pool)

    @property
    def num_features(self) -> int:
        """Width of what the classifier takes."""
        return self._channels if self.extra is None else self.extra.fc.out_features

    def reset(self, classes: int, pool: str | None = None) -> None:
        """A fresh classifier, or none for 0 ``classes``; raises ``UserError`` for one on an unpooled feature."""
        pool = self.pool_type if pool is None else pool
        if pool not in _POOLS:
            raise UserError(f"global_pool: {pool!r} is unknown; allowed: avg, or '' for the feature map")
        if classes and not pool:
            raise UserError("global_pool: '' gives a feature map, which has no classifier; num_classes=0 is needed")
        self.pool_type = pool
        self.pool = GlobalAveragePool() if pool else nn.Identity()
        if not pool:
            self.extra = None  # it is a layer of the pooled feature
        self.fc = nn.Linear(self.num_features, classes) if classes else nn.Identity()
        self.fc.apply(initialise)

    def forward(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = self.pool(x)
        if self.extra is not None:
            x = self.extra(x)
        x = self.drop(x)
        return x if pre_logits else self.fc(x)


class TimmNetwork(Network):
    """The network of a spec with what timm asks of its models. Names of tensors are those of ``Network``.

    ``num_classes`` 0 leaves the classifier out; with ``global_pool`` "" the head gives the feature map. An
    ``output_stride`` of 8 or 16 keeps the map larger: later strides become dilations, as timm's ReXNet does it.
    Raises ``UserError`` for values out of range.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        num_classes: int,
        in_chans: int,
        global_pool: str = "avg",
        output_stride: int = 32,
        drop_rate: float | None = None,
        drop_path_rate: float | None = None,
    ) -> None:
        if output_stride not in _OUTPUT_STRIDES:
            raise UserError(f"output_stride: {output_stride!r} is unknown; allowed: 8, 16, 32")
        changes = {"classes": num_classes or None, "dropout": drop_rate, "drop_path": drop_path_rate}
        changes = {key: value for key, value in changes.items() if value is not None}
        super().__init__(dataclasses.replace(spec, in_channels=in_chans, **changes))
        self.num_classes, self.in_chans = num_classes, in_chans
        self.head = TimmHead(self.spec, num_classes, global_pool)
        self.feature_info = _dilated(self, output_stride)
        self.num_features = spec.head_channels
        self.grad_checkpointing = False

    @property
    def head_hidden_size(self) -> int:
        return self.head.num_features

    def get_classifier(self) -> nn.Module:
        return self.head.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        self.head.reset(num_classes, global_pool)
        self.head.fc.to(self.stem.conv.weight.device, self.stem.conv.weight.dtype)
        self.num_classes = num_classes
        if num_classes:
            self.spec = dataclasses.replace(self.spec, classes=num_classes)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        self.grad_checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        return {"stem": r"^stem", "blocks": r"^features\.(\d+)"}

    def forward_features(self, x: Tensor) -> Tensor:
        """Images (N, in_channels, H, W) → the feature before pooling (N, num_features, h, w)."""
        x = self.stem(x)
        return checkpoint_seq(self.features, x) if self.grad_checkpointing else self.features(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return self.head(x, pre_logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """The last features of each resolution, those of ``feature_info``, and, unless alone, the final one.

        ``norm`` is timm's for networks that end in a normalisation, which these do not. Raises ``UserError`` for
        another ``output_fmt`` than NCHW.
        """
        if output_fmt != "NCHW":
            raise UserError(f"output_fmt: {output_fmt!r} is not to be had; allowed: NCHW")
        taken, last = feature_take_indices(len(self.feature_info), indices)
        wanted = {self._position(index) for index in taken}
        # The final feature comes behind the last of them, so it is there unless the walk ends before.
        layers = self.features[: self._position(last) + 1] if stop_early and intermediates_only else self.features
        x = self.stem(x)
        intermediates = [x] if -1 in wanted else []
        for position, layer in enumerate(layers):
            x = checkpoint(layer, x, use_reentrant=False) if self.grad_checkpointing else layer(x)
            if position in wanted:
                intermediates.append(x)
        return intermediates if intermediates_only else (x, intermediates)

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Cut off everything behind the last of the features asked for, the head included; gives their indices."""
        taken, last = feature_take_indices(len(self.feature_info), indices)
        if prune_norm or prune_head or last < len(self.feature_info) - 1:
            self.features = self.features[: self._position(last) + 1]
            self.num_features = self.feature_info[last]["num_chs"]
            self.reset_classifier(0, "")
        return taken

    def _position(self, index: int) -> int:
        """Where feature number ``index`` leaves ``features``; -1 for the stem."""
        module = self.feature_info[index]["module"]
        return -1 if module == "stem" else int(module.removeprefix("features."))


def _dilated(network: Network, output_stride: int) -> list[dict[str, Any]]:
    """Turn strides that would go beyond ``output_stride`` into dilations, and say where each resolution ends.

    The convolution of a stride that is left out keeps the dilation before it, later ones take the stride's (timm's
    ReXNet, Wightman). A block whose stride is left out gets no shortcut.
    """
    spec, info = network.spec, []
    reduction, dilation, module, channels = spec.stem_stride, 1, "stem", spec.stem_channels
    for index, (stride, width) in enumerate(zip(spec.strides, spec.channels, strict=True)):
        convolution = network.features[index].conv_dw.conv
        convolution.dilation = convolution.padding = (dilation, dilation)
        if stride > 1:
            info.append({"num_chs": channels, "reduction": reduction, "module": module})
            if reduction * stride > output_stride:
                convolution.stride = (1, 1)
                dilation *= stride
            else:
                reduction *= stride
        module, channels = f"features.{index}", width
    return [*info, {"num_chs": channels, "reduction": reduction, "module": module}]


def _config(spec: NetworkSpec) -> PretrainedCfg:
    """timm's record of a network: its input and the names of its first and last layer."""
    size = spec.input_size
    pooled = -(-size // (spec.stem_stride * math.prod(spec.strides)))
    return PretrainedCfg(
        input_size=(spec.in_channels, size, size),
        pool_size=(pooled, pooled),
        num_classes=spec.classes,
        mean=IMAGENET_DEFAULT_MEAN,
        std=IMAGENET_DEFAULT_STD,
        **_ENDS,
    )


_ENDS = {"first_conv": "stem.conv", "classifier": "head.fc"}

default_cfgs = generate_default_cfgs({"chansearch_rexnet.untrained": _config(preset("rexnet_100"))})


@register_model
def chansearch_rexnet(
    pretrained: bool = False,
    spec: NetworkSpec | str | Path | None = None,
    pretrained_cfg: PretrainedCfg | dict[str, Any] | str | None = None,
    **kwargs: Any,
) -> nn.Module:
    """The network of ``spec``: a YAML file, a preset's name or a ``NetworkSpec``.

    ``pretrained`` takes a preset's published weights. Further keys are those of ``TimmNetwork`` and of
    ``timm.create_model``. Raises ``UserError``, a ``ValueError``, where there is no such network.
    """
    if spec is None:
        raise UserError("spec: is missing; chansearch_rexnet needs a YAML file, a preset's name or a NetworkSpec")
    resolved = resolve_network(spec)
    if isinstance(pretrained_cfg, dict):
        pretrained_cfg = PretrainedCfg(**pretrained_cfg)
    # A record that names weights is somebody's who knows them; any other knows nothing of this spec.
    if not (isinstance(pretrained_cfg, PretrainedCfg) and (pretrained_cfg.has_weights or pretrained_cfg.state_dict)):
        pretrained_cfg = _config(resolved)
        if str(spec) in PUBLISHED:
            pretrained_cfg = dataclasses.replace(get_pretrained_cfg(str(spec)), **_ENDS)
    kwargs.setdefault("num_classes", resolved.classes)
    kwargs.setdefault("in_chans", resolved.in_channels)
    features = 1 + sum(stride > 1 for stride in resolved.strides)
    return build_model_with_cfg(
        TimmNetwork,
        "chansearch_rexnet",
        pretrained,
        pretrained_cfg=pretrained_cfg,
        pretrained_filter_fn=lambda weights, model: rename_weights(weights),
        feature_cfg={"out_indices": tuple(range(features)), "flatten_sequential": True},
        spec=resolved,
        **kwargs,
    )
