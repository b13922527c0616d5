"""An exported network beside the one it was made from: the largest difference of their logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from chansearch.errors import UserError
from chansearch.nets.model import Model

BATCHES = (1, 2, 5)
# Of the largest logit. Other orders of the same sums differ by some 1e-6 in float32; a wrong layer by far more.
TOLERANCE = 1e-4


@torch.inference_mode()
def compare(model: Model, other: Callable[[Tensor], Tensor], name: str) -> str:
    """A line that states how far the logits of ``other`` are from the model's, on batches of normally drawn images.

    Both take float32 images (N, C, H, W) and give logits (N, classes). Raises ``UserError`` where the largest
    difference is more than ``TOLERANCE`` of the largest logit, or a logit is no finite number.
    """
    generator = torch.Generator().manual_seed(0)
    difference = largest = 0.0
    for batch in BATCHES:
        images = torch.randn(batch, *model.image_shape, generator=generator)
        expected, found = model.network(images), other(images)
        if not expected.isfinite().all():
            raise UserError("the network's logits are not finite numbers; are its weights?")
        difference = max(difference, (found - expected).abs().nan_to_num(torch.inf).max().item())
        largest = max(largest, expected.abs().max().item())
    relative = difference / largest if largest else difference
    if relative > TOLERANCE:
        raise UserError(
            f"{name}: logits differ from torch's by {difference:.2g}, {relative:.2g} of the largest; "
            f"at most {TOLERANCE:g} is allowed, and nothing was written"
        )
    said = f"logits differ by at most {difference:.2g}, {relative:.2g} of the largest" if difference else "equal logits"
    return f"{name} beside torch, batches of {', '.join(map(str, BATCHES))}: {said}"
