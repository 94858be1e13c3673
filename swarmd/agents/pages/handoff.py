"""The handoff page: what lets the next person, or the next session, carry on without asking.

Rendered from the View, for somebody who was asleep: what was asked, what came out, what can be trusted and why, what
broke and what was done, what to do next, how to reproduce it. It closes with commands that were really run.
"""

from collections.abc import Sequence

from swarmd.agents.pages.analysis import analysis, other_findings
from swarmd.agents.pages.asked import asked
from swarmd.agents.pages.incident_stories import what_broke
from swarmd.agents.pages.learned import claims, lessons
from swarmd.agents.pages.markdown import code, figure, plain, table
from swarmd.agents.pages.reproduce import reproduce
from swarmd.agents.pages.trust import best_in_one_line, trust
from swarmd.agents.pages.verdicts import Verdict, verdicts
from swarmd.agents.pages.verification import CommandOutput, in_one_line, verification
from swarmd.agents.rules.rungs import rungs, trials_saved
from swarmd.agents.rules.words import said_no, several
from swarmd.state.champion_words import evidence_in_words, standing_in_words
from swarmd.state.pipeline import phases_of
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.champion import Champion
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.run import RunEnded, RunStatus
from swarmd.state.records.step import StepStatus
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View


def handoff(view: View, now: Millis, *, evidence: Sequence[CommandOutput]) -> str:
    """The whole page, Markdown, ending in a newline."""
    campaign = view.campaign
    found = [] if campaign is None else verdicts(view, campaign)
    title = "no campaign" if campaign is None else f"{campaign.id} is {campaign.status.value}"
    sections = [
        f"# Handoff: {title}",
        _in_short(view, campaign, found, evidence, now),
        asked(campaign),
        _came_out(view, campaign, found),
        trust(view, campaign, evidence),
        what_broke(view, now),
        _findings(view),
        _next_steps(view, campaign, now),
        _resume(campaign),
        reproduce(view, campaign),
        _ran(view, campaign, now),
        analysis(view),
        verification(evidence),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _in_short(
    view: View, campaign: Campaign | None, found: list[Verdict], evidence: Sequence[CommandOutput], now: Millis
) -> str:
    """What is read where nothing else is: one line for each of the page's questions."""
    session = view.session or next(reversed([*view.sessions.values()]), None)
    written = f"Written {iso(now)[:19].replace('T', ' ')} UTC" + (f", session {code(session.id)}." if session else ".")
    if campaign is None:
        return f"{written}\n\nThere is no campaign on record: nothing was asked, nothing was run."
    lines = [
        f"**Asked:** does {code(campaign.settings.strategy.name)} have an edge on "
        f"{several(len(campaign.settings.symbols()), 'asset')} in "
        f"{several(len(campaign.settings.strategy.modes), 'mode')}, "
        "after costs, on data it was not searched on?",
        f"**Came out:** {_outcome(view, campaign, found)}",
        f"**Trust:** {best_in_one_line(view, campaign)} {in_one_line(evidence)}",
        f"**Broke:** {_trouble(view)}",
        f"**Next:** {_advice(view, campaign)}",
    ]
    return f"{written}\n\n" + "\n".join(f"- {line}" for line in lines)


def _outcome(view: View, campaign: Campaign, found: list[Verdict]) -> str:
    jobs = view.jobs_of_campaign()
    settled = sum(1 for job in jobs if job.status is not JobStatus.QUEUED)
    crowned = [verdict for verdict in found if verdict.is_champion]
    own = {job.id for job in jobs}
    tried = sum(result.summary.tried for result in view.results.values() if result.job in own)
    names = ", ".join(f"{verdict.symbol} {verdict.mode}" for verdict in crowned)
    told = (
        f"**{several(len(crowned), 'champion')}**{f' ({names})' if names else ''} out of "
        f"{several(len(found), 'asset and mode', 'assets and modes')}; {settled} of {len(jobs)} jobs settled, "
        f"{tried:,} parameter vectors tried. {_ending(campaign)}."
    )
    if crowned or campaign.status is not CampaignStatus.DONE:
        return told
    if any(job.phase in (Phase.SCREEN, Phase.GUARDS, Phase.VALIDATE) and said_no(view, job) for job in jobs):
        return f"{told} No champion is an answer: nothing that was tried kept its promise on data it had not seen."
    return f"{told} **The question was not answered**: no finalist came as far as the judgement; the verdicts say why."


def _ending(campaign: Campaign) -> str:
    why = plain(campaign.reason)
    if campaign.status is CampaignStatus.ACTIVE:
        return "It has not ended"
    if campaign.status is CampaignStatus.PAUSED:
        return f"It has not ended, and is paused{f': {why}' if why else ''}"
    return f"Why it ended: {why or 'nobody said'}"


def _trouble(view: View) -> str:
    opened = len(view.open_incidents())
    well = sum(1 for each in view.incidents.values() if each.is_verified)
    total = len(view.incidents)
    if not total:
        return "nothing; 0 incidents on record."
    told = f"{several(total, 'incident')} on record, {well} of them mended as hoped, **{opened} open**."
    if not opened:
        return told.replace("**", "")
    first = view.open_incidents()[0]
    return f"{told} The first that is open: {code(first.id)}, {plain(first.cause, 200)}."


def _ran(view: View, campaign: Campaign | None, now: Millis) -> str:
    rows = []
    for phase in Phase:
        jobs = {job.id for job in view.jobs_of_campaign() if job.phase is phase}
        runs = [run for run in view.runs.values() if run.job in jobs]
        if not runs:
            continue
        ended = [run for run in runs if isinstance(run, RunEnded)]
        lost = sum(1 for run in ended if run.status is not RunStatus.DONE)
        tried = sum(result.summary.tried for result in view.results.values() if result.job in jobs)
        worked = spoken(sum(run.ended_at - run.ordered_at for run in ended))
        waiting = sum(1 for job in jobs if view.jobs[job].status is JobStatus.QUEUED)
        rows.append((phase.value, *map(str, (len(jobs), waiting, len(runs), lost)), f"{tried:,}", worked))
    session = view.session
    length = (
        f"This session lasted {spoken(now - session.at)} on {code(session.host)}" if session else "No session is open"
    )
    intro = f"{length}; {several(len(view.sessions), 'session')} on record, {several(len(view.lanes), 'lane')}."
    if not rows:
        return f"## What was run\n\n{intro} No run was started."
    head = ("phase", "jobs", "still to do", "runs", "runs lost", "tried", "lane time")
    parts = ["## What was run", intro, table(head, rows, numbers=head[1:]), *_saved(view, campaign)]
    return "\n\n".join(parts)


def _saved(view: View, campaign: Campaign | None) -> list[str]:
    """What the rungs of the search left undone, of the searches that have come to their end."""
    if campaign is None or not campaign.settings.rungs():
        return []
    saved = trials_saved(view, campaign)
    if not saved.searches:
        return []
    searches = several(saved.searches, "search", "searches")
    return [
        f"{saved.spent:,} of {saved.asked:,} trials spent in {searches}; {saved.share:.0%} saved by rungs, which "
        f"stopped {saved.stopped}."
    ]


def _came_out(view: View, campaign: Campaign | None, found: list[Verdict]) -> str:
    parts = ["## What came out"]
    if campaign is not None and found:
        parts.append("\n".join(f"- **{v.symbol} {v.mode}.** {plain(v.sentence.rstrip('.'))}." for v in found))
        head = ("asset", "mode", *(phase.value for phase in phases_of(campaign.settings)), "tried")
        rows = [(v.symbol, v.mode, *v.marks, f"{v.tried:,}") for v in found]
        parts += [
            table(head, rows, numbers=("tried",)),
            "*no*: the phase answered, and the answer was no. *stopped*: its search fell behind at a rung. "
            "*·*: not tried, because an earlier phase had ended it.",
        ]
    parts += ["### Champions in force", *_champions(view)]
    if campaign is not None and (stated := claims(view, campaign.id)):
        parts += ["### What was claimed before, and what became of it", stated]
    if campaign is not None and (learned := lessons(view, campaign.id)):
        parts += ["### Lessons", learned]
    return "\n\n".join(parts)


def _champions(view: View) -> list[str]:
    rows = [
        (
            f"{c.symbol} {c.timeframe}",
            f"{plain(c.strategy)} {c.mode}",
            *(figure(value) for value in (c.score, c.annual_sharpe, c.oos_annual_sharpe, c.promise)),
            f"{c.tried:,}",
            c.campaign,
            code(c.path),
            evidence_in_words(c.e_value, c.days) or "·",
        )
        for c in view.champions.values()
        if c.is_in_force
    ]
    head = (
        "niche",
        "strategy",
        "score",
        "in sample",
        "out of sample",
        "promise",
        "tried",
        "campaign",
        "file",
        "monitor",
    )
    in_force = table(head, rows, numbers=head[2:7]) if rows else "None."
    others = [_no_more(champion) for champion in view.champions.values() if not champion.is_in_force]
    return [in_force, *(["No longer in force, and nobody follows:", "\n".join(others)] if others else [])]


def _no_more(champion: Champion) -> str:
    stands = standing_in_words(champion.status.value, note=champion.note, e_value=champion.e_value, days=champion.days)
    return f"- {code(champion.id)} {plain(champion.strategy)} {champion.mode}: {plain(stands)}"


def _findings(view: View) -> str:
    told = "\n".join(f"- {finding.agent}: {plain(finding.text)}" for finding in other_findings(view))
    return f"### Also worth knowing\n\n{told}" if told else ""


def _next_steps(view: View, campaign: Campaign | None, now: Millis) -> str:
    steps = [step for step in view.steps.values() if step.status is not StepStatus.MET]
    rows = [
        (
            plain(step.what),
            plain(step.expected_outcome),
            f"{iso(step.due)[:16].replace('T', ' ')}{' (overdue)' if step.due < now else ''}",
            step.status.value,
            plain(step.outcome),
        )
        for step in steps
    ]
    rows += [
        ("look at it", plain(incident.expected), iso(incident.due)[:16].replace("T", " "), "open", code(incident.id))
        for incident in view.open_incidents()
    ]
    advice = _advice(view, campaign)
    if not rows:
        return f"## What to do next\n\n{advice}"
    head = ("step", "expected outcome", "due (UTC)", "status", "so far")
    return f"## What to do next\n\n{table(head, rows)}\n\n{advice}"


def _advice(view: View, campaign: Campaign | None) -> str:
    if campaign is None:
        return "Write a campaign file and start it; expected: its jobs are queued within a cycle."
    quarantined = [job for job in view.jobs_of_campaign() if job.status is JobStatus.QUARANTINED]
    if quarantined:
        return (
            f"{several(len(quarantined), 'job')} in quarantine (first {code(quarantined[0].id)}): read the "
            f"evidence, mend the cause, and give it a fresh start ({code(f'swarmd retry {quarantined[0].id}')}, with a "
            "daemon alive); expected: a verdict instead of a quarantine."
        )
    if campaign.status is CampaignStatus.DONE:
        crowned = [each for each in view.champions.values() if each.is_in_force and each.campaign == campaign.id]
        decide = (
            f"decide about {several(len(crowned), 'champion')} by “What can be trusted” on this page (first "
            f"{code(f'swarmd champion show {crowned[0].symbol} {crowned[0].timeframe}')}); a daemon that runs "
            "holds each to "
            "its promise. Nothing else"
            if crowned
            else "nothing"
        )
        told = (
            f"{decide} is left to do for this question; a new question is a new campaign file with a name of its own."
        )
        return told[:1].upper() + told[1:]
    if campaign.status is CampaignStatus.CANCELLED:
        return "Nothing: it was cancelled, and what was not judged stays so. A new question is a new campaign file."
    left = [job for job in view.jobs_of_campaign() if job.status is JobStatus.QUEUED]
    return f"{several(len(left), 'job')} still to do{_first(view, left)}; expected: each is settled, none is run twice."


def _first(view: View, left: list[Job]) -> str:
    ready = [job for job in left if not view.waits_for(job) and not rungs(view).holds(job)]
    return f", {len(ready)} of them ready (first {code(ready[0].id)})" if ready else ""


def _resume(campaign: Campaign | None) -> str:
    commands = [
        ("swarmd start", "take the last campaign up where it stands; work that is done is not done again"),
        ("swarmd start --until-done --detach", "the same, unattended, and leave when it is done"),
        ("swarmd status", "goal, lanes, incidents, champions on one screen"),
        ("swarmd query --json", "the same for programs; works with the daemon dead"),
        ("swarmd explain ID", "why: from any id on this page back to what was seen"),
    ]
    if campaign is None:
        commands[:2] = [("swarmd start CAMPAIGN.yaml", "begin a campaign")]
    elif campaign.status in (CampaignStatus.DONE, CampaignStatus.CANCELLED):
        commands[:2] = [(f"swarmd summarize {campaign.id}", "totals and the best of this campaign")]
    elif campaign.status is CampaignStatus.PAUSED:
        commands[:1] = [("swarmd resume", "go on, with the daemon alive"), *commands[:1]]
    width = max(len(command) for command, _ in commands)
    lines = "\n".join(f"{command:<{width}}  # {words}" for command, words in commands)
    return f"### To go on\n\n```sh\n{lines}\n```"
