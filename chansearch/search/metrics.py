"""What a search tells Prometheus, through the endpoint that each node of Ray has anyway.

All are named ``ray_chansearch_…`` there, and tagged with the run's name.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from chansearch.printable import printable
from chansearch.search.progress import Progress

_RATE_EPOCHS = 20  # the rate is that of the last so many
_GAUGES = {
    "candidates_asked": "Candidates that the run is to train.",
    "candidates_done": "Candidates that have ended, those that failed among them.",
    "candidates_failed": "Candidates that have failed.",
    "trainings_under_way": "Trainings that were begun and have not ended.",
    "best_top1": "Best accuracy so far, in percent: the mean over a candidate's seeds, on the images that rank.",
    "images_per_second": f"Images that all workers together train on, over the last {_RATE_EPOCHS} epochs.",
}
_COUNTERS = {
    "epochs": "Epochs of candidates that this session has trained, all seeds of a candidate together.",
    "images": "Images that this session has trained on, repetitions counted.",
}


class Metrics:
    """Gauges and counters of one search. Where Ray takes none, the search goes on without, and says so once."""

    def __init__(self, run_name: str, say: Callable[[str], None]) -> None:
        self._say = say
        self._works = True
        self._epochs: deque[tuple[float, int]] = deque(maxlen=_RATE_EPOCHS + 1)  # when one ended, and its images
        # Ray's own tags are ASCII.
        self._tags = {"run": printable(run_name).encode("ascii", "backslashreplace").decode()}
        self._guarded(self._make)

    def _make(self) -> None:
        from ray.util.metrics import Counter, Gauge

        tags = tuple(self._tags)
        self._gauges = {name: Gauge(f"chansearch_{name}", what, tags) for name, what in _GAUGES.items()}
        self._counters = {name: Counter(f"chansearch_{name}", what, tags) for name, what in _COUNTERS.items()}

    def show(self, progress: Progress) -> None:
        """Where the search stands now."""
        best = progress.best
        values = {
            "candidates_asked": progress.total,
            "candidates_done": progress.ended_count,
            "candidates_failed": progress.failed_count,
            "trainings_under_way": progress.under_way,
            "best_top1": None if best is None else best.val_top1_mean,
        }
        self._guarded(lambda: self._set(values))

    def epoch(self, images: int) -> None:
        """A candidate's epoch has ended, in which it was trained on so many images."""
        self._epochs.append((time.monotonic(), images))
        self._guarded(lambda: self._count(images))

    def _count(self, images: int) -> None:
        self._counters["epochs"].inc(1, self._tags)
        self._counters["images"].inc(images, self._tags)
        # Those of the first epoch were trained before the time that is looked at.
        seconds = self._epochs[-1][0] - self._epochs[0][0]
        if seconds > 0:
            trained = sum(images for _, images in self._epochs) - self._epochs[0][1]
            self._set({"images_per_second": trained / seconds})

    def _set(self, values: dict[str, float | None]) -> None:
        for name, value in values.items():
            self._gauges[name].set(value, self._tags)  # None, not known yet, sets nothing

    def _guarded(self, tell: Callable[[], None]) -> None:
        """Metrics are beside the search: nothing that goes wrong with them may end it."""
        if not self._works:
            return
        try:
            tell()
        except Exception as error:
            self._works = False
            self._say(f"metrics: Ray takes none ({error}); the search goes on without")
