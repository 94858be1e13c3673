"""The notes the swarm keeps inside a page that people write: the AUTO-WORKFLOW-NOTES block of `BACKTEST_OPTIMIZE.md`.

Only what stands between the two marks is ours; every other line of the page stays as its owner left it.
"""

from swarmd.agents.pages.as_of import as_of
from swarmd.agents.pages.markdown import code, figure, plain
from swarmd.agents.rules.words import several
from swarmd.state.records.champion import Champion
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import JobStatus
from swarmd.state.records.step import Step, StepStatus
from swarmd.state.units import iso
from swarmd.state.view import View

START, END = "<!-- AUTO-WORKFLOW-NOTES:START -->", "<!-- AUTO-WORKFLOW-NOTES:END -->"
_LESSONS_SHOWN = 5
_NEW_PAGE = "# Backtest and optimise\n\nNotes of your own go anywhere outside the marked block; it is written anew.\n\n"


def with_notes(page: str, view: View) -> str:
    """The page with its block written anew, in the page's own line ends; one without a block gets it at its end.

    A mark without its partner is nobody's block: what stands around it stays, and the notes say where it is.
    """
    if not page.strip():
        return f"{_NEW_PAGE}{_block(view, [])}\n"
    line_end = "\r\n" if "\r\n" in page else "\n"
    lines = page.splitlines(keepends=True)
    begins, ends, odd = _whole_block(lines)
    block = _block(view, odd).replace("\n", line_end)
    if begins < 0:
        gap = "" if page.endswith(line_end * 2) else line_end if page.endswith("\n") else line_end * 2
        return f"{page}{gap}{block}{line_end}"
    last = lines[ends]
    return "".join(lines[:begins]) + block + last[len(last.rstrip("\r\n")) :] + "".join(lines[ends + 1 :])


def _whole_block(lines: list[str]) -> tuple[int, int, list[str]]:
    """Where the last whole block begins and ends (minus one where there is none), and the marks that are odd ones."""
    marks = [(number, line.strip()) for number, line in enumerate(lines) if line.strip() in (START, END)]
    begins = ends = -1
    odd: list[str] = []
    at = 0
    while at < len(marks):
        number, mark = marks[at]
        is_whole = mark == START and at + 1 < len(marks) and marks[at + 1][1] == END
        if not is_whole:
            odd.append(f"line {number + 1} has {'a start' if mark == START else 'an end'} without its partner")
            at += 1
            continue
        if begins >= 0:
            odd.append(f"the block in lines {begins + 1} to {ends + 1} is not the last one and is left as it is")
        begins, ends = number, marks[at + 1][0]
        at += 2
    return begins, ends, odd


def _block(view: View, odd: list[str]) -> str:
    told = "".join(f"\n- Marks of this page: {each}" for each in odd)
    return f"{START}\n{notes(view)}{told}\n{END}"


def notes(view: View) -> str:
    """Where things stand, for a reader who opens the page and not the terminal. The same records, the same words."""
    campaign, session = view.campaign, view.session
    jobs = view.jobs_of_campaign()
    settled = sum(1 for job in jobs if job.status is not JobStatus.QUEUED)
    standing = (
        f"{code(campaign.id)} is {campaign.status.value}, {settled} of {len(jobs)} jobs settled" if campaign else "none"
    )
    machine = f"{several(len(view.lanes), 'lane')}, {several(round(view.gauge('host.gpu_count')), 'GPU')}"
    learned = [plain(each.claim) for each in view.lessons.values() if campaign and each.campaign == campaign.id]
    parts = [
        "## Workflow notes (kept by the swarm)",
        f"- {as_of(view)} Session {code(session.id) if session else 'none'}",
        f"- Campaign: {standing}",
        f"- Machine: {machine}",
        *_listed("Open incidents", [_open(each) for each in view.open_incidents()]),
        *_listed("Next steps", [_ahead(step) for step in view.steps.values() if step.status is not StepStatus.MET]),
        *_listed("Champions in force", [_champion(each) for each in view.champions.values() if each.is_in_force]),
        *_listed("Lessons", learned[:_LESSONS_SHOWN]),
    ]
    return "\n".join(parts)


def _open(incident: Incident) -> str:
    return f"{code(incident.id)}: {plain(incident.cause)}; {plain(incident.remedy)}"


def _listed(title: str, lines: list[str]) -> list[str]:
    return ["", f"### {title}", *(f"- {line}" for line in lines or ["none"])]


def _ahead(step: Step) -> str:
    return (
        f"{plain(step.what)}: {plain(step.expected_outcome)} (due {iso(step.due)[:16].replace('T', ' ')}, "
        f"{step.status.value})"
    )


def _champion(champion: Champion) -> str:
    return f"{code(champion.id)} {champion.mode}: annual Sharpe {figure(champion.oos_annual_sharpe)} out of sample"
