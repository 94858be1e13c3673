"""What broke, and what was done about it: each incident as a short story for somebody who was asleep.

Evidence, decision, remedy, outcome. A night with hundreds of incidents is told by kind first; the stories below are
those that are open, then the newest of each kind, so that nothing rare hides behind what is common.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from swarmd.agents.pages.markdown import code, plain, table
from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.remedies import success
from swarmd.agents.rules.words import several
from swarmd.state.actions import ActionTaken, OpenIncident
from swarmd.state.records.failure import failure_id
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View

_STORIES_MAX = 12
_OF_A_KIND = 2


def what_broke(view: View, now: Millis) -> str:
    known = sorted(view.incidents.values(), key=lambda each: (each.opened_at, each.id))
    if not known:
        return "## What broke, and what was done\n\nNothing."
    opened = [each for each in known if each.status is not IncidentStatus.CLOSED]
    chosen = told_in_full(known)
    orders = {taken.action.incident: taken for taken in view.actions.values() if isinstance(taken.action, OpenIncident)}
    stories = [_story(view, each, orders.get(each.id), now) for each in chosen]
    still = (
        f"**{len(opened)} of them {'is' if len(opened) == 1 else 'are'} still open.**"
        if opened
        else "All of them are over."
    )
    parts = ["## What broke, and what was done", f"{several(len(known), 'incident')}. {still}", _by_kind(view, known)]
    if len(chosen) < len(known):
        parts.append(
            f"{len(chosen)} of {len(known)} in full: those still open, then the newest of each kind. "
            "`swarmd query incidents` lists all of them, `swarmd explain ID` tells any of them."
        )
    return "\n\n".join([*parts, *stories])


def told_in_full(known: Sequence[Incident]) -> list[Incident]:
    """In the order in which they happened."""
    opened = [each for each in known if each.status is not IncidentStatus.CLOSED]
    by_kind: dict[Signature, list[Incident]] = defaultdict(list)
    for each in known:
        if each.status is IncidentStatus.CLOSED:
            by_kind[each.signature].append(each)
    rounds = [kind[-1 - depth] for depth in range(_OF_A_KIND) for kind in by_kind.values() if depth < len(kind)]
    chosen = {each.id for each in [*opened, *rounds][:_STORIES_MAX]}
    return [each for each in known if each.id in chosen]


def _by_kind(view: View, known: Sequence[Incident]) -> str:
    rows = []
    for signature in dict.fromkeys(each.signature for each in known):
        of_kind = [each for each in known if each.signature is signature]
        closed = [each for each in of_kind if each.status is IncidentStatus.CLOSED]
        took = sorted(each.at - each.opened_at for each in closed)
        well = sum(1 for each in closed if each.is_verified)
        in_time = sum(1 for each in closed if each.at <= each.due)
        rows.append(
            (
                in_words(signature),
                str(len(of_kind)),
                f"{well} of {len(of_kind)}",
                f"{in_time} of {len(of_kind)}",
                spoken(max(0, took[len(took) // 2])) if took else "–",
                _record(view, signature, {each.phase for each in of_kind}),
            )
        )
    head = ("what", "times", "as hoped", "in time", "typically took", "remedies by their record (all time)")
    return table(head, rows, numbers=("times",))


def _record(view: View, signature: Signature, phases: set[str]) -> str:
    """What the failure memory holds of it: how often each remedy was tried, and how often work went on after it."""
    tallies: dict[str, list[int]] = {}
    for phase in sorted(phases):
        failure = view.failures.get(failure_id(signature, phase))
        for name, tally in (failure.remedies if failure is not None else {}).items():
            counted = tallies.setdefault(name, [0, 0])
            counted[0] += tally.verified
            counted[1] += tally.tried
    return ", ".join(f"{name.replace('_', ' ')} {well} of {tried}" for name, (well, tried) in sorted(tallies.items()))


def _story(view: View, incident: Incident, order: ActionTaken | None, now: Millis) -> str:
    is_closed = incident.status is IncidentStatus.CLOSED
    end = incident.at if is_closed else now
    took = spoken(max(0, end - incident.opened_at))
    when = iso(incident.opened_at)[:19].replace("T", " ")
    length = f"over after {took}" if is_closed else f"open for {took}"
    title = f"### {when} UTC: {in_words(incident.signature)}: {code(incident.subject)}, {length}"
    kept = ", ".join(code(path) for path in incident.evidence)
    action = f" ({code(order.id)})" if order is not None else ""
    rung = f" Tried: {incident.rung.value.replace('_', ' ')}{_by_then(view, incident)}." if incident.rung else ""
    if is_closed:
        hoped = "as hoped" if incident.is_verified else "**not what was hoped for**"
        late = incident.at - incident.due
        outcome = f"{plain(incident.outcome)} ({hoped}, {f'{spoken(late)} late' if late > 0 else 'in time'})."
    else:
        late = now - incident.due
        outcome = f"**nothing yet**{f', {spoken(late)} over its time' if late > 0 else ''}."
    lines = [
        f"**Seen:** {plain(incident.cause)}." + (f" Evidence kept: {kept}." if kept else ""),
        f"**Decided** by {incident.agent}{action}: {plain(incident.remedy)}.{rung}",
        f"**Expected:** {plain(incident.expected)}, by {iso(incident.due)[11:19]}.",
        f"**Came of it:** {outcome}",
        f"The whole chain: {code(f'swarmd explain {incident.id}')}",
    ]
    return f"{title}\n\n" + "\n".join(f"- {line}" for line in lines)


def _by_then(view: View, incident: Incident) -> str:
    failure = view.failures.get(failure_id(incident.signature, incident.phase))
    tallies: Mapping[str, object] = {} if failure is None else failure.remedies
    if failure is None or incident.rung is None or incident.rung.value not in tallies:
        return ""
    tally = failure.remedies[incident.rung.value]
    return f", which has helped {tally.verified} of {tally.tried} times by now ({success(tally):.0%} likely to help)"
