"""Would this wish change anything? The one place that knows what "already so" means for each kind of wish.

Wishes about things that are not on record are left to the arbiter, which refuses them with a reason.
"""

from typing import assert_never

from swarmd.state.actions import (
    Action,
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
from swarmd.state.records.errand import HANDOFF, KNOWLEDGE
from swarmd.state.records.hypothesis import HypothesisStatus
from swarmd.state.records.incident import IncidentStatus
from swarmd.state.records.job import JobStatus
from swarmd.state.records.monitoring import CHAMPIONS, MonitoringStatus
from swarmd.state.records.request import RequestStatus
from swarmd.state.records.run import RunEnded, RunOrdered, RunStatus
from swarmd.state.records.step import STEP_MOVES
from swarmd.state.view import View


def changes_something(view: View, action: Action) -> bool:
    match action:
        case StartRun() | RebuildSource() | WriteDocuments() | TellLesson() | EndSession():
            return True
        case WriteHandoff() | KeepKnowledge():
            errand = view.errands.get(HANDOFF if isinstance(action, WriteHandoff) else KNOWLEDGE)
            return errand is None or not errand.is_running
        case StateHypothesis():
            return action.hypothesis not in view.hypotheses
        case JudgeHypothesis():
            stated = view.hypotheses.get(action.hypothesis)
            return stated is not None and stated.status is HypothesisStatus.STATED
        case MonitorChampions():
            last = view.monitorings.get(CHAMPIONS)
            return last is None or last.status is not MonitoringStatus.RUNNING
        case StopRun():
            return _stops_something(view, action)
        case QueueJob():
            return action.job not in view.jobs
        case HoldJob():
            job = view.jobs.get(action.job)
            return job is not None and job.status is JobStatus.QUEUED and job.not_before < action.not_before
        case SettleJob():
            settled = view.jobs.get(action.job)
            return settled is None or settled.status is not action.status
        case RetryJob():
            ended = view.jobs.get(action.job)
            return ended is None or ended.status is not JobStatus.QUEUED
        case PlaceAsset():
            known = view.campaigns.get(action.campaign)
            return known is None or known.places.get(action.symbol) != action.place
        case SetLane():
            lane = view.lanes.get(action.lane)
            moves = action.node is not None and lane is not None and lane.node != action.node
            return lane is not None and (lane.status is not action.status or moves)
        case SetCampaign():
            campaign = view.campaigns.get(action.campaign)
            return campaign is None or campaign.status is not action.status
        case OpenIncident():
            return action.incident not in view.incidents
        case CloseIncident():
            incident = view.incidents.get(action.incident)
            return incident is not None and incident.status is not IncidentStatus.CLOSED
        case SetStep():
            return _moves_step(view, action)
        case AnswerRequest():
            request = view.requests.get(action.request)
            return request is not None and request.status is RequestStatus.PENDING
        case Say():
            # Whose finding it is the wish does not say; agents compare their texts, this only stops empty words.
            return action.reason != "" or any(
                f.id.endswith(f"/{action.topic}") and f.text for f in view.findings.values()
            )
        case _:
            assert_never(action)


def _stops_something(view: View, action: StopRun) -> bool:
    run = view.runs.get(action.run)
    if run is None or isinstance(run, RunEnded):
        return False
    if isinstance(run, RunOrdered):
        return True
    return run.killed_at == 0 and (action.how == "kill" or run.status is RunStatus.RUNNING)


def _moves_step(view: View, action: SetStep) -> bool:
    step = view.steps.get(action.step)
    if step is None:
        return True
    same = (step.what, step.expected_outcome, step.due, step.status)
    wished = (action.what, action.expected_outcome, action.due, action.status)
    return same != wished and STEP_MOVES.allows(step.status, action.status)
