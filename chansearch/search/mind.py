"""What a guided sampler knows of a search, in Optuna's terms."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chansearch.search.candidate import Record, State
from chansearch.search.problem import Problem

if TYPE_CHECKING:
    import optuna

# Trials TPE's model is made of, the best among them. It is fitted anew for each proposal, at a cost that grows with
# their number; its good ones are never more than the 25 best, which a memory of ten times as many leaves as they are,
# and its bad ones fade with age by Optuna's own weights.
_GOOD, _MEMORY = 25, 250
# Finished candidates before CMA-ES starts from them: it takes their best tenth, which must not be empty.
_WARM_START_FROM = 10


class Mind:
    """What a guided sampler knows: an Optuna study in memory.

    It is apart from the run's ``study.db``, which holds candidates only: the many draws that miss the budget are told
    here and forgotten with the process, and asking costs no disk.
    """

    def __init__(
        self,
        problem: Problem,
        sampler: str,
        seed: int,
        startup: int,
        admissible: Callable[[Sequence[Mapping[str, float]]], np.ndarray],
    ) -> None:
        """``startup``: unguided candidates that come before. ``admissible``: which draws would become candidates; a
        sampler that can avoids the others."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._distributions, self._objectives = distributions(problem), problem.objectives
        self._startup = startup
        self._sampler, self._seed, self._admissible = sampler, seed, admissible
        # CMA-ES learns from its own generations alone; what was trained before them can only set where it starts.
        self._is_cold = sampler == "cmaes"
        # A Gaussian process sees finished trials alone: told no value, it would ask for the same again. A miss gets
        # the worst one, a duplicate what its channels have scored, or the mean where they have no score.
        self._wants_values = sampler == "gp"
        self._values: dict[tuple[int, ...], float] = {}
        self._studies = 0
        self._asked: optuna.Trial | None = None
        self._running: dict[int, optuna.Trial] = {}
        self._open()

    def _open(self, trials: Sequence[optuna.trial.FrozenTrial] = ()) -> None:
        """A new study that holds these trials."""
        import optuna

        self._studies += 1
        self._study = optuna.create_study(directions=self._objectives.directions, sampler=self._make_sampler())
        self._study.add_trials(trials)

    def _make_sampler(self, finished: list[optuna.trial.FrozenTrial] | None = None) -> optuna.samplers.BaseSampler:
        """Optuna's sampler of this name. Start-up is not theirs: the unguided stream has provided it.

        ``finished`` trials are where ``cmaes`` starts from; the others see them in the study.
        """
        import warnings

        import optuna

        # Studies that follow each other in one search must not draw the same numbers.
        seed = int(np.random.SeedSequence([self._seed, self._studies]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            match self._sampler:
                case "tpe":
                    from chansearch.search.tpe import SelectiveTPE

                    return SelectiveTPE(self._admissible, self._distributions, seed)
                case "nsga2":
                    from chansearch.search.nsga2 import LosslessNSGA2

                    return LosslessNSGA2(self._startup, seed)
                case "gp":
                    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=1, deterministic_objective=False)
                case "cmaes":
                    return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=1, source_trials=finished)
        raise ValueError(f"no sampler is called {self._sampler!r}")

    def ask(self) -> dict[str, float]:
        """New numbers from the sampler."""
        if self._is_cold and len(finished := self._finished()) >= _WARM_START_FROM:
            self._study.sampler = self._make_sampler(finished)
            self._is_cold = False
        if self._sampler == "tpe" and not self._objectives.are_several:
            self._forget()
        return self._ask()

    def _forget(self) -> None:
        """Drop old trials once twice as many have ended as the model is to be made of."""
        from optuna.trial import TrialState

        told = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if len(told) < 2 * _MEMORY:
            return
        scored = [trial for trial in told if trial.state is TrialState.COMPLETE]
        best = sorted(scored, key=lambda trial: trial.value, reverse=True)[:_GOOD]
        kept = {trial.number for trial in (*best, *told[len(best) - _MEMORY :])}
        self._open([trial for trial in told if trial.number in kept])
        for number, running in self._running.items():
            self.place(number, running.params)

    def _ask(self) -> dict[str, float]:
        self._asked = self._study.ask(self._distributions)
        return dict(self._asked.params)

    def _finished(self) -> list[optuna.trial.FrozenTrial]:
        from optuna.trial import TrialState

        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def accept(self, number: int) -> None:
        """What was asked for last becomes candidate ``number``."""
        self._running[number] = self._asked

    def refuse(self, channels: tuple[int, ...], *, duplicate: bool) -> None:
        """What was asked for last is not trained: a miss counts as bad, a duplicate as nothing."""
        from optuna.trial import TrialState

        if self._wants_values and (finished := [trial.value for trial in self._finished()]):
            value = self._values.get(channels, statistics.fmean(finished)) if duplicate else min(finished)
            self._study.tell(self._asked, value)
            return
        self._study.tell(self._asked, state=TrialState.FAIL if duplicate else TrialState.PRUNED)

    def place(self, number: int, values: Mapping[str, float]) -> None:
        """Candidate ``number`` was not asked for here; from now on it is known as running."""
        self._study.enqueue_trial(dict(values))
        self._ask()
        self.accept(number)

    def tell(self, record: Record) -> None:
        from optuna.trial import TrialState

        trial = self._running.pop(record.candidate.number, None)
        if trial is None:  # one whose numbers are not known
            return
        if (values := self._objectives.values(record)) is not None:
            self._study.tell(trial, values)
            if self._wants_values:
                self._values[record.candidate.channels] = record.val_top1_mean
        elif record.outcome.state is State.STOPPED_AT_RUNG:
            trial.report(record.val_top1_mean, record.outcome.epochs)
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, state=TrialState.FAIL)


def distributions(problem: Problem) -> dict[str, optuna.distributions.BaseDistribution]:
    """The problem's parameters in Optuna's terms."""
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        p.name: IntDistribution(int(p.low), int(p.high)) if p.integer else FloatDistribution(p.low, p.high)
        for p in problem.parameters()
    }
