"""Channel configurations c_i = a·f(i)+b: shapes f, their families, rounding, and fitting (paper sec. 3.2).

NumPy only: this room knows nothing of networks, budgets or training.
"""

from chansearch.space.families import FAMILIES, Family, Parameter, make_family
from chansearch.space.fit import best_line, fit, line_r2
from chansearch.space.member import Member, format_channels, parse_channels, round_channels
from chansearch.space.shape import Shape

__all__ = [
    "FAMILIES",
    "Family",
    "Member",
    "Parameter",
    "Shape",
    "best_line",
    "fit",
    "format_channels",
    "line_r2",
    "make_family",
    "parse_channels",
    "round_channels",
]
