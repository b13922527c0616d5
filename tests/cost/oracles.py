"""Costs of built modules, counted by running them: what the closed forms are held to."""

from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.utils.flop_counter import FlopCounterMode

from chansearch.nets import NetworkSpec, build


@dataclass(frozen=True)
class Counted:
    """Costs of a module for one image, and the part of its classifier."""

    params: int
    macs: float
    activations: int
    classifier_params: int
    classifier_macs: float
    classifier_activations: int


def count(spec: NetworkSpec) -> Counted:
    """Params from the module, MACs from torch's counter (two FLOPs each), activations from forward hooks."""
    network = build(spec).eval()
    outputs: dict[nn.Module, int] = {}
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda m, _, output: outputs.update({m: output.numel()}))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image(spec))
    classifier = network.head.fc
    return Counted(
        params=sum(p.numel() for p in network.parameters()),
        macs=counter.get_total_flops() / 2,
        activations=sum(outputs.values()),
        classifier_params=sum(p.numel() for p in classifier.parameters()),
        classifier_macs=sum(counter.get_flop_counts()["Network.head.fc"].values()) / 2,
        classifier_activations=outputs[classifier],
    )


def image(spec: NetworkSpec) -> Tensor:
    return torch.zeros(1, spec.in_channels, spec.input_size, spec.input_size)


class _Tracer(fx.Tracer):
    def to_bool(self, obj: fx.Proxy) -> bool:
        """``if padding`` is answered yes: a shortcut padded by no channels is the shortcut."""
        return True


_ALLOCATES = (nn.Conv2d, nn.Linear)
_IN_PLACE = ("add", "mul", "relu", "sigmoid")


def peak_activations(spec: NetworkSpec) -> tuple[int, int]:
    """Most elements alive at once while the traced graph runs node by node: with the classifier, and without it.

    Convolutions, linear layers and means write a new buffer; everything else writes over its first argument, and the
    padding of a shortcut is never made. A buffer is freed after the last node that reads it. Raises ``AssertionError``
    if anything is written over that a later node still reads.
    """
    network = build(spec).eval()
    module = fx.GraphModule(network, _Tracer().trace(network))
    ShapeProp(module).propagate(image(spec))
    nodes = [node for node in module.graph.nodes if node.meta.get("type") is Tensor]
    # Without the classifier the run ends on the pooled feature.
    classifier = next(index for index, node in enumerate(nodes) if node.target == "head.fc")
    return _peak(nodes, network), _peak(nodes[:classifier], network)


def _peak(nodes: list[fx.Node], network: nn.Module) -> int:
    buffer: dict[fx.Node, fx.Node] = {}  # node → the node that allocated its memory
    last_use: dict[fx.Node, int] = {}  # allocating node → index of the last node that touches its memory
    last_read: dict[fx.Node, int] = {}  # node → index of the last node that takes it as it is
    written: dict[fx.Node, int] = {}  # node → index of the node that writes over it
    for index, node in enumerate(nodes):
        inputs = [n for n in node.all_input_nodes if n in buffer]
        if node.op == "placeholder" or _allocates(node, network):
            buffer[node] = node
        else:
            buffer[node] = buffer[inputs[0]]
            if _writes(node, network):
                written[inputs[0]] = index
        for touched in (node, *inputs):
            last_use[buffer[touched]] = index
        last_read |= dict.fromkeys(inputs, index)
    for node, index in written.items():
        assert last_read[node] == index, (
            f"{nodes[index]} writes over {node}, which {nodes[last_read[node]]} still reads"
        )

    size = {b: b.meta["tensor_meta"].shape.numel() for b in last_use}
    start = {b: nodes.index(b) for b in last_use}
    return max(sum(size[b] for b, last in last_use.items() if start[b] <= index <= last) for index in range(len(nodes)))


def _allocates(node: fx.Node, network: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(network.get_submodule(node.target), _ALLOCATES)
    return node.op == "call_method" and node.target == "mean"


def _writes(node: fx.Node, network: nn.Module) -> bool:
    """Whether a node that allocates nothing changes its memory; BatchNorm is folded, dropout is off, padding a view."""
    if node.op == "call_module":
        return not isinstance(network.get_submodule(node.target), nn.BatchNorm2d | nn.Dropout | nn.Identity)
    name = getattr(node.target, "__name__", node.target)
    assert node.op == "output" or name in (*_IN_PLACE, "pad"), f"the oracle knows nothing of {node.format_node()}"
    return name in _IN_PLACE
