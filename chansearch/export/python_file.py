"""``--format python``: the network written out as source that needs nothing but torch."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable

from chansearch._version import __version__
from chansearch.nets.files import spec_from_dict
from chansearch.nets.network import ConvBnAct, DropPath, SqueezeExcite
from chansearch.nets.spec import NetworkSpec
from chansearch.space import format_channels

_CONV_BN_ACT = '''
class ConvBnAct(nn.Module):
    """Convolution without bias, BatchNorm, activation."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, act: type = nn.Identity, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))
'''

_LINEAR_BN_ACT = '''
class LinearBnAct(nn.Module):
    """Linear layer with bias, BatchNorm, activation."""

    def __init__(self, c_in: int, c_out: int, act: type) -> None:
        super().__init__()
        self.fc = nn.Linear(c_in, c_out)
        self.bn = nn.BatchNorm1d(c_out)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.fc(x)))
'''


def to_python(document: dict) -> str:
    """Source of a class ``Network`` for the document's spec, with only the parts this network uses.

    Its modules have this builder's names, so that its state dict loads strictly.
    """
    spec = spec_from_dict(document["network"], "export")
    drops = [spec.drop_probability(block) for block in range(1, spec.blocks + 1)]
    parts = [_CONV_BN_ACT]
    if any(map(spec.has_se, range(1, spec.blocks + 1))):
        parts.append(inspect.getsource(SqueezeExcite))
    if any(drops):
        parts.append(inspect.getsource(DropPath))
    parts.append(_block_class(spec, drops))
    if spec.extra_channels is not None:
        parts.append(_LINEAR_BN_ACT)
    parts += [_head_class(spec), _network_class(spec, drops)]
    body = "\n\n\n".join(part.strip() for part in parts)
    return f"{_docstring(spec)}\n\n{_imports(body)}\n\n\n{body}\n"


def _docstring(spec: NetworkSpec) -> str:
    size = spec.input_size
    prose = (
        f"A network of {spec.blocks} blocks with {format_channels(spec.channels)} channels, written by chansearch "
        f"{__version__}. Images are float32 (N, {spec.in_channels}, {size}, {size}), normalised as in the training; "
        f"logits are (N, {spec.classes}). The weights of a checkpoint of `chansearch train` fit:"
    )
    return "\n".join(
        [
            f'"""{textwrap.fill(prose, 116, break_on_hyphens=False)}',
            "",
            "    network = Network()",
            '    network.load_state_dict(torch.load("model.pt", weights_only=True)["state_dict"])',
            '"""',
        ]
    )


def _imports(body: str) -> str:
    lines = ["from torch import Tensor, nn"]
    if "F." in body:
        lines.append("from torch.nn import functional as F")
    return "\n".join(lines)


def _activation(name: str) -> str:
    """As the builder's modules have it: ``nn.SiLU`` for silu."""
    return f"nn.{type(ConvBnAct(1, 1, 1, name).act).__name__}"


def _listed(lines: Iterable[str | None], indent: int) -> str:
    return textwrap.indent("\n".join(line for line in lines if line is not None), " " * indent)


def _block_class(spec: NetworkSpec, drops: list[float]) -> str:
    blocks = range(1, spec.blocks + 1)
    expands = any(expansion > 1 for expansion in spec.expansions)
    squeezes = any(map(spec.has_se, blocks))
    adds = any(map(spec.has_shortcut, blocks))
    layers = [
        "1×1 expansion" if expands else None,
        "3×3 depthwise",
        "squeeze-and-excitation" if squeezes else None,
        "1×1 projection",
        "shortcut" if adds else None,
    ]
    named = ", ".join(layer for layer in layers if layer)
    arguments = [
        "c_in: int",
        "hidden: int",
        "c_out: int",
        "stride: int = 1",
        "squeezed: int = 0" if squeezes else None,
        "shortcut: bool = False" if adds else None,
        "drop_path: float = 0.0" if any(drops) else None,
    ]
    act = _activation(spec.activation)
    making = [
        f"self.conv_exp = ConvBnAct(c_in, hidden, 1, {act}) if hidden > c_in else nn.Identity()" if expands else None,
        "self.conv_dw = ConvBnAct(hidden, hidden, 3, stride=stride, groups=hidden)",
        "self.se = SqueezeExcite(hidden, squeezed) if squeezed else nn.Identity()" if squeezes else None,
        f"self.act_dw = {_activation(spec.depthwise_activation)}()",
        f"self.conv_pwl = ConvBnAct(hidden, c_out, 1{_given(spec.projection_activation)})",
        "self.shortcut = shortcut" if adds else None,
        "self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()" if any(drops) else None,
    ]
    expanded = "self.conv_exp(x)" if expands else "x"
    shortcut = "x" if spec.shortcut == "identity" else "F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))"
    branch = "self.drop_path(y)" if any(drops) else "y"
    running = [
        f"y = self.conv_dw({expanded})",
        "y = self.se(y)" if squeezes else None,
        "y = self.conv_pwl(self.act_dw(y))" if adds else "return self.conv_pwl(self.act_dw(y))",
        f"return {branch} + {shortcut} if self.shortcut else y" if adds else None,
    ]
    return f'''
