"""The failure memory as records: one more seen when an incident is opened, one more judged when it is closed.

Called by `records`, in the commit of the action itself; pure. `agents.rules.remedies` begins its ladders by these
tallies, and `failure_memory` carries them from one journal to the next.
"""

from swarmd.state.records.failure import Failure, Tally, failure_id
from swarmd.state.records.incident import Incident
from swarmd.state.records.remedy import Remedy
from swarmd.state.units import Millis
from swarmd.state.view import View

_INCIDENTS_KEPT = 5
# These end a job: whether they "helped" is no question of a run that works again.
_LAST = frozenset({Remedy.QUARANTINE, Remedy.FAIL})


def seen(view: View, incident: Incident, at: Millis) -> Failure:
    """The failure point of this incident, seen once more."""
    known = _known(view, incident, at)
    latest = (*known.last_incidents, incident.id)[-_INCIDENTS_KEPT:]
    return known.model_copy(
        update={
            "at": at,
            "caused_by": incident.caused_by,
            "count": known.count + 1,
            "last_seen": at,
            "last_cause": incident.cause,
            "last_incidents": latest,
        }
    )


def judged(view: View, incident: Incident, at: Millis) -> list[Failure]:
    """The tally of the remedy that was tried, where it has a name and could have helped."""
    if incident.rung is None or incident.rung in _LAST:
        return []
    known = _known(view, incident, at)
    before = known.remedies.get(incident.rung.value, Tally())
    after = Tally(tried=before.tried + 1, verified=before.verified + int(incident.is_verified))
    remedies = {**known.remedies, incident.rung.value: after}
    return [known.model_copy(update={"at": at, "caused_by": incident.caused_by, "remedies": remedies})]


def _known(view: View, incident: Incident, at: Millis) -> Failure:
    name = failure_id(incident.signature, incident.phase)
    known = view.failures.get(name)
    if known is not None:
        return known
    return Failure(
        id=name,
        at=at,
        signature=incident.signature,
        phase=incident.phase,
        count=0,
        first_seen=at,
        last_seen=at,
        last_cause=incident.cause,
    )
