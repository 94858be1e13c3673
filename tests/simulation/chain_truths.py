"""What a campaign's chains call for, worked out anew: by the jobs' names and the results, not by the agents' rules.

``laws`` holds what is started and settled to it.
"""

from collections.abc import Sequence

from simulation.world import NEVER
from swarmd.state.branches import DISPLACEMENT
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.tracker import SOUND_SHARPE
from swarmd.state.units import Millis
from swarmd.state.view import View


def rung_before(view: View, job: Job) -> Job | None:
    rung = view.jobs.get(job.after[0]) if job.after else None
    return None if rung is None or rung.trials is None else rung


def cohort(view: View, rung: Job) -> list[Job]:
    """The rung of each asset of its cohort, worked out here anew from the campaign's file."""
    settings = view.campaigns[rung.campaign].settings
    symbols, size = settings.symbols(), settings.assets.batch_size
    first = symbols.index(rung.symbol) // size * size
    mine = f".{rung.symbol}.{rung.mode}."
    return [view.jobs[rung.id.replace(mine, f".{symbol}.{rung.mode}.")] for symbol in symbols[first : first + size]]


def may_go_on(view: View, rung: Job, others: Sequence[Job]) -> bool:
    done = [other for other in others if other.status is JobStatus.DONE]
    figures = {other.id: view.results[run_id(other.id, other.attempt)].summary.figures for other in done}
    mine = figures[rung.id]
    better = sum(1 for each in figures.values() if float(each["score"] or 0) > float(mine["score"] or 0))
    before = [other.id for other in done[: done.index(rung)]]
    ties = sum(1 for id in before if figures[id]["score"] == mine["score"])
    sound = mine.get("paced_annual_sharpe", mine["best_annual_sharpe"])
    return better + ties < (len(done) + 1) // 2 or (sound is not None and float(sound) >= SOUND_SHARPE)


def heard(view: View, chain: str, before: Millis = NEVER) -> tuple[int, int]:
    """Surrogates searched from the first without a gap until five were as good, and how many were; worked out here
    anew from the results, by the numbers in the jobs' names."""
    searched = as_good = first = 0
    # Each begins where the one before ends; 199 are planned.
    while first < 199 and as_good < 5:
        job = view.jobs.get(f"{chain}.surrogates-{first}")
        if job is None or job.status is not JobStatus.DONE or job.at >= before:
            break
        assert job.surrogates is not None
        figures = view.results[run_id(job.id, job.attempt)].summary.figures
        searched += int(figures["searched"] or 0)
        as_good += int(figures["as_good"] or 0)
        first += job.surrogates[1]
    return searched, as_good


def is_first_judge(job: Job) -> bool:
    return job.phase is Phase.GUARDS and job.branch is None


def said_no(view: View, job: Job) -> bool:
    return job.status is JobStatus.FAILED and run_id(job.id, job.attempt) in view.results


def grid(view: View, guards: Job) -> list[Job]:
    """The re-optimisations of the chain's lengths that are on record."""
    ids = (
        job_id(guards.campaign, guards.symbol, guards.mode, Phase.REOPTIMIZE, branch=f"{DISPLACEMENT}-{length}")
        for length in (26, 39, 52, 65, 78)
    )
    return [view.jobs[id] for id in ids if id in view.jobs]


def called_for(view: View, guards: Job) -> set[str]:
    """Every branch job that the answers of a chain's guards call for in the end, worked out here anew."""
    if not said_no(view, guards):
        return set()
    first_tier = next(iter(view.campaigns[guards.campaign].settings.assets.tiers.values()))
    figures = view.results[run_id(guards.id, guards.attempt)].summary.figures
    chain = f"{guards.campaign}.{guards.symbol}.{guards.mode}"
    wanted: set[str] = set()
    if guards.symbol in first_tier and figures["displacement"]:
        wanted |= {f"{chain}.reoptimize-displacement-{length}" for length in (26, 39, 52, 65, 78)}
        if any(job.status is JobStatus.DONE for job in grid(view, guards)):
            wanted |= {f"{chain}.guards-displacement", f"{chain}.crown-displacement"}
            judged = view.jobs.get(f"{chain}.guards-displacement")
            if judged is not None and judged.status is JobStatus.DONE:
                return wanted
    if figures["conservative"]:
        wanted |= {f"{chain}.{phase}-conservative" for phase in ("reoptimize", "guards", "crown")}
    return wanted
