"""What is tried once more where the guards said no: the branches of a chain, one after the other, until one passes.

An important asset whose strategy has a displacement is re-optimised at each length of the grid, and the best of them
meets the guards; then comes the conservative mode, where the strategy has one; then nothing. A pure function of the
picture: what is planned next follows from how the jobs before have ended. The chain's own crown stays open until its
branches are over, and is skipped then: a chain without an end is one that may still branch, and few are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from swarmd.agents.rules.plan import PlannedJob
from swarmd.agents.rules.words import said_no
from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT, GRID, STEPS
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.result import Figure
from swarmd.state.records.run import run_id
from swarmd.state.view import View


@dataclass(frozen=True, slots=True)
class Branched:
    """A job that the guards' answer calls for, why, and the records that say so."""

    job: PlannedJob
    reason: str
    caused_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branches:
    """``missing`` jobs are called for and not on record; ``awaited`` are crowns whose chain branches still."""

    missing: tuple[Branched, ...]
    awaited: frozenset[str]


_NONE = Branches((), frozenset())


def branches(view: View) -> Branches:
    """Of the campaign, as long as jobs and results stand: only chains that the guards have ended are looked at."""
    return view.while_same("branches", (view.campaign, view.jobs, view.results), lambda: _branches(view))


def _branches(view: View) -> Branches:
    campaign = view.campaign
    if campaign is None or not campaign.settings.is_strict:
        return _NONE
    crowns = [job for job in view.shut_jobs if _may_branch(view, campaign, job)]
    missing: list[Branched] = []
    awaited: set[str] = set()
    for crown in view.in_order(crowns):
        wanted = [*_wanted(view, campaign, view.jobs[crown.after[0]])]
        missing += [each for each in wanted if each.job.id not in view.jobs]
        if any(each.job.id not in view.jobs or each.job.id in view.unsettled for each in wanted):
            awaited.add(crown.id)
    return Branches(tuple(missing), frozenset(awaited))


def branches_of(view: View, campaign: Campaign, symbol: str, mode: str) -> list[Job]:
    """The jobs of a chain's branches that are on record, in the order in which they are taken."""
    if not campaign.settings.is_strict:
        return []
    ids = _ids(campaign.id, symbol, mode)
    return [job for step in STEPS if (job := view.jobs.get(ids[step])) is not None]


def _may_branch(view: View, campaign: Campaign, crown: Job) -> bool:
    """Whether it stands behind guards that did their work and said no."""
    if crown.campaign != campaign.id or crown.phase is not Phase.CROWN or crown.branch is not None:
        return False
    guards = view.jobs.get(crown.after[0])
    return guards is not None and guards.phase is Phase.GUARDS and said_no(view, guards)


def _wanted(view: View, campaign: Campaign, guards: Job) -> Iterator[Branched]:
    """All that is called for by now, on record or not."""
    figures = _figures(view, guards)
    ids = _ids(guards.campaign, guards.symbol, guards.mode)
    no = guards
    if guards.symbol in campaign.settings.important() and figures.get("displacement") is not None:
        for branch in GRID:
            why = f"branch {branch}: {_told(no)}"
            yield _planned(ids, guards, Phase.REOPTIMIZE, branch, guards.after, why, (no,))
        grid = [view.jobs.get(ids["reoptimize", branch]) for branch in GRID]
        ended = [job for job in grid if job is not None and job.status is not JobStatus.QUEUED]
        if len(ended) < len(grid):
            return
        # One of them that found nothing valid shuts the way to nobody: the best of the others is judged.
        if found := [job for job in ended if job.status is JobStatus.DONE]:
            why = f"branch {DISPLACEMENT}: {len(found)} of {len(grid)} lengths have a finalist"
            yield from _judged(ids, guards, DISPLACEMENT, found, why)
            judged = view.jobs.get(ids["guards", DISPLACEMENT])
            if judged is None or judged.status in (JobStatus.QUEUED, JobStatus.DONE):
                return
            no = judged
    if figures.get("conservative") is True:
        why = f"branch {CONSERVATIVE}: {_told(no)}"
        again = _planned(ids, guards, Phase.REOPTIMIZE, CONSERVATIVE, guards.after, why, (no,))
        yield again
        yield from _judged(ids, guards, CONSERVATIVE, [again.job], f"branch {CONSERVATIVE}", causes=(no,))


def _judged(
    ids: Mapping[tuple[str, str], str],
    guards: Job,
    branch: str,
    found: list[Job] | list[PlannedJob],
    why: str,
    *,
    causes: tuple[Job, ...] = (),
) -> Iterator[Branched]:
    """Guards for the best of those found, and the crown behind them."""
    after = tuple(each.id for each in found)
    causes = causes or tuple(each for each in found if isinstance(each, Job))
    yield _planned(ids, guards, Phase.GUARDS, branch, after, why, causes)
    yield _planned(ids, guards, Phase.CROWN, branch, (ids["guards", branch],), why, causes)


def _planned(
    ids: Mapping[tuple[str, str], str],
    chain: Job,
    phase: Phase,
    branch: str,
    after: tuple[str, ...],
    reason: str,
    causes: tuple[Job, ...],
) -> Branched:
    id = ids[phase.value, branch]
    job = PlannedJob(id, chain.symbol, chain.mode, phase, chain.priority, after, branch=branch)
    return Branched(job, f"{reason}, tier {chain.priority}", tuple(run_id(each.id, each.attempt) for each in causes))


def _told(job: Job) -> str:
    return f"{job.phase.value}{'' if job.branch is None else f' of branch {job.branch}'} said no"


def _figures(view: View, job: Job) -> Mapping[str, Figure]:
    result = view.results.get(run_id(job.id, job.attempt))
    return {} if result is None else result.summary.figures


@lru_cache(maxsize=4_096)
def _ids(campaign: str, symbol: str, mode: str) -> Mapping[tuple[str, str], str]:
    return {(phase, branch): job_id(campaign, symbol, mode, Phase(phase), branch=branch) for phase, branch in STEPS}
