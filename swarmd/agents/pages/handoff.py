"""The handoff page: what lets the next person, or the next session, carry on without asking.

Rendered from the View at the end of a session or campaign. It opens with what a reader wants to know at seven in the
morning, and closes with commands that were really run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from swarmd.agents.pages.analysis import analysis, other_findings
from swarmd.agents.pages.markdown import fenced, figure, table
from swarmd.agents.pages.troubles import incident_rows
from swarmd.agents.pages.verdicts import Verdict, verdicts
from swarmd.agents.rules.rungs import rungs, trials_saved
from swarmd.agents.rules.words import said_no, several
from swarmd.state.champion_words import evidence_in_words, standing_in_words
from swarmd.state.pipeline import phases_of
from swarmd.state.records.campaign import Campaign, CampaignSettings, CampaignStatus
from swarmd.state.records.champion import Champion
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.run import RunEnded, RunStatus
from swarmd.state.records.step import StepStatus
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View

_INCIDENTS_SHOWN = 30
_FIGURES = (
    ("score", "score"),
    ("annual_sharpe", "annual Sharpe, in sample"),
    ("oos_annual_sharpe", "annual Sharpe, out of sample"),
    ("oos_total_return", "return, out of sample"),
    ("oos_max_drawdown", "max drawdown, out of sample"),
    ("oos_trades", "trades, out of sample"),
)


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """A command that was really run, and what it said."""

    command: str
    exit_code: int
    output: str


def handoff(view: View, now: Millis, *, evidence: Sequence[CommandOutput]) -> str:
    """The whole page, Markdown, ending in a newline."""
    campaign = view.campaign
    found = [] if campaign is None else verdicts(view, campaign)
    title = "no campaign" if campaign is None else f"{campaign.id} is {campaign.status.value}"
    sections = [
        f"# Handoff: {title}",
        _in_short(view, campaign, found, now),
        _asked(campaign),
        _ran(view, campaign, now),
        _verdicts(campaign, found),
        analysis(view),
        _champions(view),
        _incidents(view, now),
        _next_steps(view, campaign, now),
        _resume(campaign),
        _evidence(evidence),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _in_short(view: View, campaign: Campaign | None, found: list[Verdict], now: Millis) -> str:
    session = view.session
    lines = [f"Written {iso(now)[:19].replace('T', ' ')} UTC" + (f", session `{session.id}`." if session else ".")]
    if campaign is None:
        return "\n\n".join([*lines, "There is no campaign on record: nothing was asked, nothing was run."])
    jobs = view.jobs_of_campaign()
    settled = sum(1 for job in jobs if job.status is not JobStatus.QUEUED)
    crowned = [verdict for verdict in found if verdict.sentence.startswith("Champion")]
    own = {job.id for job in jobs}
    tried = sum(result.summary.tried for result in view.results.values() if result.job in own)
    names = ", ".join(f"{verdict.symbol} {verdict.mode}" for verdict in crowned)
    opened = len(view.open_incidents())
    lines.append(
        f"**{several(len(crowned), 'champion')}**{f' ({names})' if names else ''} out of "
        f"{several(len(found), 'asset and mode', 'assets and modes')}; {settled} of {len(jobs)} jobs settled, "
        f"{tried:,} parameter vectors tried. {several(len(view.incidents), 'incident')} on record, "
        f"{opened} open. Why it ended: {campaign.reason or 'it has not'}."
    )
    if not crowned and campaign.status is CampaignStatus.DONE:
        if any(job.phase in (Phase.SCREEN, Phase.GUARDS, Phase.VALIDATE) and said_no(view, job) for job in jobs):
            lines.append("No champion is an answer: nothing that was tried kept its promise on data it had not seen.")
        else:
            lines.append(
                "**The question was not answered**: no finalist came as far as the screen; the verdicts say why."
            )
    return "\n\n".join(lines)


def _asked(campaign: Campaign | None) -> str:
    if campaign is None:
        return ""
    asked = campaign.settings
    data = asked.data
    span = f"{data.start or 'the first bar'} to {data.end or 'the last'}"
    prescreen, refine = asked.search.prescreen, asked.search.refine
    rows = [
        ("campaign file", f"`{campaign.file}`, settings digest `{campaign.digest[:12]}`"),
        ("strategy", f"`{asked.strategy.name}`, modes {', '.join(asked.strategy.modes)}"),
        *((f"assets, {tier}", ", ".join(symbols)) for tier, symbols in asked.assets.tiers.items()),
        ("data", f"{data.interval} bars in `{data.root}`, {span}; the last {data.oos_share:.0%} kept unseen"),
        ("search", f"{prescreen.combos:,} combinations an asset and mode (seed {prescreen.seed}), top {prescreen.top}"),
        ("refinement", f"{_method_asked(asked)} (seed {refine.seed}){_rungs_asked(asked)}"),
        ("costs", f"fee {asked.costs.fee_bps:g} bps, slippage {asked.costs.slippage_bps:g} bps"),
        (
            "gates",
            f"at least {asked.constraints.min_trades} trades, drawdown at most {asked.constraints.max_drawdown:.2f}, "
            f"{_judged_by(asked)} at alpha {asked.validation.alpha:g}",
        ),
        *_second_asked(asked),
    ]
    return f"## What was asked\n\n{table(('what', 'as asked'), rows)}"


def _judged_by(asked: CampaignSettings) -> str:
    validation = asked.validation
    if not asked.asks_evidence:
        return validation.screen
    also = f" and {validation.strict}" if validation.crown_on == "both" else ""
    return f"evidence of up to {validation.surrogates} surrogate markets and the vault{also}"


def _second_asked(asked: CampaignSettings) -> list[tuple[str, str]]:
    """Nothing where the screen crowns."""
    if not asked.is_strict:
        return []
    again = asked.search.reoptimize
    important = ", ".join(asked.important()) or "no asset"
    return [
        ("second search", f"{again.trials:,} trials on all development data, {again.window_trials:,} in each window"),
        ("guards", f"{asked.validation.strict} on the unseen part; other displacements for {important}"),
    ]


def _method_asked(asked: CampaignSettings) -> str:
    search = asked.search
    trials = "every point of a grid" if search.procedure == "grid" else f"{search.refine.trials:,} trials"
    method = "" if search.procedure == "grid" else f" with {search.procedure}"
    walked = f", walked forward over {search.walk_forward.windows} windows" if search.method == "walk_forward" else ""
    return f"{trials}{method}{walked}"


def _rungs_asked(asked: CampaignSettings) -> str:
    rungs = ", ".join(map(str, asked.rungs()))
    return f", in cohorts of {asked.assets.batch_size} with rungs after {rungs}" if rungs else ""


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
    length = f"This session lasted {spoken(now - session.at)} on `{session.host}`" if session else "No session is open"
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


def _verdicts(campaign: Campaign | None, found: list[Verdict]) -> str:
    if campaign is None or not found:
        return ""
    sentences = "\n".join(f"- **{v.symbol} {v.mode}.** {v.sentence.rstrip('.')}." for v in found)
    head = ("asset", "mode", *(phase.value for phase in phases_of(campaign.settings)))
    phases = table(head, [(v.symbol, v.mode, *v.marks) for v in found])
    rows = [
        (v.symbol, v.mode, f"{v.tried:,}", *(figure(v.figures.get(name)) for name, _ in _FIGURES))
        for v in found
        if any(name in v.figures for name, _ in _FIGURES)
    ]
    head = ("asset", "mode", "tried", *(words for _, words in _FIGURES))
    figures = f"\n\n{table(head, rows, numbers=head[2:])}" if rows else ""
    legend = (
        "*no*: the phase answered, and the answer was no. *stopped*: its search fell behind at a rung. "
        "*·*: not tried, because an earlier phase had ended it."
    )
    return f"## Verdicts\n\n{sentences}\n\n{phases}\n\n{legend}{figures}"


def _champions(view: View) -> str:
    rows = [
        (
            f"{c.symbol} {c.timeframe}",
            f"{c.strategy} {c.mode}",
            *(figure(value) for value in (c.score, c.annual_sharpe, c.oos_annual_sharpe)),
            f"{c.tried:,}",
            c.campaign,
            f"`{c.path}`",
            evidence_in_words(c.e_value, c.days) or "·",
        )
        for c in view.champions.values()
        if c.is_in_force
    ]
    head = ("niche", "strategy", "score", "in sample", "out of sample", "tried", "campaign", "file", "monitor")
    in_force = table(head, rows, numbers=head[2:6]) if rows else "None."
    others = [_no_more(champion) for champion in view.champions.values() if not champion.is_in_force]
    told = ["No longer in force, and nobody follows:", "\n".join(others)] if others else []
    return "\n\n".join(["## Champions in force", in_force, *told])


def _no_more(champion: Champion) -> str:
    stands = standing_in_words(champion.status.value, note=champion.note, e_value=champion.e_value, days=champion.days)
    return f"- `{champion.id}` {champion.strategy} {champion.mode}: {stands}"


def _incidents(view: View, now: Millis) -> str:
    rows = incident_rows(view, now, latest=_INCIDENTS_SHOWN)
    signatures = Counter(incident.signature.value for incident in view.incidents.values())
    by_kind = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in signatures.most_common())
    told = "\n".join(f"- {finding.agent}: {finding.text}" for finding in other_findings(view))
    parts = ["## Incidents", *([f"{by_kind}.", rows] if rows else ["None."])]
    if told:
        parts += ["Also worth knowing:", told]
    return "\n\n".join(parts)


def _next_steps(view: View, campaign: Campaign | None, now: Millis) -> str:
    steps = [step for step in view.steps.values() if step.status is not StepStatus.MET]
    rows = [
        (
            step.what,
            step.expected_outcome,
            f"{iso(step.due)[:16].replace('T', ' ')}{' (overdue)' if step.due < now else ''}",
            step.status.value,
            step.outcome,
        )
        for step in steps
    ]
    rows += [
        ("look at it", incident.expected, iso(incident.due)[:16].replace("T", " "), "open", f"`{incident.id}`")
        for incident in view.open_incidents()
    ]
    advice = _advice(view, campaign)
    if not rows:
        return f"## Next steps\n\n{advice}"
    head = ("step", "expected outcome", "due (UTC)", "status", "so far")
    return f"## Next steps\n\n{table(head, rows)}\n\n{advice}"


def _advice(view: View, campaign: Campaign | None) -> str:
    if campaign is None:
        return "Write a campaign file and start it; expected: its jobs are queued within a cycle."
    quarantined = [job for job in view.jobs_of_campaign() if job.status is JobStatus.QUARANTINED]
    if quarantined:
        return (
            f"{several(len(quarantined), 'job')} in quarantine (first `{quarantined[0].id}`): read the evidence, mend "
            "the cause, and ask again under a new campaign name; expected: a verdict instead of a quarantine."
        )
    if campaign.status is CampaignStatus.DONE:
        return "Nothing is left to do for this question. A new question is a new campaign file with a name of its own."
    left = [job for job in view.jobs_of_campaign() if job.status is JobStatus.QUEUED]
    return f"{several(len(left), 'job')} still to do{_first(view, left)}; expected: each is settled, none is run twice."


def _first(view: View, left: list[Job]) -> str:
    ready = [job for job in left if not view.waits_for(job) and not rungs(view).holds(job)]
    return f", {len(ready)} of them ready (first `{ready[0].id}`)" if ready else ""


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
    elif campaign.status is CampaignStatus.DONE:
        commands[:2] = [(f"swarmd summarize {campaign.id}", "totals and the best of this campaign")]
    elif campaign.status is CampaignStatus.PAUSED:
        commands[:1] = [("swarmd resume", "go on, with the daemon alive"), *commands[:1]]
    width = max(len(command) for command, _ in commands)
    lines = "\n".join(f"{command:<{width}}  # {words}" for command, words in commands)
    return f"## How to resume\n\n```sh\n{lines}\n```"


def _evidence(evidence: Sequence[CommandOutput]) -> str:
    if not evidence:
        return "## Evidence\n\nNo command was run for this page."
    blocks = [f"`{each.command}` ended with exit code {each.exit_code}.\n\n{fenced(each.output)}" for each in evidence]
    return "## Evidence\n\nCommands run when this page was written, with what they said.\n\n" + "\n\n".join(blocks)
