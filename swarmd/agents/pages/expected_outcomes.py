"""What was expected and what came of it: next steps, remedies and hypotheses, each beside its outcome.

The page of `WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md`: written from the records at the end of a phase or campaign, so
that the next session can check a promise instead of remembering it.
"""

from swarmd.agents.pages.markdown import figure, table
from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.words import several
from swarmd.state.records.hypothesis import HypothesisStatus
from swarmd.state.records.incident import Incident, IncidentStatus
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View

_INCIDENTS_SHOWN = 50


def expected_outcomes(view: View, now: Millis) -> str:
    """The whole page, Markdown, ending in a newline."""
    campaign = view.campaign
    head = "no campaign on record" if campaign is None else f"campaign `{campaign.id}` is {campaign.status.value}"
    sections = [
        "# Expected outcomes",
        f"Written {iso(now)[:19].replace('T', ' ')} UTC; {head}.",
        _steps(view),
        _remedies(view, now),
        _claims(view),
    ]
    return "\n\n".join(sections) + "\n"


def _steps(view: View) -> str:
    rows = [
        (step.what, step.expected_outcome, step.status.value, step.outcome, iso(step.due)[:16].replace("T", " "))
        for step in view.steps.values()
    ]
    if not rows:
        return "## Steps\n\nNone is on record."
    return f"## Steps\n\n{table(('step', 'expected', 'status', 'what came of it', 'due (UTC)'), rows)}"


def _remedies(view: View, now: Millis) -> str:
    """Each remedy with what it should have brought about, and whether it did in time."""
    known = sorted(view.incidents.values(), key=lambda each: each.opened_at)
    rows = [_remedy(incident, now) for incident in known[-_INCIDENTS_SHOWN:]]
    if not rows:
        return "## Remedies\n\nNothing had to be remedied."
    in_time = sum(1 for each in known if each.status is IncidentStatus.CLOSED and each.at <= each.due)
    told = f"{in_time} of {several(len(known), 'remedy', 'remedies')} did what was expected in time."
    more = f" The last {_INCIDENTS_SHOWN} are shown." if len(known) > _INCIDENTS_SHOWN else ""
    head = ("what happened", "remedy", "expected", "in time", "what came of it")
    return f"## Remedies\n\n{told}{more}\n\n{table(head, rows)}"


def _remedy(incident: Incident, now: Millis) -> tuple[str, ...]:
    if incident.status is not IncidentStatus.CLOSED:
        late = now - incident.due
        in_time = f"open, {spoken(late)} over its time" if late > 0 else "open"
    else:
        late = incident.at - incident.due
        in_time = f"{spoken(late)} late" if late > 0 else "yes"
    what = f"{in_words(incident.signature)}: `{incident.subject}`"
    return (what, incident.remedy, incident.expected, in_time, incident.outcome)


def _claims(view: View) -> str:
    rows = [
        (
            f"`{each.id}`",
            f"annual Sharpe out of sample above {each.threshold:g}",
            each.status.value.replace("_", " "),
            figure(each.measured),
            f"{each.tried:,}" if each.status is not HypothesisStatus.STATED else "",
            each.verdict,
        )
        for each in view.hypotheses.values()
    ]
    if not rows:
        return "## Hypotheses\n\nNone was stated."
    head = ("hypothesis", "claimed", "verdict", "measured", "tried", "in words")
    return f"## Hypotheses\n\n{table(head, rows, numbers=('measured', 'tried'))}"
