"""The points of the rank study, spread over Ray workers."""

from __future__ import annotations

from collections.abc import Callable

from chansearch.cluster import ray_session
from chansearch.config import RayConfig
from chansearch.studies.rank import Ranks, point_ranks
from chansearch.studies.rank_plan import LAYERS, RankPlan


def all_ranks(plan: RankPlan, workers: int | None, say: Callable[[str], None]) -> list[Ranks]:
    """Of every point, in the plan's order, ``workers`` at a time (None: as many as CPUs); ``say`` gets the progress."""
    say("starting Ray")
    with ray_session(RayConfig(dashboard=False)):
        import ray

        task = ray.remote(point_ranks)
        workers = workers or int(ray.cluster_resources()["CPU"])
        # The dearest first, so that no worker begins one when the others have ended.
        waiting = sorted(plan.points, key=lambda point: (LAYERS.index(point[0]), point[1]))
        running, found = {}, {}
        while waiting or running:
            while waiting and len(running) < workers:
                point = waiting.pop()
                running[task.remote(plan, *point)] = point
            ended, _ = ray.wait(list(running))
            for reference in ended:
                found[running.pop(reference)] = ray.get(reference)
            say(f"{len(found)} of {len(plan.points)} points")
    return [found[point] for point in plan.points]
