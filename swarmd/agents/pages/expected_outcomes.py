"""What was expected and what came of it: next steps, remedies and hypotheses, each beside its outcome.

The page of `WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md`: written from the records at the end of a phase or campaign, so
that the next session can check a promise instead of remembering it. The same records give the same page.
"""

from swarmd.agents.pages.as_of import as_of
from swarmd.agents.pages.learned import in_figures
from swarmd.agents.pages.markdown import code, figure, plain, table
from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.words import several
from swarmd.state.records.hypothesis import HypothesisStatus
from swarmd.state.records.incident import Incident, IncidentStatus
from swarmd.state.units import iso, spoken
from swarmd.state.view import View

_INCIDENTS_SHOWN = 50


def expected_outcomes(view: View) -> str:
    """The whole page, Markdown, ending in a newline."""
    campaign = view.campaign
    head = "No campaign is on record" if campaign is None else f"Campaign `{campaign.id}` is {campaign.status.value}"
    sections = [
        "# Expected outcomes",
        f"{as_of(view)} {head}.",
        _steps(view),
        _remedies(view),
        _claims(view),
    ]
    return "\n\n".join(sections) + "\n"


def _steps(view: View) -> str:
    rows = [
        (
            plain(step.what),
            plain(step.expected_outcome),
            step.status.value,
            plain(step.outcome),
            iso(step.due)[:16].replace("T", " "),
        )
        for step in view.steps.values()
    ]
    if not rows:
        return "## Steps\n\nNone is on record."
    return f"## Steps\n\n{table(('step', 'expected', 'status', 'what came of it', 'due (UTC)'), rows)}"


def _remedies(view: View) -> str:
    """Each remedy with what it should have brought about, and whether it did in time."""
    known = sorted(view.incidents.values(), key=lambda each: (each.opened_at, each.id))
    rows = [_remedy(incident) for incident in known[-_INCIDENTS_SHOWN:]]
    if not rows:
        return "## Remedies\n\nNothing had to be remedied."
    in_time = sum(1 for each in known if each.status is IncidentStatus.CLOSED and each.at <= each.due)
    told = f"{in_time} of {several(len(known), 'remedy', 'remedies')} did what was expected in time."
    more = f" The last {_INCIDENTS_SHOWN} are shown." if len(known) > _INCIDENTS_SHOWN else ""
    head = ("what happened", "remedy", "expected", "in time", "what came of it")
    return f"## Remedies\n\n{told}{more}\n\n{table(head, rows)}"


def _remedy(incident: Incident) -> tuple[str, ...]:
    if incident.status is not IncidentStatus.CLOSED:
        in_time = f"open, due {iso(incident.due)[:16].replace('T', ' ')}"
    else:
        late = incident.at - incident.due
        in_time = f"{spoken(late)} late" if late > 0 else "yes"
    what = f"{in_words(incident.signature)}: {code(incident.subject)}"
    return (what, plain(incident.remedy), plain(incident.expected), in_time, plain(incident.outcome))


def _claims(view: View) -> str:
    rows = [
        (
            code(each.id),
            in_figures(each),
            each.status.value.replace("_", " "),
            figure(each.measured),
            f"{each.tried:,}" if each.status is not HypothesisStatus.STATED else "",
            plain(each.verdict),
        )
        for each in view.hypotheses.values()
    ]
    if not rows:
        return "## Hypotheses\n\nNone was stated."
    head = ("hypothesis", "claimed", "verdict", "measured", "tried", "in words")
    return f"## Hypotheses\n\n{table(head, rows, numbers=('measured', 'tried'))}"
