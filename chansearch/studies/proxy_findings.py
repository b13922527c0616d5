"""What the proxies' ranks say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from chansearch.report.correlation import Interval
from chansearch.studies.folder import Finding
from chansearch.studies.published import PARAMS_TAU
from chansearch.studies.ranking import CHANCE, Ceiling, Judgement

_LITTLE = 0.25  # Kendall's τ: five pairs of eight in the right order, where chance has four


def findings(judgements: Sequence[Judgement], draws: int) -> list[Finding]:
    """What is claimed of proxies, against test_top1, which ranked nothing."""
    tested = {judgement.score: judgement for judgement in judgements if judgement.target == "test"}
    return [finding for claim in (_params, _rank, _size, _top, _gain) for finding in claim(tested, draws)]


def _params(tested: Mapping[str, Judgement], draws: int) -> Iterator[Finding]:
    if "params" in tested:
        tau = tested["params"].tau
        yield Finding(
            "Params alone rank little",
            f"τ {_text(tau)} with test_top1",
            f"τ {PARAMS_TAU:g} inside a budget",
            _is_little(tau),
        )


def _is_little(tau: Interval) -> bool | None:
    if tau.low > -_LITTLE and tau.high < _LITTLE:
        return True
    return False if tau.low > _LITTLE or tau.high < -_LITTLE else None


def _rank(tested: Mapping[str, Judgement], draws: int) -> Iterator[Finding]:
    for name, label in (("nuclear_norm", "nuclear norm"), ("rank_ratio", "rank ratio")):
        if name in tested:
            tau = tested[name].tau
            yield Finding(
                f"The {label} of the final feature ranks candidates before any training",
                f"τ {_text(tau)}" if tau.low < tau.high else "the same for every candidate",
                holds=_above(tau, 0),
            )


def _size(tested: Mapping[str, Judgement], draws: int) -> Iterator[Finding]:
    """Of the proxies that say anything, params and MACs themselves left out."""
    telling = [j for name, j in tested.items() if name not in ("params", "macs") and not j.tau.low <= 0 <= j.tau.high]
    if not telling:
        yield Finding("Most of a proxy's correlation is that of params and MACs", "no proxy's interval is off 0")
        return
    plain, held = (np.mean([abs(getattr(j, name).value) for j in telling]) for name in ("tau", "tau_held"))
    names = ", ".join(judgement.score for judgement in telling)
    yield Finding(
        "Most of a proxy's correlation is that of params and MACs",
        f"mean |τ| of {names}: {plain:.2f} plain, {held:.2f} with both held",
        holds=bool(held < plain / 2),
    )


def _top(tested: Mapping[str, Judgement], draws: int) -> Iterator[Finding]:
    best = max(tested.values(), key=lambda judgement: judgement.top_share.value)
    yield Finding(
        "A proxy finds the true top tenth better than chance",
        f"the best, {best.score}, has {_text(best.top_share)} of it in its top third, where chance has {CHANCE:.2f}",
        holds=_above(best.top_share, CHANCE),
    )


def _gain(tested: Mapping[str, Judgement], draws: int) -> Iterator[Finding]:
    best = max(tested.values(), key=lambda judgement: judgement.gain.value)
    yield Finding(
        f"Of {draws} draws training the best by a proxy ends at a better network",
        f"the best, {best.score}, gains {_text(best.gain, '+.2f')} points of test_top1",
        holds=_above(best.gain, 0),
    )


def noise_note(ceilings: Mapping[str, Ceiling | None]) -> str:
    """How far any score could rank candidates whose accuracies are noisy, in a sentence; nothing with one seed."""
    parts = [
        f"{target}_top1 {_text(ceiling.reliability)}, which leaves a perfect score ρ {ceiling.rho:.2f} and τ "
        f"{ceiling.tau:.2f}"
        for target, ceiling in ceilings.items()
        if ceiling is not None
    ]
    if not parts:
        return ""
    return f"Share of the variance that is the candidates' and not the seeds': {'; '.join(parts)}. "


def _above(interval: Interval, value: float) -> bool | None:
    """Whether a quantity is above ``value``; None where its interval has room for both."""
    return True if interval.low > value else False if interval.high <= value else None


def _text(interval: Interval, form: str = ".2f") -> str:
    return f"{interval.value:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
