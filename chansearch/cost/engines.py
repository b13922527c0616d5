"""What can run a network: PyTorch as it is, PyTorch compiled, ONNX Runtime. torch is imported when a runner is made."""

from __future__ import annotations

import importlib.util
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

ENGINES = ("eager", "compiled", "onnx")
DEVICES = ("cpu", "cuda")
_ONNX_PACKAGES = ("onnxruntime", "onnx", "onnxscript")


@dataclass(frozen=True)
class Setting:
    """How a network is run: one of ``ENGINES`` on one of ``DEVICES``, ``batch`` images at a time.

    ``threads`` of the processor compute; on a GPU they only hand out work.
    """

    engine: str = "eager"
    device: str = "cpu"
    batch: int = 1
    threads: int = 1

    def describe(self) -> str:
        """``eager on cpu, batch 1, 2 threads``."""
        threads = f", {self.threads} thread{'s' if self.threads > 1 else ''}" if self.device == "cpu" else ""
        return f"{self.engine} on {self.device}, batch {self.batch}{threads}"


@dataclass(frozen=True)
class Runner:
    """One network in one setting, ready to be timed. ``synchronise`` waits for what ``infer`` has begun."""

    infer: Callable[[], object]
    synchronise: Callable[[], object]

    def seconds(self, inferences: int, clock: Callable[[], float] = time.perf_counter) -> float:
        """Of one inference, as the mean of so many in a row, after one that brings its weights back into the caches."""
        self.infer()
        self.synchronise()
        start = clock()
        for _ in range(inferences):
            self.infer()
        self.synchronise()
        return (clock() - start) / inferences


def why_not(engine: str, device: str) -> str | None:
    """Why an engine cannot run on a device here; None where it can."""
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            return "torch sees no GPU"
    if engine == "onnx":
        return _why_not_onnx(device)
    if engine == "compiled" and device == "cpu":
        return _why_not_compiled()
    return None


def _why_not_onnx(device: str) -> str | None:
    missing = [package for package in _ONNX_PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        return f'the package {missing[0]} is not installed; pip install "chansearch[deploy]"'
    if device == "cuda":
        import onnxruntime

        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            return "the installed onnxruntime has no CUDA; onnxruntime-gpu does"
    return None


def _why_not_compiled() -> str | None:
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "torch.compile needs a C++ compiler, and there is none"
    return None


def make_runner(network: nn.Module, image_shape: tuple[int, int, int], setting: Setting) -> Runner:
    """A runner of ``network`` on random images of that shape (C, H, W), in float32 and evaluation mode.

    PyTorch gets images and weights with the channels last, which its convolutions are fastest with. Its threads are
    the whole process's: ``torch.set_num_threads`` is the caller's to say.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    images = torch.rand(setting.batch, *image_shape, generator=generator).to(setting.device)
    network = network.eval()
    if setting.engine == "onnx":
        return _onnx_runner(network, images, setting)
    network = network.to(device=setting.device, memory_format=torch.channels_last)
    images = images.to(memory_format=torch.channels_last)
    forward = network if setting.engine == "eager" else _compiled(network)
    if setting.device == "cuda":
        torch.backends.cudnn.benchmark = True

    def infer() -> None:
        with torch.inference_mode():
            forward(images)

    return Runner(infer, torch.cuda.synchronize if setting.device == "cuda" else _nothing)


def _nothing() -> None:
    """A processor has done what it was called for when the call returns."""


def _compiled(network: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """torch.compile keeps what it has compiled with the code that was compiled, looks through all of it at each call
    and gives up after eight: each network gets code of its own, so that none is slower for those before it."""
    import torch

    def forward(images: torch.Tensor) -> torch.Tensor:
        return network(images)

    own = types.FunctionType(forward.__code__.replace(), forward.__globals__, closure=forward.__closure__)
    return torch.compile(own, dynamic=False)


def _onnx_runner(network: nn.Module, images: torch.Tensor, setting: Setting) -> Runner:
    import numpy as np
    import onnxruntime

    from chansearch.nets.capture import INPUT, OUTPUT, to_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = setting.threads, 1
    options.log_severity_level = 3
    # Threads that wait for more work would take the cores from whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    cuda = ["CUDAExecutionProvider"] if setting.device == "cuda" else []
    model = to_onnx(network, tuple(images.shape[1:])).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=[*cuda, "CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_input(INPUT, setting.device, 0, np.float32, tuple(images.shape), images.data_ptr())
    binding.bind_output(OUTPUT, setting.device)

    def infer(images: torch.Tensor = images) -> None:  # whose memory is bound, and must live on
        session.run_with_iobinding(binding)

    return Runner(infer, binding.synchronize_outputs)
