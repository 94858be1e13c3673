"""What an action means for the records: the pure half of every effect.

Journalled together with the action, in one commit, before anything happens in the world.
"""

from collections.abc import Mapping
from typing import TypeVar, assert_never

from swarmd.state.actions import (
    Action,
    ActionTaken,
    AnswerRequest,
    CloseIncident,
    EndSession,
    HoldJob,
    JudgeHypothesis,
    KeepKnowledge,
    MonitorChampions,
    OpenIncident,
    PlaceAsset,
    QueueJob,
    RebuildSource,
    RetryJob,
    Say,
    SetCampaign,
    SetLane,
    SetStep,
    SettleJob,
    StartRun,
    StateHypothesis,
    StopRun,
    TellLesson,
    WriteDocuments,
    WriteHandoff,
)
from swarmd.state.beats import SLOTS
from swarmd.state.cluster import AWAY
from swarmd.state.errors import InvariantError
from swarmd.state.records.champion import Champion
from swarmd.state.records.errand import HANDOFF, KNOWLEDGE, Errand, ErrandStatus
from swarmd.state.records.gauge import Finding
from swarmd.state.records.incident import HANGS, Incident, IncidentStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.monitoring import CHAMPIONS, Monitoring, MonitoringStatus
from swarmd.state.records.record import Record
from swarmd.state.records.request import RequestStatus
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus, run_id
from swarmd.state.records.step import Step
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.effects.failures import judged, seen
from swarmd.supervisor.effects.ledger import ledger_entry, lesson_of

Known = TypeVar("Known")
R = TypeVar("R", bound=Record)


def evidence_path(run: str) -> str:
    """Where the evidence of a kill is kept, relative to the home."""
    return f"logs/lanes/{run}.evidence.txt"


def consequences(view: View, taken: ActionTaken, at: Millis) -> list[Record]:
    """The records that follow from one action, given the View it was decided in.

    Raises InvariantError when the action names something that does not exist: the arbiter should have refused it.
    """
    action, agent = taken.action, taken.agent
    cause = (taken.id,)
    match action:
        case StartRun():
            return _start(view, action, at, cause)
        case StopRun():
            return _stop(view, action, at, cause)
        case QueueJob():
            job = Job(
                id=action.job,
                at=at,
                caused_by=cause,
                campaign=action.campaign,
                symbol=action.symbol,
                mode=action.mode,
                phase=action.phase,
                priority=action.priority,
                after=action.after,
                reason=action.reason,
                trials=action.trials,
                branch=action.branch,
                surrogates=action.surrogates,
            )
            return [job]
        case HoldJob():
            held = {"not_before": action.not_before, "reason": action.reason}
            return [_renewed(_known(view.jobs, action.job, action), at, cause, held)]
        case SettleJob():
            return _settle(view, action, at, cause)
        case RetryJob():
            return [_fresh_start(_known(view.jobs, action.job, action), action, at, cause)]
        case PlaceAsset():
            campaign = _known(view.campaigns, action.campaign, action)
            return [_renewed(campaign, at, cause, {"places": {**campaign.places, action.symbol: action.place}})]
        case SetLane():
            lane = _known(view.lanes, action.lane, action)
            where = {} if action.node is None else {"node": action.node}
            return [_renewed(lane, at, cause, {"status": action.status, "reason": action.reason, **where})]
        case SetCampaign():
            campaign = _known(view.campaigns, action.campaign, action)
            return [_renewed(campaign, at, cause, {"status": action.status, "reason": action.reason})]
        case OpenIncident():
            opened = _incident(view, action, agent, at, cause)
            return [opened, seen(view, opened, at)]
        case CloseIncident():
            incident = _known(view.incidents, action.incident, action)
            ending = {
                "status": IncidentStatus.CLOSED,
                "outcome": action.reason,
                "is_verified": action.is_verified,
            }
            closed = _renewed(incident, at, cause, ending)
            return [closed, *judged(view, closed, at)]
        case SetStep():
            return [_step(action, agent, at, cause)]
        case AnswerRequest():
            request = _known(view.requests, action.request, action)
            answer = {"status": RequestStatus.ANSWERED, "answer": action.reason, "is_refused": action.is_refused}
            return [_renewed(request, at, cause, answer)]
        case Say():
            return [Finding(id=f"{agent}/{action.topic}", at=at, caused_by=cause, agent=agent, text=action.reason)]
        case StateHypothesis() | JudgeHypothesis():
            return [ledger_entry(view, action, at, cause)]
        case MonitorChampions():
            running = MonitoringStatus.RUNNING
            return [Monitoring(id=CHAMPIONS, at=at, caused_by=cause, status=running, order=taken.id, began_at=at)]
        case TellLesson():
            return [lesson_of(action, at, cause)]
        case WriteHandoff() | KeepKnowledge():
            return [_errand(view, HANDOFF if isinstance(action, WriteHandoff) else KNOWLEDGE, taken.id, at)]
        case RebuildSource() | WriteDocuments() | EndSession():
            return []
        case _:
            assert_never(action)


