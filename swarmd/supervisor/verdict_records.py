"""A verdict into the journal: actions with what follows from them, new refusals, scores, and the cycle itself.

Called between deciding and enacting. Nothing here touches the world; an agent that fails is an incident, not an end.
"""

from swarmd.agents.orchestration_consensus import Verdict
from swarmd.state.actions import Action, ActionTaken, Refusal
from swarmd.state.errors import InvariantError
from swarmd.state.records.gauge import Cycle
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.record import Record
from swarmd.state.units import MINUTE, Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.effects.records import consequences
from swarmd.supervisor.logs import log
from swarmd.supervisor.swarm import Swarm

# A standing refusal whose numbers change is told again at most this often.
_REFUSAL_EVERY: Millis = MINUTE


def record_verdict(swarm: Swarm, view: View, verdict: Verdict, now: Millis, *, late: Millis) -> list[ActionTaken]:
    """Journal what stands, what does not (when that is new), and what follows from it for the records."""
    refusals = [refusal for refusal in _refusals(verdict, now) if _is_new(refusal, view)]
    taken = []
    for index, (agent, action) in enumerate(verdict.taken):
        each = ActionTaken(
            id=f"a{swarm.number}-{index}", at=now, caused_by=action.caused_by, agent=agent, action=action
        )
        # Each against the picture as the former left it: two runs ordered in one cycle must not get one slot.
        try:
            follows = consequences(swarm.projection.view(), each, now)
        except (InvariantError, LookupError, ValueError) as error:
            # One action that cannot be carried out must not take the others' turn, cycle after cycle.
            log.exception("what %s of %s means for the records could not be told", action.kind, agent)
            swarm.record(agent_failed(view, agent, error, now))
            continue
        swarm.record([each, *follows])
        taken.append(each)
    records: list[Record] = [*refusals]
    if view.scores is None or _scores_moved(view, verdict):
        records.append(verdict.scores)
    if taken or refusals:
        records.append(
            Cycle(
                id=f"c{swarm.number}",
                at=now,
                number=swarm.number,
                took=round(swarm.took_ms[-1], 2) if swarm.took_ms else 0.0,
                late=late,
                wishes=len(verdict.taken) + len(verdict.refused),
                actions=len(taken),
                refusals=len(verdict.refused),
            )
        )
    swarm.record(records)
    return taken


def _refusals(verdict: Verdict, now: Millis) -> list[Refusal]:
    return [
        Refusal(
            id=f"{agent}/{action.kind}/{_target(action)}",
            at=now,
            caused_by=action.caused_by,
            agent=agent,
            action=action,
            because=because,
        )
        for agent, action, because in verdict.refused
    ]


def _target(action: Action) -> str:
    """What the action is about: the first of its own fields that names something."""
    for name in ("run", "job", "lane", "incident", "step", "source", "request", "campaign", "topic"):
        value = getattr(action, name, "")
        if value:
            return str(value)
    return action.kind


def _is_new(refusal: Refusal, view: View) -> bool:
    last = view.refusals.get(refusal.id)
    return last is None or (last.because != refusal.because and refusal.at - last.at >= _REFUSAL_EVERY)


def _scores_moved(view: View, verdict: Verdict) -> bool:
    last, new = view.scores, verdict.scores
    if last is None:
        return True
    names = ("adherence", "efficacy", "deviation", "performance", "efficiency")
    return any(abs(getattr(last, name) - getattr(new, name)) >= 0.05 for name in names)


# -- agents that fail --------------------------------------------------------------------------------------------------


def agent_failed(view: View, agent: str, error: Exception, now: Millis) -> list[Record]:
    """One open incident an agent, however often it fails until it has recovered."""
    if any(each.signature is Signature.AGENT_FAILED and each.subject == agent for each in view.open_incidents()):
        return []
    return [
        Incident(
            id=f"{agent}@{iso(now)}/{Signature.AGENT_FAILED}",
            at=now,
            status=IncidentStatus.OPEN,
            signature=Signature.AGENT_FAILED,
            subject=agent,
            agent="swarmd",
            opened_at=now,
            cause=f"{type(error).__name__}: {error}",
            remedy="its turn is lost each time; the other agents go on",
            expected="a corrected version",
            due=now + MINUTE,
            evidence=("logs/swarmd.log",),
        )
    ]


def agent_recovered(view: View, agent: str, now: Millis) -> list[Record]:
    return [
        incident.model_copy(
            update={"status": IncidentStatus.CLOSED, "at": now, "outcome": "it decided again without fault"}
        )
        for incident in view.open_incidents()
        if incident.signature is Signature.AGENT_FAILED and incident.subject == agent
    ]
