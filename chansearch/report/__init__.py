"""Tenths, statistics, figures and the page: pure functions of run directories (paper sec. 3, Table 3, Figures 2 and 4).

Knows nothing of Ray, torch, Optuna or Hydra; matplotlib is loaded when a figure is drawn.
"""

from chansearch.report.analysis import Analysis, analyse
from chansearch.report.tenths import Tenth, TenthRow, tenth_ranks, tenths
from chansearch.report.write import Written, write_report

__all__ = ["Analysis", "Tenth", "TenthRow", "Written", "analyse", "tenth_ranks", "tenths", "write_report"]
