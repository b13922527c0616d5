"""``study.db`` made anew from ``candidates.csv``, where it is damaged, was deleted or lacks candidates.

What it alone holds are the sampler's numbers and the candidates that were being trained. Unguided candidates are drawn
again, which gives the same ones with the same numbers. A guided sampler's own are known by their channels alone: its
model begins anew from the unguided ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from chansearch.config import UNGUIDED_SAMPLERS
from chansearch.errors import UserError
from chansearch.files import unused
from chansearch.search.candidate import Origin, Record
from chansearch.search.latency import LatencyBound
from chansearch.search.plan import Plan, first_proposals
from chansearch.search.prescreen import Prescreen
from chansearch.search.propose import Proposal
from chansearch.search.rundir import RunDirectory
from chansearch.search.study import NoStudy, StudyFile


def find_study(run: RunDirectory, plan: Plan, records: Sequence[Record]) -> StudyFile | None:
    """The study of a run whose ``candidates.csv`` holds ``records``; None where there is none, or a damaged one, which
    stays as it is.

    Raises ``UserError`` where the study is another run's, locked, or cannot be written.
    """
    if not run.study_file.is_file() or not run.study_file.stat().st_size:
        return None
    try:
        study = StudyFile(run.study_file, plan.problem)
        channels = {proposal.candidate.number: proposal.candidate.channels for proposal in study.proposals()}
    except NoStudy:
        return None
    for record in records:
        candidate = record.candidate
        if channels.get(candidate.number, candidate.channels) != candidate.channels:
            raise UserError(
                f"run: {run.study_file} and candidates.csv are not of one run: candidate {candidate.number} has other "
                "channels; move study.db elsewhere, and resume makes it anew"
            )
    return study


def make_study(run: RunDirectory, plan: Plan) -> StudyFile:
    """A new study, where ``find_study`` found none; a damaged file is put aside, not deleted."""
    try:
        study = StudyFile(run.study_file, plan.problem)
        study.proposals()
    except NoStudy as damaged:
        kept = unused(run.path / "study.db.damaged")
        run.study_file.rename(kept)
        # What SQLite would roll back belongs to the damaged file.
        with contextlib.suppress(FileNotFoundError):
            run.study_file.with_name("study.db-journal").rename(kept.with_name(f"{kept.name}-journal"))
        print(f"{damaged}; kept as {kept.name}", flush=True)
        return StudyFile(run.study_file, plan.problem)
    return study


def restore(study: StudyFile, plan: Plan, records: Sequence[Record], bound: LatencyBound | None) -> None:
    """Add what ``records`` have and the study lacks, and say so; nothing where it is whole."""
    known = {proposal.candidate.number for proposal in study.proposals()}
    lacking = [record for record in records if record.candidate.number not in known]
    if not lacking:
        return
    sampler = plan.config.sampler
    begun = max(record.candidate.number for record in records) + 1
    # A guided sampler's later candidates are its own, but for those it was at a loss for.
    startup = begun if sampler.name in UNGUIDED_SAMPLERS else min(begun, sampler.startup)
    later = sum(r.candidate.origin is not Origin.SAMPLER and r.candidate.number >= startup for r in records)
    drawn = first_proposals(plan, startup + later, bound, Prescreen.of(sampler, plan.skeleton))
    values = {proposal.candidate.channels: proposal.values for proposal in drawn}
    restored = [Proposal(one.candidate, values.get(one.candidate.channels, {})) for one in lacking]
    known |= {proposal.candidate.number for proposal in restored}
    under_way = [proposal for proposal in drawn[:startup] if proposal.candidate.number not in known]
    for proposal in sorted([*restored, *under_way], key=lambda proposal: proposal.candidate.number):
        study.add(proposal)
    forgotten = sum(not proposal.values for proposal in restored)
    model = f"; the sampler has forgotten the numbers of {forgotten}, its own" if forgotten else ""
    print(f"study.db: lacked {len(restored)} candidates, restored from candidates.csv{model}", flush=True)
