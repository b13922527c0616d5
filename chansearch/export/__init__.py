"""From a searched shape, or any network, to a file: the full ReXNet's YAML, ONNX, a program, a timm folder, source."""

from chansearch.export.command import ExportOptions, export, export_document, export_model
from chansearch.export.document import to_yaml
from chansearch.export.formats import FORMATS
from chansearch.export.full import FullNetwork, full_network, reference
from chansearch.export.pareto import export_front

__all__ = [
    "FORMATS",
    "ExportOptions",
    "FullNetwork",
    "export",
    "export_document",
    "export_front",
    "export_model",
    "full_network",
    "reference",
    "to_yaml",
]
