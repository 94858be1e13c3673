"""What came of each asset and mode: one sentence a person can repeat, and the figures behind it."""

from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.agents.pages.markdown import figure, p_value
from swarmd.agents.rules.branches import branches_of
from swarmd.agents.rules.plan import chain_of
from swarmd.agents.rules.rungs import rungs
from swarmd.agents.rules.surrogates import pricings
from swarmd.agents.rules.words import is_stopped
from swarmd.state.pipeline import phases_of
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.result import Figure, Result
from swarmd.state.records.run import run_id
from swarmd.state.tracker import step_name
from swarmd.state.view import View

_MARKS = {
    JobStatus.DONE: "pass",
    JobStatus.FAILED: "no",
    JobStatus.QUARANTINED: "quarantined",
    JobStatus.SKIPPED: "·",
    JobStatus.QUEUED: "to do",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``marks`` holds one word a phase of the campaign, ``stopped`` where a rung ended the search; ``figures`` the
    latest word on each, from refine on. What the guards said no to and was tried once more counts with ``tried``."""

    symbol: str
    mode: str
    marks: tuple[str, ...]
    sentence: str
    tried: int
    figures: Mapping[str, Figure]

    @property
    def is_champion(self) -> bool:
        return self.sentence.startswith("Champion")


def verdicts(view: View, campaign: Campaign) -> list[Verdict]:
    """One for each asset and mode, in the order of the tiers."""
    return [
        _verdict(view, campaign, symbol, mode)
        for symbol in campaign.settings.symbols()
        for mode in campaign.settings.strategy.modes
    ]


def _verdict(view: View, campaign: Campaign, symbol: str, mode: str) -> Verdict:
    ids = [job_id(campaign.id, symbol, "", Phase.PREFLIGHT), *chain_of(campaign, symbol, mode)]
    jobs = [view.jobs.get(id) for id in ids]
    results = [result_of(view, job) for job in jobs]
    figures: dict[str, Figure] = {}
    for result in results[2:]:  # from refine on: what a later phase says of a figure stands
        figures |= result.summary.figures if result is not None else {}
    branched = branches_of(view, campaign, symbol, mode)
    tried = sum(r.summary.tried for r in (*results, *(result_of(view, job) for job in branched)) if r is not None)
    phases = phases_of(campaign.settings)
    marks = tuple(_mark_of(view, [job for job in jobs if job is not None and job.phase is phase]) for phase in phases)
    sentence = _sentence(view, jobs, results, branched, len(phases))
    return Verdict(symbol, mode, marks, sentence, tried, figures)


def _mark_of(view: View, jobs: list[Job]) -> str:
    """Of a phase that is one job, or of a search with rungs, which is as far as the first that is not done."""
    now = next((job for job in jobs if job.status is not JobStatus.DONE), jobs[-1] if jobs else None)
    return "–" if now is None else _mark(view, now)


def _mark(view: View, job: Job) -> str:
    if is_stopped(view, job):
        return "stopped"
    return "running" if job.status is JobStatus.QUEUED and view.open_run_of(job.id) else _MARKS[job.status]


def result_of(view: View, job: Job | None) -> Result | None:
    return None if job is None else view.results.get(run_id(job.id, job.attempt))


def _sentence(
    view: View, jobs: list[Job | None], results: list[Result | None], branched: list[Job], n_phases: int
) -> str:
    crown, crowned = jobs[-1], results[-1]
    if crown is not None and crown.status is JobStatus.DONE:
        return f"Champion: {crown.reason}{_out_of_sample(results)}"
    if told := _of_branches(view, branched):
        return told
    for job in jobs:
        if job is None or job.status is JobStatus.DONE:
            continue
        match job.status:
            case JobStatus.FAILED if job.phase is Phase.CROWN and crowned is not None:
                judge = "the evidence" if any(each.phase is Phase.VALIDATE for each in jobs if each) else "the screen"
                return f"Survived {judge}, not crowned: {job.reason}{_out_of_sample(results)}"
            case JobStatus.FAILED if job.phase is Phase.SCREEN:
                return f"No champion; the screen out of sample said no: {job.reason}{_out_of_sample(results)}"
            case JobStatus.FAILED if job.phase is Phase.VALIDATE:
                return f"No champion; the evidence does not carry it: {job.reason}{_out_of_sample(results)}"
            case JobStatus.FAILED if job.phase is Phase.GUARDS:
                tried = dict.fromkeys(each.branch for each in branched if each.phase is Phase.GUARDS)
                more = f"; nor did what was tried once more ({', '.join(filter(None, tried))})" if tried else ""
                return f"No champion; the guards said no: {job.reason}{_out_of_sample(results)}{more}"
            case JobStatus.FAILED:
                return f"Ended at {job.phase.value}: {job.reason}"
            case JobStatus.QUARANTINED:
                return f"Undecided: {job.phase.value} is in quarantine, {job.reason}"
            case JobStatus.SKIPPED if is_stopped(view, job):
                return job.reason[:1].upper() + job.reason[1:]
            case JobStatus.SKIPPED:
                return f"Not tried from {job.phase.value} on: {job.reason}"
            case _:
                # A search with rungs is one phase, done when its last job is.
                whole = [other for other in jobs if other is not None and other.trials is None]
                done = sum(1 for other in whole if other.status is JobStatus.DONE)
                held = rungs(view).why(job) or (pricings(view)[job.id].why if job.id in pricings(view) else "")
                state = "running" if view.open_run_of(job.id) else held or "to do"
                step = step_name(job.phase.value, job.trials)
                return f"Unfinished: {done} of {n_phases} phases done, {step} is {state}"
    return "Not begun"


def _of_branches(view: View, branched: list[Job]) -> str:
    """What came of it after the guards' first no, while it is under way or where it made a champion; else empty."""
    left = [job for job in branched if job.status is JobStatus.QUEUED]
    if left:
        step = step_name(left[0].phase.value, left[0].trials, left[0].branch)
        return f"Unfinished: the guards said no, and {step} is {'running' if view.open_run_of(left[0].id) else 'to do'}"
    judge = next((job for job in branched if job.phase is Phase.GUARDS and job.status is JobStatus.DONE), None)
    if judge is None:
        return ""
    crown = next(job for job in branched if job.phase is Phase.CROWN and job.branch == judge.branch)
    figures = _out_of_sample([result_of(view, judge)])
    if crown.status is JobStatus.DONE:
        return f"Champion of the branch {judge.branch}: {crown.reason}{figures}"
    return f"Survived the guards in the branch {judge.branch}, not crowned: {crown.reason}{figures}"


def _out_of_sample(results: list[Result | None]) -> str:
    """The figures of the phase that looked last at what the search had not seen."""
    looked = (Phase.VALIDATE, Phase.GUARDS, Phase.SCREEN)
    judges = [r for phase in looked for r in results if r is not None and r.phase is phase]
    screen = judges[0].summary.figures if judges else {}
    told = [
        f"{words} {figure(screen[name])}"
        for name, words in (
            ("oos_annual_sharpe", "annual Sharpe out of sample"),
            ("oos_max_drawdown", "drawdown"),
            ("oos_trades", "trades"),
            ("forecast", "expected Sharpe"),
        )
        if screen.get(name) is not None
    ]
    p = screen.get("p")
    told += [f"p of search and vault {p_value(p)}"] if p is not None else []
    return f" ({', '.join(told)})" if told else ""
