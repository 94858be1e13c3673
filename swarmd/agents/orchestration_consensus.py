"""The arbiter: takes everybody's wishes and returns what stands, what does not and why, and how things go.

Wishes come in roster order, and the earlier one stands where two exclude each other; a wish to restrain (hold, settle,
stop) always stands against a wish to start. An answer stands only where what it tells of does: a person whose wish
lost against another's is answered in the next cycle, from what then is. Wishes that would change nothing are dropped
without a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from swarmd.agents.rules.changes import changes_something
from swarmd.agents.rules.rungs import rungs
from swarmd.agents.rules.scoring import scores
from swarmd.state.actions import (
    Action,
    AnswerRequest,
    EndSession,
    HoldJob,
    MonitorChampions,
    PlaceAsset,
    RetryJob,
    SetCampaign,
    SetLane,
    SettleJob,
    StartRun,
    StopRun,
)
from swarmd.state.records.campaign import CAMPAIGN_MOVES, CampaignStatus
from swarmd.state.records.gauge import Scores
from swarmd.state.records.job import JOB_MOVES, JobStatus
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.run import RunOrdered
from swarmd.state.units import Millis
from swarmd.state.view import View

NAME = "orchestration_consensus"

Wished = tuple[str, Action]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``taken`` in the order to enact, ``refused`` with the reason in numbers, and the scores of this cycle."""

    taken: list[Wished]
    refused: list[tuple[str, Action, str]]
    scores: Scores


@dataclass(slots=True)
class _Standing:
    """What has been taken so far in this cycle, by what it is about."""

    keys: set[str] = field(default_factory=set)
    started_jobs: dict[str, str] = field(default_factory=dict)
    started_lanes: dict[str, str] = field(default_factory=dict)
    settled: dict[str, tuple[str, JobStatus]] = field(default_factory=dict)
    lanes: dict[str, tuple[str, LaneStatus]] = field(default_factory=dict)
    campaigns: dict[str, tuple[str, CampaignStatus]] = field(default_factory=dict)
    # Why something was refused in this cycle, by each cause of the wish: a request among them.
    refusals: dict[str, str] = field(default_factory=dict)


def arbitrate(view: View, wishes: Sequence[Wished], now: Millis) -> Verdict:
    taken: list[Wished] = []
    refused: list[tuple[str, Action, str]] = []
    real = [(agent, action) for agent, action in wishes if changes_something(view, action)]
    # What restrains is known before anything is started, wherever in the roster it was wished for.
    restraints = _Restraints.of(real)
    standing = _Standing()
    for agent, action in real:
        key = _key(action)
        if key in standing.keys:
            continue
        because = _against(view, agent, action, standing, restraints, now)
        if because:
            refused.append((agent, action, because))
            standing.refusals |= dict.fromkeys(action.caused_by, because)
            continue
        standing.keys.add(key)
        _note(agent, action, standing)
        taken.append((agent, action))
    return Verdict(taken, refused, scores(view, taken=len(taken), refused=len(refused), now=now))


@dataclass(frozen=True, slots=True)
class _Restraints:
    """What is being held, settled or ended in this very cycle, and which runs are killed in it."""

    jobs: dict[str, str]
    lanes: dict[str, str]
    campaigns: dict[str, str]
    kills: dict[str, str]
    leaving: str

    @staticmethod
    def of(wishes: Sequence[Wished]) -> "_Restraints":
        jobs: dict[str, str] = {}
        lanes: dict[str, str] = {}
        campaigns: dict[str, str] = {}
        kills: dict[str, str] = {}
        leaving = ""
        for agent, action in wishes:
            match action:
                case HoldJob(job=job) | SettleJob(job=job):
                    jobs.setdefault(job, f"{agent}: {action.reason}")
                case SetLane(lane=lane, status=LaneStatus.HELD):
                    lanes.setdefault(lane, f"{agent}: {action.reason}")
                case SetCampaign(campaign=campaign, status=status) if status is not CampaignStatus.ACTIVE:
                    campaigns.setdefault(campaign, f"{status.value} by {agent}: {action.reason}")
                case StopRun(run=run, how="kill"):
                    kills.setdefault(run, agent)
                case EndSession():
                    leaving = leaving or f"{agent}: {action.reason}"
                case _:
                    pass
        return _Restraints(jobs, lanes, campaigns, kills, leaving)


def _key(action: Action) -> str:
    """Equal in effect: the same wish whoever has it and whatever its words."""
    return action.model_dump_json(exclude={"reason", "caused_by"})


def _note(agent: str, action: Action, standing: _Standing) -> None:
    match action:
        case StartRun():
            standing.started_jobs[action.job] = action.lane
            standing.started_lanes[action.lane] = action.job
        case SettleJob():
            standing.settled[action.job] = (agent, action.status)
        case SetLane():
            standing.lanes[action.lane] = (agent, action.status)
        case SetCampaign():
            standing.campaigns[action.campaign] = (agent, action.status)
        case _:
            pass


