"""The notes the swarm keeps inside a page that people write: the AUTO-WORKFLOW-NOTES block of `BACKTEST_OPTIMIZE.md`.

Only what stands between the two marks is ours; every other line of the page stays as its owner left it.
"""

from swarmd.agents.pages.markdown import figure
from swarmd.agents.rules.words import several
from swarmd.state.records.champion import Champion
from swarmd.state.records.gauge import Scores
from swarmd.state.records.job import JobStatus
from swarmd.state.records.step import Step, StepStatus
from swarmd.state.units import Millis, iso
from swarmd.state.view import View

START, END = "<!-- AUTO-WORKFLOW-NOTES:START -->", "<!-- AUTO-WORKFLOW-NOTES:END -->"
_NEW_PAGE = "# Backtest and optimise\n\nNotes of your own go anywhere outside the marked block; it is written anew.\n\n"


def with_notes(page: str, view: View, now: Millis) -> str:
    """The page with its block written anew; one without the marks gets it at its end, an empty one a heading first."""
    block = f"{START}\n{notes(view, now)}\n{END}"
    begins = page.find(START)
    ends = page.find(END, begins)
    if begins >= 0 and ends >= 0:
        return page[:begins] + block + page[ends + len(END) :]
    return f"{page.rstrip()}\n\n{block}\n" if page.strip() else f"{_NEW_PAGE}{block}\n"


def notes(view: View, now: Millis) -> str:
    """Where things stand, for a reader who opens the page and not the terminal."""
    campaign, session = view.campaign, view.session
    jobs = view.jobs_of_campaign()
    settled = sum(1 for job in jobs if job.status is not JobStatus.QUEUED)
    standing = (
        f"`{campaign.id}` is {campaign.status.value}, {settled} of {len(jobs)} jobs settled" if campaign else "none"
    )
    machine = (
        f"processors {view.gauge('host.cpu_util'):.0%} busy, {several(len(view.lanes), 'lane')}, "
        f"{several(round(view.gauge('host.gpu_count')), 'GPU')}"
    )
    parts = [
        "## Workflow notes (kept by the swarm)",
        f"- Written (UTC): `{iso(now)}`, session `{session.id if session else 'none'}`",
        f"- Campaign: {standing}",
        f"- Machine: {machine}",
        *([f"- Scores: {_scores(view.scores)}"] if view.scores is not None else []),
        *_listed("Open incidents", [f"`{each.id}`: {each.cause}; {each.remedy}" for each in view.open_incidents()]),
        *_listed("Next steps", [_ahead(step) for step in view.steps.values() if step.status is not StepStatus.MET]),
        *_listed("Champions in force", [_champion(each) for each in view.champions.values() if each.is_in_force]),
    ]
    return "\n".join(parts)


def _listed(title: str, lines: list[str]) -> list[str]:
    return ["", f"### {title}", *(f"- {line}" for line in lines or ["none"])]


def _ahead(step: Step) -> str:
    return f"{step.what}: {step.expected_outcome} (due {iso(step.due)[:16].replace('T', ' ')}, {step.status.value})"


def _champion(champion: Champion) -> str:
    return f"`{champion.id}` {champion.mode}: annual Sharpe {figure(champion.oos_annual_sharpe)} out of sample"


def _scores(scores: Scores) -> str:
    names = ("adherence", "efficacy", "deviation", "performance", "efficiency")
    return ", ".join(f"{name} {getattr(scores, name):.2f}" for name in names)
