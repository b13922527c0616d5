"""What makes a network train faster on a CPU, in place."""

import torch
from torch import nn

from chansearch.train.depthwise import replace_strided_depthwise
from chansearch.train.native.modules import use_native
from chansearch.train.pooling import replace_average_pool


def quicken(
    model: nn.Module, device: torch.device, dtype: torch.dtype, *, native: bool, compiled: bool = False
) -> None:
    """Replace parts of ``model`` by faster ones for training on ``device`` in ``dtype``; nothing off a CPU.

    ``native``: by our own kernels, see ``resolve_kernels``; ``compiled``: torch will compile it. Parameters and buffers
    keep names, order and values.
    """
    if device.type != "cpu":
        return
    if not compiled:
        replace_average_pool(model)
    if native:
        use_native(model)
    if dtype == torch.bfloat16:
        replace_strided_depthwise(model)  # those that have no kernel of our own
