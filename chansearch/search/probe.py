"""What the workers of a session can do, measured before it begins."""

from __future__ import annotations

import datetime
import statistics

from chansearch.probe import Probes
from chansearch.search.spent import SessionTime
from chansearch.search.worker import measure_rate


def session_time(probes: Probes) -> SessionTime:
    """A session that begins, with the matrix rate of its workers: the median over them."""
    probes.at_once(measure_rate, probes.recipe, probes.threads)  # until all are up: processes start one by one
    rates = probes.at_once(measure_rate, probes.recipe, probes.threads)
    return SessionTime(
        started=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        workers=probes.workers,
        threads=probes.threads,
        device=rates[0].device,
        dtype=rates[0].dtype,
        matrix_flops=round(statistics.median(rate.flops for rate in rates)),
    )
