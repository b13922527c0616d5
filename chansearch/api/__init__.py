"""The Python API: a space, a budget, a search, a report. What a program or a notebook uses instead of the command line.

Like the command line it knows all rooms, is known by none, and does nothing of its own: it says in Python's words what
they are asked for. Importing it stays light, for each object loads what it needs.
"""

from chansearch.api.budget import Budget
from chansearch.api.report import Choice, Report
from chansearch.api.search import Search
from chansearch.api.space import Space

__all__ = ["Budget", "Choice", "Report", "Search", "Space"]