def _against(view: View, agent: str, action: Action, standing: _Standing, restraints: _Restraints, now: Millis) -> str:
    """Why the wish cannot stand, in numbers; empty where it can."""
    match action:
        case StartRun():
            return _against_start(view, action, standing, restraints, now)
        case StopRun():
            if isinstance(view.runs.get(action.run), RunOrdered):
                return f"{action.run} is only ordered: there are 0 processes to signal yet"
            if action.how == "term" and action.run in restraints.kills:
                return f"{action.run} is killed in this cycle by {restraints.kills[action.run]}: 1 stop is enough"
        case HoldJob() if action.job in standing.settled:
            by, status = standing.settled[action.job]
            return f"{by} settles {action.job} as {status.value} in this cycle: 0 runs will follow"
        case SettleJob():
            return _against_settle(view, action, standing)
        case RetryJob():
            return _against_retry(view, action)
        case PlaceAsset() if action.campaign not in view.campaigns:
            return f"{action.campaign} is not on record (0 campaigns of that id)"
        case SetLane() if action.lane in standing.lanes:
            by, lane_status = standing.lanes[action.lane]
            return f"{by} sets {action.lane} {lane_status.value} in this cycle: 1 status a cycle"
        case SetCampaign():
            return _against_campaign(view, action, standing)
        case AnswerRequest(is_refused=False) if action.request in standing.refusals:
            return f"1 of the wishes it tells of did not stand: {standing.refusals[action.request]}"
        case MonitorChampions() if restraints.leaving:
            return f"the session ends in this cycle ({restraints.leaving}): 0 monitorings are begun"
        case _:
            pass
    return ""


def _against_start(view: View, action: StartRun, standing: _Standing, restraints: _Restraints, now: Millis) -> str:
    job, lane = view.jobs.get(action.job), view.lanes.get(action.lane)
    if job is None or lane is None:
        return f"{action.job if job is None else action.lane} is not on record (1 of 2 ends of the run is missing)"
    if restraints.leaving:
        return f"the session ends in this cycle ({restraints.leaving}): 0 runs are started"
    campaign = view.campaigns.get(job.campaign)
    if campaign is None or campaign.status is not CampaignStatus.ACTIVE or job.campaign in restraints.campaigns:
        status = restraints.campaigns.get(job.campaign) or ("absent" if campaign is None else campaign.status.value)
        return f"campaign {job.campaign} is {status}: 0 runs are started"
    if job.status is not JobStatus.QUEUED:
        return f"{job.id} is {job.status.value} after {job.attempt} attempts"
    if action.job in restraints.jobs:
        return f"{job.id} is held or settled in this cycle by {restraints.jobs[action.job]}"
    if action.attempt != job.attempt + 1:
        return f"attempt {action.attempt} wished, {job.attempt + 1} is next"
    if (run := view.open_run_of(job.id)) is not None:
        return f"{job.id} has 1 open run, {run.id} in {run.lane}"
    if waits := view.waits_for(job):
        return f"{job.id} waits for {len(waits)} jobs, first {waits[0]}"
    if rungs(view).holds(job):
        return f"{job.id} is held between two rungs: {rungs(view).why(job)}"
    if job.not_before > now:
        return f"{job.id} waits another {job.not_before - now} ms: {job.reason}"
    if action.job in standing.started_jobs:
        return f"{job.id} is started in {standing.started_jobs[action.job]} in this cycle: 1 run at a time"
    return _against_lane(view, action.lane, lane.status, lane.reason, standing, restraints)


def _against_lane(
    view: View, lane: str, status: LaneStatus, why: str, standing: _Standing, restraints: _Restraints
) -> str:
    if status is not LaneStatus.OPEN:
        return f"{lane} is held, 0 runs are started in it: {why}"
    if lane in restraints.lanes:
        return f"{lane} is held in this cycle by {restraints.lanes[lane]}"
    if (run := view.run_in(lane)) is not None:
        return f"{lane} has 1 open run, {run.id}"
    if lane in standing.started_lanes:
        return f"{lane} takes {standing.started_lanes[lane]} in this cycle: 1 run a lane"
    return ""


def _against_settle(view: View, action: SettleJob, standing: _Standing) -> str:
    if action.job in standing.settled:
        by, status = standing.settled[action.job]
        return f"{by} settles {action.job} as {status.value} in this cycle: 1 end a job"
    job = view.jobs.get(action.job)
    if job is None:
        return f"{action.job} is not on record (0 jobs of that id)"
    if job.status is not JobStatus.QUEUED:
        return f"{job.id} is {job.status.value} since attempt {job.attempt}: an end is an end"
    return ""


def _against_retry(view: View, action: RetryJob) -> str:
    job = view.jobs.get(action.job)
    if job is None:
        return f"{action.job} is not on record (0 jobs of that id)"
    if not JOB_MOVES.allows(job.status, JobStatus.QUEUED):
        return f"{job.id} is {job.status.value} since attempt {job.attempt}: an end is an end"
    return ""


def _against_campaign(view: View, action: SetCampaign, standing: _Standing) -> str:
    if action.campaign in standing.campaigns:
        by, status = standing.campaigns[action.campaign]
        return f"{by} sets {action.campaign} {status.value} in this cycle: 1 status a cycle"
    campaign = view.campaigns.get(action.campaign)
    if campaign is None:
        return f"{action.campaign} is not on record (0 campaigns of that id)"
    if not CAMPAIGN_MOVES.allows(campaign.status, action.status):
        allowed = ", ".join(sorted(s.value for s in CAMPAIGN_MOVES.moves[campaign.status])) or "nothing"
        return f"{campaign.id} is {campaign.status.value} and may become {allowed}, not {action.status.value}"
    return ""
