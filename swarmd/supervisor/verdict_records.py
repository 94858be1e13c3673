"""A verdict into the journal: actions with what follows from them, new refusals, scores, and the cycle itself.

Called between deciding and enacting, by the cycle and by whoever simulates one; ``redeciding`` asks the same questions
of the past. Nothing here touches the world; an agent that fails is an incident, not an end.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from swarmd.agents.orchestration_consensus import Verdict
from swarmd.state.actions import Action, ActionTaken, Refusal
from swarmd.state.errors import InvariantError
from swarmd.state.projection import Projection
from swarmd.state.records.gauge import Cycle, Gauge, Scores
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.record import Record
from swarmd.state.units import MINUTE, Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.effects.records import consequences
from swarmd.supervisor.logs import log

# A standing refusal whose numbers change is told again at most this often.
_REFUSAL_EVERY: Millis = MINUTE
# How many cycles that decided nothing the next one that does can name: ten minutes of them, some 5 KB at most.
QUIET_KEPT = 600

# The cycles since the last that decided something: (the journal's last line, the instant) of each.
Quiet = deque[tuple[int, Millis]]


class Recorder(Protocol):
    """What a verdict is written with: the ``Swarm``, or a simulated one, which may do without a ``journal``."""

    @property
    def number(self) -> int: ...
    @property
    def projection(self) -> Projection: ...
    @property
    def took_ms(self) -> Sequence[float]: ...
    def record(self, records: Sequence[Record]) -> None: ...


def no_quiet() -> Quiet:
    return deque(maxlen=QUIET_KEPT)


def record_verdict(
    swarm: Recorder, view: View, verdict: Verdict, now: Millis, *, late: Millis, quiet: Quiet | None = None
) -> list[ActionTaken]:
    """Journal what stands, what does not (when that is new), and what follows from it for the records.

    ``quiet`` remembers the cycles that decided nothing until one decides something and names them.
    """
    seen: int = getattr(getattr(swarm, "journal", None), "seq", 0)
    quiet = no_quiet() if quiet is None else quiet
    refusals = new_refusals(view, verdict, now)
    taken = []
    for index, (agent, action) in enumerate(verdict.taken):
        each = ActionTaken(
            id=f"a{swarm.number}-{index}", at=now, caused_by=action.caused_by, agent=agent, action=action
        )
        # Each against the picture as the former left it: two runs ordered in one cycle must not get one slot.
        try:
            follows = consequences(swarm.projection.glimpse(), each, now)
        except (InvariantError, LookupError, ValueError) as error:
            # One action that cannot be carried out must not take the others' turn, cycle after cycle.
            log.exception("what %s of %s means for the records could not be told", action.kind, agent)
            swarm.record(agent_failed(view, agent, error, now))
            continue
        swarm.record([each, *follows])
        taken.append(each)
    records: list[Record] = [*refusals, *moved_scores(view, verdict)]
    if not taken and not refusals:
        swarm.record(records)
        quiet.append((seen, now))
        return []
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
            seen=seen,
            quiet=tuple((seen - line, now - at) for line, at in quiet),
        )
    )
    swarm.record(records)
    quiet.clear()
    return taken


def new_refusals(view: View, verdict: Verdict, now: Millis) -> list[Refusal]:
    """The refusals worth a line: a standing one is on record already."""
    refusals = (
        Refusal(
            id=f"{agent}/{action.kind}/{target_of(action)}",
            at=now,
            caused_by=action.caused_by,
            agent=agent,
            action=action,
            because=because,
        )
        for agent, action, because in verdict.refused
    )
    return [refusal for refusal in refusals if _is_new(refusal, view)]


def target_of(action: Action) -> str:
    """What the action is about: the first of its own fields that names something."""
    for name in ("run", "job", "lane", "incident", "step", "source", "request", "campaign", "topic"):
        value = getattr(action, name, "")
        if value:
            return str(value)
    return action.kind


def _is_new(refusal: Refusal, view: View) -> bool:
    last = view.refusals.get(refusal.id)
    return last is None or (last.because != refusal.because and refusal.at - last.at >= _REFUSAL_EVERY)


def moved_scores(view: View, verdict: Verdict) -> list[Scores]:
    """The scores, where they are the first or have moved far enough to be told."""
    last, new = view.scores, verdict.scores
    names = ("adherence", "efficacy", "deviation", "performance", "efficiency")
    if last is None or any(abs(getattr(last, name) - getattr(new, name)) >= 0.05 for name in names):
        return [new]
    return []


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


# -- how long agents take, and what was lost: what the watchdog judges ------------------------------------------------

_TURN_NOISE_MS = 20.0


def daemon_gauges(view: View, turn_ms: Mapping[str, float], lost_turns: int, now: Millis) -> list[Record]:
    """Each agent's turn where it moved enough to matter (doubled or halved, above the noise), and turns lost.

    After the verdict, so that a cycle is decided again from what it was decided from.
    """
    lost = Gauge(id="daemon.lost_turns", at=now, value=lost_turns)
    known = view.gauges.get(lost.id)
    records: list[Record] = [lost] if lost_turns != (known.value if known is not None else 0) else []
    for name, took in turn_ms.items():
        last = view.gauges.get(f"agent.{name}.ms")
        before = last.value if last is not None else 0.0
        if max(took, before) >= _TURN_NOISE_MS and not before / 2 <= took <= before * 2:
            records.append(Gauge(id=f"agent.{name}.ms", at=now, value=round(took, 1)))
    return records
