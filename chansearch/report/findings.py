"""What the numbers of a run say, in sentences: the page and the terminal print the same ones."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from chansearch.report import facts
from chansearch.report.analysis import Analysis
from chansearch.report.distribution import COVERAGE, RESAMPLES, Interval
from chansearch.report.published import NUCLEAR_NORM_READING
from chansearch.report.quantities import MACS
from chansearch.report.tenths import Tenth, tenth_ranks
from chansearch.search import asked
from chansearch.search.candidate import Origin, Record, why_none_ranked
from chansearch.space import format_channels

_LINE = 0.9  # R²; the best model of the paper's c1, flat for one block and then straight, has 0.94
_MUST_AGREE = ("data", "fidelity", "train.epochs")
_TENTHS_WORTH_HAVING = 10  # candidates, from which on a tenth is a tenth


def population(analysis: Analysis) -> list[str]:
    """How many candidates there are, in which states, and out of how many draws."""
    ended, wanted = len(analysis.records), asked.candidates_asked(analysis.config)
    of = "" if wanted is None else f" of {wanted}"
    states = ", ".join(f"{count} {state}" for state, count in analysis.states.items() if count)
    sentences = [
        f"{ended}{of} candidates have ended{f': {states}' if states else ''}; {len(analysis.ranked)} can be ranked."
    ]
    if wanted is not None and ended < wanted:
        sentences.append("The search is not complete: these numbers are of what has ended so far.")
    elif seeds := analysis.seeds_left:
        sentences.append(f"The search is not complete: {seeds} further seeds of contenders have not ended.")
    draws = analysis.draws
    if draws.drawn:
        sentences.append(
            f"{draws.drawn} drawn = {draws.kept} kept + {draws.duplicate} duplicates + "
            f"{draws.under_budget} under budget + {draws.over_budget} over budget"
            f"{f' + {draws.over_latency} too slow' if draws.over_latency else ''}"
            f"{f' + {draws.by_proxy} set aside by the prescreen' if draws.by_proxy else ''}."
        )
    if prescreened := sum(record.candidate.origin is Origin.PRESCREENED for record in analysis.records):
        sentences.append(
            f"{prescreened} candidates are each the best of {facts.text(analysis.config, 'sampler.prescreen_draws')} "
            f"draws by {facts.text(analysis.config, 'sampler.prescreen')}, before any training: what they show is not "
            "true of the space they were drawn from."
        )
    if not analysis.records:
        sentences.append("Nothing is finished yet: there are no tenths to show.")
    elif not analysis.ranked:
        sentences.append(f"There are no tenths to show: {why_none_ranked(analysis.records)}.")
    elif len(analysis.ranked) < _TENTHS_WORTH_HAVING:
        sentences.append(
            f"With fewer than {_TENTHS_WORTH_HAVING} ranked candidates each group is a single one, not a tenth: "
            "read them as examples."
        )
    return sentences


def images(analysis: Analysis) -> str:
    """Which images ranked, and what became of the test images."""
    if asked.rank_on(analysis.config) == "test":
        return (
            "val_top1 ranks the candidates and, with data.rank_on=test, was measured on the test images, as in the "
            "paper: no images are left that took no part in the choice, and the best accuracies are too high for it."
        )
    return (
        "val_top1, measured on validation images, ranks the candidates; test_top1 is read once, at the end of each "
        "training, and ranks nothing."
    )


def gaps(analysis: Analysis) -> list[str]:
    """The gap between the tenths: as seen, by noise alone, and on a seed that did not rank."""
    observed = analysis.observed_gap(Tenth.BOTTOM)
    if observed is None:
        return []
    middle = analysis.observed_gap(Tenth.MIDDLE)
    sentences = [f"Observed gap: top − bottom {observed:.2f} points{_to_middle(middle)}."]
    if analysis.contenders:
        return [*sentences, *_contenders(analysis)]
    noise, held_out = analysis.noise, analysis.held_out
    if noise is None or held_out is None:
        sentences.append(
            "The noise is unknown with one seed a candidate: nothing says how much of the gap is chance. "
            "train.seeds=2 or more would."
        )
        return sentences
    sentences += [
        f"By noise alone {noise.candidates} equal candidates would show top − bottom {noise.top_bottom:.2f} points"
        f"{_to_middle(noise.top_middle)}: {noise.top_bottom_errors:.2f} standard errors of {noise.standard_error:.3f} "
        f"(one training varies by {noise.seed_std:.3f}, {noise.seeds} seeds).",
        f"Out of sample (ranked on all seeds but one, scored on that one, same images): top − bottom "
        f"{held_out.top_bottom:.2f} points{_to_middle(held_out.top_middle)}; left-out seed by seed "
        f"{', '.join(f'{gap:.2f}' for gap in held_out.gaps)}.",
    ]
    if analysis.left_out:
        sentences.append(f"{analysis.left_out} candidates with other seeds are left out of these two.")
    return sentences


def _contenders(analysis: Analysis) -> list[str]:
    """What a run whose seeds went to contenders cannot say, and what it can say of these."""
    sentences = [
        f"Seeds were spent on contenders: the best {len(analysis.contenders)} on the first seed were given the others, "
        "and rank first. Tenths and figures are of the first seed, the only one that all candidates have, so their "
        "noise cannot be estimated from seeds: an unknown part of the gap is chance."
    ]
    further = [record.outcome.val_top1 for record in analysis.contenders if len(record.outcome.val_top1) > 1]
    if further:
        chosen = statistics.fmean(top1[0] for top1 in further)
        fresh = statistics.fmean(statistics.fmean(top1[1:]) for top1 in further)
        sentences.append(
            f"Contenders had {chosen:.2f} % on the seed that chose them and {fresh:.2f} % on the others: "
            f"a fall of {chosen - fresh:.2f} points."
        )
    sentences += [
        f"Contender #{record.candidate.number} is {record.outcome.reason}."
        for record in analysis.contenders
        if record.outcome.reason
    ]
    return sentences


def linearity(analysis: Analysis) -> list[str]:
    """How linear the tenths are, if there are any."""
    if not analysis.linearity:
        return []
    parts = [f"{tenth} {interval_text(interval)}" for tenth, interval in analysis.linearity.items()]
    return [
        f"Linearity, mean R² of the best line through each configuration [{COVERAGE:.0%} bootstrap interval over "
        f"candidates, {RESAMPLES} resamples]: {', '.join(parts)}."
    ]


def of_tenths(analysis: Analysis) -> list[str]:
    """Ties, gaps, linearity and, where it is recorded, the nuclear norm."""
    return [*ties(analysis), *gaps(analysis), *linearity(analysis), *nuclear_norm(analysis)]


def ties(analysis: Analysis) -> list[str]:
    """Where the edge of a tenth lies between candidates of one accuracy, who is inside; nothing where none does."""
    top1 = [record.val_top1_mean for record in analysis.compared]
    if len(top1) > 1 and len(set(top1)) == 1:
        return [
            f"All {len(top1)} ranked candidates have the same accuracy: nothing tells them apart, and the groups "
            "follow the candidates' numbers, the smaller first."
        ]
    edges = {edge for ranks in tenth_ranks(len(top1)).values() for edge in (ranks.start, ranks.stop)}
    tied = sorted({top1[edge] for edge in edges if 0 < edge < len(top1) and top1[edge - 1] == top1[edge]})
    if not tied:
        return []
    several = ", ".join(f"{value:.2f} % ({top1.count(value)} candidates)" for value in reversed(tied))
    return [f"The edge of a group lies among candidates of one accuracy: {several}; the smaller number ranks first."]


def nuclear_norm(analysis: Analysis) -> list[str]:
    """Whether candidates whose final feature has a larger nuclear norm are more accurate, where that is recorded."""
    correlation = analysis.nuclear_norm_correlation
    if correlation is None:
        return []
    ends = correlation.spearman
    sign = "positive" if ends.low > 0 else "negative" if ends.high < 0 else "of no sign that can be told"
    return [
        f"Nuclear norm of the final feature against accuracy, {correlation.count} candidates: {correlation.text()}, "
        f"{COVERAGE:.0%} bootstrap intervals: {sign}. In the paper: {NUCLEAR_NORM_READING}. The norm grows with the "
        "number of images, which the paper does not state: only the sign compares."
    ]


def compared(analyses: Sequence[Analysis]) -> list[str]:
    """Whether the top tenths of several runs are lines, and whether accuracy rises with the budget: Figure 4."""
    shown = [(place, analysis) for place, analysis in enumerate(analyses, start=1) if analysis.tenths]
    if not shown:
        return []
    tops = {place: analysis.linearity[Tenth.TOP] for place, analysis in shown}
    lines = [
        place for place, interval in tops.items() if (interval.mean if interval.low is None else interval.low) > _LINE
    ]
    others = [place for place in tops if place not in lines]
    verdict = "in every run" if not others else f"in {_places(lines)}, not in {_places(others)}" if lines else "in none"
    sentences = [
        f"Mean R² of the best line through each configuration of the top tenth [{COVERAGE:.0%} interval]: "
        f"{', '.join(f'run {place} {interval_text(interval)}' for place, interval in tops.items())}. "
        f"Linear (above {_LINE} with the whole interval) {verdict}."
    ]
    return [*sentences, *_rising(shown)]


def _places(places: Sequence[int]) -> str:
    return f"run{'s' if len(places) > 1 else ''} {', '.join(map(str, places))}"


def _rising(shown: Sequence[tuple[int, Analysis]]) -> list[str]:
    """Only of runs that can be compared: each with its own budget, of one depth, ranked on the same data after the same
    training."""
    budgets = {facts.text(a.config, "constraint.name") for _, a in shown}
    same = {
        (len(a.ranked[0].candidate.channels), *(facts.text(a.config, key) for key in _MUST_AGREE)) for _, a in shown
    }
    if len(shown) < 2 or len(budgets) < len(shown) or len(same) > 1:
        return []
    tops = sorted((a.tenths[0].spreads[MACS.column].mean, place, a) for place, a in shown)
    means = [a.tenths[0].spreads[a.ranking.column].mean for *_, a in tops]
    rises = all(low < high for low, high in itertools.pairwise(means))
    parts = [
        f"run {place}, {MACS.text(macs)} M: {a.tenths[0].spreads[a.ranking.column].text(a.ranking)}{_paper_top(a)}"
        for macs, place, a in tops
    ]
    verdict = "rises" if rises else "does not rise"
    return [f"Accuracy of the top tenth by MACs [%]: {'; '.join(parts)}. It {verdict} at every step."]


def _paper_top(analysis: Analysis) -> str:
    return (
        "" if analysis.published is None else f" (paper, CIFAR-100: {analysis.published.tenths[Tenth.TOP].top1_text})"
    )


def interval_text(interval: Interval) -> str:
    """``0.971 [0.955, 0.984]``; the mean alone where there is no interval."""
    ends = "" if interval.low is None else f" [{interval.low:.3f}, {interval.high:.3f}]"
    return f"{interval.mean:.3f}{ends}"


def candidate_text(record: Record) -> str:
    """``#17 34-34-45-55-66, 63.40 ± 0.21 %``, the deviation over seeds."""
    std = f" ± {record.val_top1_std:.2f}" if len(record.outcome.val_top1) > 1 else ""
    return f"#{record.candidate.number} {format_channels(record.candidate.channels)}, {record.val_top1_mean:.2f}{std} %"


def _to_middle(gap: float | None) -> str:
    return "" if gap is None else f", top − middle {gap:.2f}"
