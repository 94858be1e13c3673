"""Says what was found, asset by asset and phase by phase, in the figures the runs reported; and what they teach.

One finding an asset, said anew when a phase of it was settled and at no other time. Lessons are counted over all judged
searches, when the campaign ends and, while it works, once in a while after further judgements: each with its scope,
how many cases it rests on, its interval, and the results behind it. The pages for people and the knowledge base hold
them; no agent decides from them.
"""

from collections.abc import Iterable

from swarmd.agents.rules.branches import branches_of
from swarmd.agents.rules.judged import judged_searches, n_judged
from swarmd.agents.rules.lessons import lessons_of
from swarmd.agents.rules.plan import chain_of
from swarmd.agents.rules.ranking import PHASES
from swarmd.agents.rules.words import said_no
from swarmd.state.actions import Action, Say, TellLesson
from swarmd.state.index import TELLER, answers
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.result import Figure
from swarmd.state.records.run import run_id
from swarmd.state.tracker import step_name
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View

NAME = TELLER

# How soon after the last time lessons are counted anew while judgements come in.
LESSONS_EVERY: Millis = 10 * MINUTE
# The lesson about all searches, which is told whenever lessons are: its instant says when that was.
_ALL = "verdicts"

# What of a phase's figures a person asks for first, and how it is called.
_FIGURES: dict[Phase, tuple[tuple[str, str], ...]] = {
    Phase.PRESCREEN: (("score", "best score"),),
    Phase.REFINE: (("score", "the finalist's score"), ("annual_sharpe", "annual Sharpe in sample")),
    Phase.SCREEN: (
        ("oos_annual_sharpe", "annual Sharpe out of sample"),
        ("oos_max_drawdown", "drawdown"),
        ("oos_trades", "trades"),
        ("psr", "PSR"),
    ),
    Phase.REOPTIMIZE: (("score", "the finalist's score"), ("annual_sharpe", "annual Sharpe in sample")),
    Phase.GUARDS: (
        ("oos_annual_sharpe", "annual Sharpe out of sample"),
        ("wfe", "walk-forward efficiency"),
        ("mc_p", "Monte Carlo p"),
        ("sensitivity", "sensitivity"),
    ),
    Phase.VALIDATE: (
        ("p", "p of search and vault together"),
        ("oos_annual_sharpe", "annual Sharpe out of sample"),
        ("forecast", "expected Sharpe"),
    ),
    Phase.CROWN: (("score", "score"),),
}
_WORDS = {JobStatus.DONE: "pass", JobStatus.FAILED: "failed", JobStatus.QUARANTINED: "in quarantine"}


def decide(view: View, now: Millis) -> list[Action]:
    campaign = view.campaign
    if campaign is None:
        return []
    wishes: list[Action] = []
    for symbol in _with_news(view, campaign):
        topic = f"{campaign.id}.{symbol}"
        jobs = _answered(view, campaign, symbol)
        finding = view.findings.get(f"{NAME}/{topic}")
        text = found(view, jobs)
        if text != (finding.text if finding is not None else ""):
            wishes.append(Say(topic=topic, reason=text, caused_by=_causes(view, jobs)))
    return [*wishes, *_lessons(view, campaign, now)]


def _lessons(view: View, campaign: Campaign, now: Millis) -> list[Action]:
    """Those that say something else than before, and the one about all searches for a sign that they were counted."""
    moment = view.last_answered.get(campaign.id, -1)
    last = view.lessons.get(f"{campaign.id}/{_ALL}")
    if campaign.status is not CampaignStatus.ACTIVE:
        moment = max(moment, campaign.at)
    elif last is not None and now < last.at + LESSONS_EVERY:
        return []
    if (last is not None and last.at >= moment) or not n_judged(view, campaign):
        return []
    taught = lessons_of(campaign, [*judged_searches(view, campaign)])
    return [each for each in taught if each.topic == _ALL or _is_news(view, each)]


def _is_news(view: View, told: TellLesson) -> bool:
    known = view.lessons.get(told.lesson)
    return known is None or (known.claim, known.evidence) != (told.reason, told.evidence)


def _with_news(view: View, campaign: Campaign) -> list[str]:
    """Assets of which a phase was settled since they were last spoken of."""
    return sorted(symbol for name, symbol in view.unheard.values() if name == campaign.id)


def _answered(view: View, campaign: Campaign, symbol: str) -> list[Job]:
    modes = dict.fromkeys(campaign.settings.strategy.modes)
    planned = (view.jobs.get(id) for mode in modes for id in chain_of(campaign, symbol, mode))
    branched = (job for mode in modes for job in branches_of(view, campaign, symbol, mode))
    return [job for job in (*planned, *branched) if job is not None and answers(job)]


def found(view: View, jobs: Iterable[Job]) -> str:
    """``balanced: prescreen pass, best score 1.93 (250,000 tried), …``, one part a mode."""
    by_mode: dict[str, list[Job]] = {}
    # Branches stand as they were taken, behind the chain.
    for job in sorted(jobs, key=lambda each: PHASES.index(each.phase) if each.branch is None else len(PHASES)):
        by_mode.setdefault(job.mode, []).append(job)
    return "; ".join(
        f"{mode}: " + ", then ".join(_of_phase(view, job) for job in of_mode) for mode, of_mode in by_mode.items()
    )


def _of_phase(view: View, job: Job) -> str:
    step = step_name(job.phase.value, job.trials, job.branch)
    word = "no" if said_no(view, job) else _WORDS[job.status]
    result = view.results.get(run_id(job.id, job.attempt))
    if result is None:
        return f"{step} {word} after {job.attempt} attempts"
    figures = result.summary.figures
    told = [
        f"{words} {_figure(figures[name])}"
        for name, words in _FIGURES[job.phase]
        if isinstance(figures.get(name), int | float)
    ]
    return f"{step} {word}, " + ", ".join([*told, f"{result.summary.tried:,} tried"])


def _figure(value: Figure) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _causes(view: View, jobs: list[Job]) -> tuple[str, ...]:
    newest = max(jobs, key=lambda job: job.at)
    result = run_id(newest.id, newest.attempt)
    return (newest.id, *((result,) if result in view.results else ()))