def _start(view: View, action: StartRun, at: Millis, cause: tuple[str, ...]) -> list[Record]:
    job = _known(view.jobs, action.job, action)
    slot = view.first_free_slot
    if slot >= SLOTS:
        raise InvariantError(f"no free slot in the page of progress counters for {action.job}: all {SLOTS} are taken")
    ordered = RunOrdered(
        id=run_id(action.job, action.attempt),
        at=at,
        caused_by=cause,
        status=RunStatus.STARTING,
        lane=action.lane,
        job=action.job,
        attempt=action.attempt,
        slot=slot,
        ordered_at=at,
        remedy=action.remedy,
        scale=action.scale,
        engine=action.engine,
        node=_node(view, action, job),
    )
    return [_renewed(job, at, cause, {"attempt": action.attempt, "reason": action.reason}), ordered]


def _node(view: View, action: StartRun, job: Job) -> str:
    """Where it is to live: on its lane's node, unless its phase stays beside the files that it is about."""
    lane = view.lanes.get(action.lane)
    return lane.node if lane is not None and job.phase in AWAY else ""


def _stop(view: View, action: StopRun, at: Millis, cause: tuple[str, ...]) -> list[Record]:
    run = _known(view.runs, action.run, action)
    match run:
        case RunAlive():
            changed: dict[str, object] = {"status": RunStatus.STOPPING}
            if action.how == "kill":
                changed["killed_at"] = at
            else:
                changed["stop_asked_at"] = run.stop_asked_at or at
            return [_renewed(run, at, cause, changed)]
        case RunOrdered() | RunEnded():
            # Nothing lives under this id yet, or any more; the next look at the world says which.
            return []
        case _:
            assert_never(run)


def _settle(view: View, action: SettleJob, at: Millis, cause: tuple[str, ...]) -> list[Record]:
    job = _known(view.jobs, action.job, action)
    settled: list[Record] = [_renewed(job, at, cause, {"status": action.status, "reason": action.reason})]
    result = view.results.get(action.run)
    if job.phase is Phase.CROWN and action.status is JobStatus.DONE and result is not None:
        settled.append(_champion(view, job, result, at, cause))
    return settled


def _fresh_start(job: Job, action: RetryJob, at: Millis, cause: tuple[str, ...]) -> Job:
    """Under a token of its own: no word of a run before it can count."""
    token = job.attempt + 1 if job.attempt else 0
    fresh = {
        "status": JobStatus.QUEUED,
        "attempt": token,
        "fresh_from": token,
        "not_before": 0,
        "reason": action.reason,
    }
    return _renewed(job, at, cause, fresh)


def _champion(view: View, job: Job, result: Result, at: Millis, cause: tuple[str, ...]) -> Champion:
    figures = result.summary.figures
    crowned = Champion(
        id=f"{job.symbol}_{figures['timeframe']}",
        at=at,
        caused_by=cause,
        symbol=job.symbol,
        timeframe=str(figures["timeframe"]),
        strategy=str(figures["strategy"]),
        mode=str(figures.get("mode") or job.mode),
        score=float(figures["score"] or 0.0),
        annual_sharpe=float(figures["annual_sharpe"] or 0.0),
        oos_annual_sharpe=float(figures["oos_annual_sharpe"] or 0.0),
        tried=int(figures["tried"] or 0),
        campaign=job.campaign,
        path=str(figures["path"]),
        checksum=str(figures["checksum"]),
        since=at,
        pine=str(figures.get("pine") or "").removeprefix("-"),
    )
    known = view.champions.get(crowned.id)
    # The look at the file may have been sooner, and knows more of it.
    is_seen = known is not None and known.checksum == crowned.checksum and known.is_in_force
    return _renewed(known, at, cause, {}) if known is not None and is_seen else crowned


def _incident(view: View, action: OpenIncident, agent: str, at: Millis, cause: tuple[str, ...]) -> Incident:
    run = view.runs.get(action.subject)
    job = view.jobs.get(run.job if run is not None else action.subject)
    evidence = action.evidence
    # The evidence taken before a kill lies at a place known beforehand.
    if action.signature in HANGS and not evidence:
        evidence = (evidence_path(action.subject),)
    return Incident(
        id=action.incident,
        at=at,
        caused_by=cause,
        status=IncidentStatus.OPEN,
        signature=action.signature,
        subject=action.subject,
        agent=agent,
        opened_at=at,
        cause=action.reason,
        remedy=action.remedy,
        expected=action.expected,
        due=action.due,
        since=action.since,
        evidence=evidence,
        rung=action.rung,
        phase="" if job is None else job.phase.value,
    )


def _step(action: SetStep, agent: str, at: Millis, cause: tuple[str, ...]) -> Step:
    return Step(
        id=action.step,
        at=at,
        caused_by=cause,
        agent=agent,
        what=action.what,
        expected_outcome=action.expected_outcome,
        due=action.due,
        status=action.status,
        outcome=action.reason,
    )


def _errand(view: View, name: str, order: str, at: Millis) -> Errand:
    """It runs from now on; how often it came to nothing before is carried along until it comes to something."""
    last = view.errands.get(name)
    return Errand(
        id=name,
        at=at,
        caused_by=(order,),
        status=ErrandStatus.RUNNING,
        order=order,
        began_at=at,
        failures=0 if last is None else last.failures,
    )


def _known(table: Mapping[str, Known], key: str, action: Action) -> Known:
    if key not in table:
        raise InvariantError(f"{action.kind} names {key!r}, which is not in the View")
    return table[key]


def _renewed(record: R, at: Millis, cause: tuple[str, ...], changed: dict[str, object]) -> R:
    """The next record of the same thing: checked again, because a changed field may change its variant's rules."""
    return type(record).model_validate({**dict(record), "at": at, "caused_by": cause, **changed})
