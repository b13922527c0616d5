"""Closed-form costs of network specs, and budgets.

**The counting convention**, for everything in chansearch (``CONVENTION`` below is what ``chansearch cost`` prints):

* params: weights of convolutions and linear layers (the classifier, and what ReXNet-lite has before it), biases where
  the layer has one (SE and linear layers), weight and bias of each BatchNorm. Running statistics are no parameters.
* MACs (the paper's FLOPs): one multiply-add of a convolution or a linear layer, SE's two included, for one image.
  Bias, BatchNorm, activations, pooling, SE's scaling and the shortcut's addition count nothing.
* the classifier layer is in or out by name: ``count_classifier``.
* activations: elements of the outputs of all convolutions and of the classifier if counted, for one image (the
  definition of RegNet's authors).
* peak activations: most elements alive at once in inference of one image, with BatchNorm folded into its convolution,
  activations, gates and additions in place, and an input kept while its shortcut is still to be added.
"""

from chansearch.cost.budget import Band, Budget, Verdict, parse_count
from chansearch.cost.count import CONVENTION, Costs, Counts, price, price_spec
from chansearch.cost.quadratic import count
from chansearch.cost.solve import Solution, solve

__all__ = [
    "CONVENTION",
    "Band",
    "Budget",
    "Costs",
    "Counts",
    "Solution",
    "Verdict",
    "count",
    "parse_count",
    "price",
    "price_spec",
    "solve",
]