class Block(nn.Module):
    """{named[0].upper()}{named[1:]}."""

    def __init__(
        self,
{_listed((argument and f"{argument}," for argument in arguments), 8)}
    ) -> None:
        super().__init__()
{_listed(making, 8)}

    def forward(self, x: Tensor) -> Tensor:
{_listed(running, 8)}
'''


def _given(activation: str) -> str:
    """The argument of a ``ConvBnAct``, left out where it has none."""
    return "" if activation == "identity" else f", {_activation(activation)}"


def _head_class(spec: NetworkSpec) -> str:
    extra = spec.extra_channels
    act = _activation(spec.head_activation)
    making = [
        None if extra is None else f"self.extra = LinearBnAct({spec.head_channels}, {extra}, {act})",
        f"self.drop = nn.Dropout({spec.dropout})",
        f"self.fc = nn.Linear({spec.feature_channels}, {spec.classes})",
    ]
    running = [
        "x = x.mean((2, 3))",
        None if extra is None else "x = self.extra(x)",
        "return self.fc(self.drop(x))",
    ]
    return f'''
class Head(nn.Module):
    """Mean over the pixels{"" if extra is None else ", another layer"}, dropout, classifier."""

    def __init__(self) -> None:
        super().__init__()
{_listed(making, 8)}

    def forward(self, x: Tensor) -> Tensor:
{_listed(running, 8)}
'''


def _network_class(spec: NetworkSpec, drops: list[float]) -> str:
    stem = f"{spec.in_channels}, {spec.stem_channels}, 3{_given(spec.stem_activation)}, stride={spec.stem_stride}"
    head = f"{spec.channels[-1]}, {spec.head_channels}, 1{_given(spec.head_activation)}"
    return f'''
class Network(nn.Module):
    """Stem, {spec.blocks} blocks and head: images to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBnAct({stem})
        self.features = nn.Sequential(
{_listed((_block(spec, block, drop) for block, drop in enumerate(drops, 1)), 12)}
            ConvBnAct({head}),
        )
        self.head = Head()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(self.stem(x)))
'''


def _block(spec: NetworkSpec, block: int, drop: float) -> str:
    c_in = spec.stem_channels if block == 1 else spec.channels[block - 2]
    hidden = c_in * spec.expansions[block - 1]
    arguments = [f"{c_in}, {hidden}, {spec.channels[block - 1]}"]
    if spec.strides[block - 1] != 1:
        arguments.append(f"stride={spec.strides[block - 1]}")
    if spec.has_se(block):
        arguments.append(f"squeezed={spec.se_width(hidden)}")
    if spec.has_shortcut(block):
        arguments.append("shortcut=True")
    if drop:
        arguments.append(f"drop_path={drop}")
    return f"Block({', '.join(arguments)}),"
