"""The main numbers of reports and confirmations in plain types, for a script."""

from __future__ import annotations

from chansearch.report.analysis import Analysis
from chansearch.report.significance import Judgement
from chansearch.report.tenths import Tenth
from chansearch.report.write import Written
from chansearch.search import asked
from chansearch.search.candidate import record_facts


def report_facts(written: Written) -> dict:
    """What was written, and of each run what the text says first."""
    return {
        "page": str(written.page),
        "files": [str(file) for file in written.files],
        "runs": [_run_facts(analysis) for analysis in written.analyses],
    }


def _run_facts(analysis: Analysis) -> dict:
    noise, held_out = analysis.noise, analysis.held_out
    return {
        "run": str(analysis.run.path),
        "accuracy": f"{asked.rank_on(analysis.config)} top-1",
        "asked": asked.candidates_asked(analysis.config),
        "ended": len(analysis.records),
        "states": {str(state): count for state, count in analysis.states.items()},
        "ranked": len(analysis.ranked),
        "best": record_facts(analysis.ranked[0]) if analysis.ranked else None,
        "tenths": {
            str(row.tenth): {
                "candidates": len(row.records),
                **{quantity.column: row.spreads[quantity.column].mean for quantity in _quantities(analysis)},
            }
            for row in analysis.tenths
        },
        "top_bottom": analysis.observed_gap(Tenth.BOTTOM),
        "top_bottom_by_noise": None if noise is None else noise.top_bottom,
        "top_bottom_out_of_sample": None if held_out is None else held_out.top_bottom,
        "seed_std": None if noise is None else noise.seed_std,
    }


def _quantities(analysis: Analysis) -> tuple:
    return analysis.ranking, *analysis.costs


def confirm_facts(judged: Judgement) -> dict:
    """The contenders, the best on fresh seeds first, and the verdict."""
    return {
        "best_is_better": judged.best_is_better,
        "more_seeds": judged.more_seeds,
        "verdict": judged.verdict,
        "contenders": [
            {
                "rank": contender.rank,
                "candidate": contender.retrained.candidate,
                "channels": contender.name,
                "fresh_top1": list(contender.retrained.fresh_top1),
                "fresh_top1_mean": contender.mean,
                "fresh_top1_std": contender.std,
                "search_top1_mean": contender.retrained.search_top1,
                "behind_best": None if contender.behind is None else contender.behind.points,
                "p_holm": contender.p_holm,
            }
            for contender in judged.contenders
        ],
    }
