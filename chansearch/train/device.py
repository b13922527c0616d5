"""From ``train.device``, ``train.precision`` and ``train.kernels`` to what torch runs on."""

import torch

from chansearch.errors import UserError
from chansearch.train.config import TrainConfig
from chansearch.train.native.library import Unavailable, load
from chansearch.train.processor import instructions


def resolve_device(name: str) -> torch.device:
    """``name`` is auto, cpu, cuda or cuda:N; raises UserError when the GPU asked for is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UserError(f"train.device: '{name}' asked for, but no GPU is available; allowed: cpu, auto")
        count = torch.cuda.device_count()
        if device.index is not None and device.index >= count:
            allowed = ", ".join(f"cuda:{index}" for index in range(count))
            raise UserError(
                f"train.device: '{name}' asked for, but there are {count} GPUs; allowed: {allowed}, cpu, auto"
            )
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype convolutions run in; raises UserError when the device has no such arithmetic.

    float16 needs the loss scaled; bfloat16 has float32's range and does not.
    """
    # Tensor cores for bfloat16 start with compute capability 8 (Ampere); older GPUs emulate it slowly.
    has_bf16 = device.type == "cpu" or torch.cuda.get_device_capability(device) >= (8, 0)
    if name == "auto":
        if device.type == "cpu":
            return torch.bfloat16 if _cpu_has_bf16() else torch.float32
        return torch.bfloat16 if has_bf16 else torch.float16
    if name == "fp16" and device.type == "cpu":
        raise UserError("train.precision: 'fp16' needs a GPU; allowed on cpu: auto, fp32, bf16")
    if name == "bf16" and not has_bf16:
        raise UserError("train.precision: 'bf16' is not in this GPU's hardware; allowed here: auto, fp32, fp16")
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def resolve_kernels(config: TrainConfig, device: torch.device) -> bool:
    """Whether our own kernels train; raises UserError, with the reason, where they were asked for and cannot."""
    if config.kernels == "torch" or config.compile == "true":
        return False
    reason = _why_not_native(device)
    if reason and config.kernels == "native":
        raise UserError(f"train.kernels: 'native' asked for, but {reason}; allowed here: auto, torch")
    return not reason


def _why_not_native(device: torch.device) -> str | None:
    if device.type != "cpu":
        return f"they are for a CPU, not for {device.type}"
    if torch.get_num_threads() > 1:
        return f"they use one thread, and this process has {torch.get_num_threads()}"
    try:
        load()
    except Unavailable as error:
        return str(error)
    return None


def _cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; without that, bfloat16 is emulated and slower than float32."""
    known = instructions()
    return "avx512_bf16" in known or "amx_bf16" in known
