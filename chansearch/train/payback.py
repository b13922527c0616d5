"""Whether ``torch.compile`` pays back: from the measured epochs and the epochs to come."""

from dataclasses import dataclass

# Before anything is known here: a new set of widths compiled in 9 to 35 seconds (AMD Zen 4, torch 2.14).
_USUAL_SECONDS = 35.0
# The first try may be lost, so it must be small beside the training that it may shorten.
_FIRST_TRY = 20


@dataclass
class Payback:
    """What compiling was worth so far in this process: the networks of one search are alike, one tells of the next."""

    compile_seconds: float | None = None  # of one network
    gain: float | None = None  # seconds of an epoch as it is, over those of the compiled one

    def pays(self, seconds_ahead: float) -> bool:
        """Whether to compile a training that would take ``seconds_ahead`` as it is."""
        if self.gain is None:
            return seconds_ahead > _FIRST_TRY * _USUAL_SECONDS
        return seconds_ahead * (1 - 1 / self.gain) > self.compile_seconds

    def learn(self, before: float, first: float, later: float) -> None:
        """Seconds of an epoch before compiling, of the first one after, which compiles, and of one after that."""
        self.compile_seconds = max(first - later, 0.0)
        self.gain = before / later


class CompileWatch:
    """Decides for one training, epoch by epoch; ``compiled`` says how its next epoch is to run."""

    def __init__(self, payback: Payback, epochs: int) -> None:
        self.compiled = False
        self._payback, self._epochs = payback, epochs
        self._seconds: list[float] = []

    def after_epoch(self, seconds: float) -> None:
        """``seconds`` of training, without measuring accuracy.

        The first epoch allocates and chooses kernels, so the second one decides; the third, if compiled, compiles; the
        fourth shows what that was worth, and where it was worth nothing the rest runs as it is.
        """
        self._seconds.append(seconds)
        done = len(self._seconds)
        if done == 2:
            self.compiled = self._payback.pays(seconds * (self._epochs - done))
        elif done == 4 and self.compiled:
            self._payback.learn(*self._seconds[1:])
            self.compiled = self._payback.gain > 1


PAYBACK = Payback()
