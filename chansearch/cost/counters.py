"""What other counters say of a network, where they are installed."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING

from chansearch.nets import NetworkSpec, build

if TYPE_CHECKING:
    from torch import nn


def other_counters(spec: NetworkSpec) -> dict[str, dict[str, int | str]]:
    """By name: ``params``, ``macs`` (as that counter means them) and a ``note`` on its convention.

    torch's own counter is always there; fvcore and ptflops only where they are installed. All count the classifier.
    """
    import torch

    network = build(spec).eval()
    image = torch.zeros(1, spec.in_channels, spec.input_size, spec.input_size)
    found = {"torch": torch_counts(network, tuple(image.shape[1:]))}
    for name, count in (("fvcore", _fvcore), ("ptflops", _ptflops)):
        with contextlib.suppress(ImportError), contextlib.redirect_stdout(io.StringIO()):
            found[name] = count(network, image)
    return found


def torch_counts(network: nn.Module, image_shape: tuple[int, int, int]) -> dict[str, int | str]:
    """``params``, ``macs`` and ``note`` of any module in evaluation mode, for one image (C, H, W)."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *image_shape))
    params = sum(parameter.numel() for parameter in network.parameters())
    note = f"FlopCounterMode, which says {counter.get_total_flops():,} FLOPs: two a multiply-add"
    return {"params": params, "macs": counter.get_total_flops() // 2, "note": note}


def _fvcore(network, image) -> dict[str, int | str]:
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis, parameter_count

        analysis = FlopCountAnalysis(network, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        macs = int(analysis.total())
    return {"params": parameter_count(network)[""], "macs": macs, "note": "counts BatchNorm and pooling too"}


def _ptflops(network, image) -> dict[str, int | str]:
    from ptflops import get_model_complexity_info

    macs, params = get_model_complexity_info(
        network, tuple(image.shape[1:]), as_strings=False, print_per_layer_stat=False, verbose=False, backend="pytorch"
    )
    return {"params": int(params), "macs": int(macs), "note": "counts BatchNorm, activations, pooling and bias too"}
