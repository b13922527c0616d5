"""From a searched shape to a network's YAML: the full ReXNet for a budget, or the small network itself."""

from chansearch.export.command import ExportOptions, export_document
from chansearch.export.document import to_yaml
from chansearch.export.full import FullNetwork, full_network, reference

__all__ = ["ExportOptions", "FullNetwork", "export_document", "full_network", "reference", "to_yaml"]
