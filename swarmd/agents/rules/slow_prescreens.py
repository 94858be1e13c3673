"""What to do about a prescreen far below this machine's record: an incident, a remedy, and what came of it.

Called by the controller of the machine's use, whose lanes are the remedy. A slow run is no lost run: it has its result,
and nothing here stops or repeats one. The next prescreen of the same work tells whether the remedy was one.
"""

from swarmd.agents.rules.signatures import incident_id, open_incident_about
from swarmd.agents.rules.throughput import (
    REST,
    RESTFUL,
    Cause,
    Slowdown,
    newest_judged,
    slowdown,
    told,
)
from swarmd.agents.rules.verification import Outcome, closed
from swarmd.state.actions import Action, OpenIncident, SetLane
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.throughput import Throughput
from swarmd.state.units import DAY, Millis, spoken
from swarmd.state.view import View

_SLOW = Signature.THROUGHPUT_REGRESSION


def about_slow_prescreens(view: View, now: Millis) -> list[Action]:
    """New incidents with what is done at once, and the closing of those whose work was measured again."""
    newest = newest_judged(view)
    wishes: list[Action] = []
    for work, run in newest.items():
        slow = slowdown(run, view.policy)
        incident = incident_id(work, _SLOW, run.at)
        if slow is None or incident in view.incidents or open_incident_about(view, work, _SLOW) is not None:
            continue
        wishes += _opened(view, incident, slow, now)
    for known in view.open_incidents():
        if known.signature is _SLOW and (outcome := _outcome(view, known, newest.get(known.subject), now)):
            wishes.append(closed(known, outcome))
    return wishes


def _opened(view: View, incident: str, slow: Slowdown, now: Millis) -> list[Action]:
    lanes = [lane for lane in view.open_lanes if not lane.is_on_gpu]
    # The last lane is never taken: slow work is better than none.
    rested = lanes[-1] if slow.cause in RESTFUL and len(lanes) > 1 else None
    causes = (slow.of.id, slow.of.against)
    reason = told(slow)
    opened = OpenIncident(
        incident=incident,
        signature=_SLOW,
        subject=slow.of.speed.work,
        remedy=_remedy(slow, rested, len(lanes)),
        expected=f"the next prescreen of this work reaches {slow.limit:.0%} of the record again",
        due=now + DAY,
        reason=reason,
        caused_by=causes,
    )
    if rested is None:
        return [opened]
    why = f"{slow.cause.value}: a prescreen came to {slow.share:.0%} of the record (limit {slow.limit:.0%})"
    return [opened, SetLane(lane=rested.id, status=LaneStatus.HELD, reason=why, caused_by=causes)]


def _remedy(slow: Slowdown, rested: Lane | None, n_open: int) -> str:
    kept = "its result counts"
    match slow.cause:
        case Cause.COLD_CACHE:
            return f"{kept}; the kernels are compiled now and kept, `swarmd warm` compiles them beforehand"
        case cause if cause in RESTFUL and rested is not None:
            return (
                f"{kept}; {rested.id} takes nothing new for {spoken(REST)}, or until a prescreen of this work is as "
                "fast as it was"
            )
        case cause if cause in RESTFUL:
            return f"{kept}; no lane can be spared ({n_open} open), see what else uses this machine"
        case _:
            return (
                f"{kept}; nothing is run again: a person should see what is different on this machine since the record"
            )


def _outcome(view: View, incident: Incident, run: Throughput | None, now: Millis) -> Outcome | None:
    """What came of it; None as long as the work was not measured again in time."""
    after = spoken(now - incident.opened_at)
    if run is not None and slowdown(run, view.policy) is None:
        speed, mark = run.speed, run.mark
        if mark is None:
            began = f"{run.id} began a new record of {speed.per_cpu:.3g} combo-bars per processor second"
            return Outcome(f"{began}, {after} later")
        cpu, wall = speed.per_cpu / mark.per_cpu, speed.per_thread / mark.per_thread
        reached = f"{cpu:.0%} of the record in processor time and {wall:.0%} by the clock"
        return Outcome(f"{run.id} reached {reached}, {after} later")
    if now <= incident.due:
        return None
    if run is None or run.at <= incident.opened_at:
        return Outcome(f"not verified: no prescreen of this work was measured in {after}", is_verified=False)
    still = f"still slow after {after}, the last time in {run.id}: what was done about it was no remedy"
    return Outcome(still, is_verified=False)
