"""What is under way, kept as records come: few things among thousands that are over, asked for in every cycle.

``Projection`` lets each record it applies be followed here and lends the answers to the View, which works the same ones
out from its tables where nobody lends them. Pure like the fold: no clock, no decision. What was lent stays as it is.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from swarmd.state.actions import ActionTaken, RebuildSource, StopRun, WriteDocuments
from swarmd.state.records.gauge import Finding
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.incident import Incident, IncidentStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, run_id
from swarmd.state.units import Millis

# What is lent, by the names the View knows it by.
LENT = (
    "_open_by_id", "_open_by_job", "_ended_by_id", "_told_to_stop_by_id", "taken_slots",
    "_first_free_slot",
    "_lane_places", "_open_lanes_by_id", "_held_lanes_by_id", "_free_lanes_by_id", "_fill_lanes_by_id",
    "_gpu_lanes_by_id", "open_lanes_on", "n_runs_on",
    "_unsettled_by_id", "_begun_by_id", "_resting_by_id", "_ungated_by_id", "_idle_by_id", "_shut_by_id", "_places",
    "_behind", "tally",
    "answered", "last_answered", "begun_assets", "assets_under_way", "unheard",
    "_loose_by_id", "_told_open_by_id", "_closed_by_id", "_pending_by_id", "_stops", "_efforts_by_id", "_stated_by_id",
    "_ripe_by_id", "_authored_by_id", "n_hypotheses",
)  # fmt: skip

# What is kept in the order of an instant.
_IN_ORDER_OF: Mapping[str, Callable[[Any], Millis]] = {
    "_ended_by_id": lambda run: run.ended_at,
    "_closed_by_id": lambda incident: incident.at,
}

# How a job ends that accepts the result of its newest attempt, or has nothing to do with one.
_ACCEPTS = frozenset({JobStatus.DONE, JobStatus.FAILED})
# What is wished again, after a growing wait, where it was in vain: how often it was tried is counted.
EFFORTS = (RebuildSource, WriteDocuments)
# The job that a chain ends with, by what follows the chain's name in its own.
LAST_OF_CHAIN = f".{Phase.CROWN.value}"
# Who tells what was found of an asset, on a topic named ``<campaign>.<SYMBOL>``.
TELLER = "quant_analyst"
# What of an asset's jobs says something of the market when it ends.
_ANSWERS = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.QUARANTINED})


def is_loose(result: Result, job: Job | None) -> bool:
    """Whether the job has not (yet) ended with this result: it is to be counted, or came too late."""
    if job is None:
        return True
    # What lies before a fresh start was judged already.
    return result.attempt > job.fresh_from and (result.attempt != job.attempt or job.status not in _ACCEPTS)


def answers(job: Job) -> bool:
    """It tells something of the market: neither a check of data, nor of markets that are none, nor what was left out
    because of an earlier end."""
    return job.status in _ANSWERS and job.phase not in (Phase.PREFLIGHT, Phase.SURROGATES)


class Gates(Enum):
    """What stands before a job: nothing any more, something to be done, or something that ended and is not done."""

    OPEN = "open"
    CLOSED = "closed"
    SHUT = "shut"


def gates_of(job: Job, jobs: Mapping[str, Job]) -> Gates:
    found = Gates.OPEN
    for name in job.after:
        gate = jobs.get(name)
        if gate is None or gate.status is JobStatus.QUEUED:
            found = Gates.CLOSED if found is Gates.OPEN else found
        elif gate.status is not JobStatus.DONE:
            found = Gates.SHUT
    return found


class Index:
    """Each answer by the name the View knows it by; copied before it changes when somebody may hold it."""

    def __init__(self) -> None:
        self._held: dict[str, dict[Any, Any]] = {name: {} for name in LENT}
        self._held["_first_free_slot"][""] = 0
        self._lent: set[str] = set()
        self._n_in_lane: dict[str, int] = {}  # open runs
        self._n_of_job: dict[str, int] = {}  # open runs
        self._n_unsettled: dict[tuple[str, str], int] = {}  # jobs, by campaign and asset
        self._told_at: dict[str, Millis] = {}  # when an asset was last spoken of, by topic
        self._mixed: set[str] = set()  # what was met out of the order of its instants: a snapshot's order

    def lend(self, *, for_good: bool) -> Mapping[str, Mapping[Any, Any]]:
        """The answers now; for good, or until the next record is followed."""
        for name in self._mixed:
            self._held[name] = dict(sorted(self._held[name].items(), key=lambda each: _IN_ORDER_OF[name](each[1])))
        self._mixed.clear()
        if for_good:
            self._lent.update(LENT)
        return dict(self._held)

    def follow(self, record: Record, before: Any, jobs: Mapping[str, Job], gone: str) -> None:
        """A record that was taken: ``before`` is what it replaces, ``gone`` the id of what was forgotten for it."""
        match record:
            case RunOrdered() | RunAlive():
                self._own("_open_by_id")[record.id] = record
                if self._held["_open_by_job"].get(record.job, record).id == record.id:  # the first of several stands
                    self._own("_open_by_job")[record.job] = record
                if before is None:
                    self._run_ordered(record)
                elif before.node != record.node:
                    self._count("n_runs_on", before.node, -1)
                    self._count("n_runs_on", record.node, 1)
            case RunEnded():
                self._run_ended(record, gone, jobs)
            case Finding(agent=agent, at=at) if agent == TELLER:
                topic = record.id.removeprefix(f"{TELLER}/")
                asset = self._held["unheard"].get(topic)
                self._told_at[topic] = at
                if asset is not None and self._held["answered"].get(asset, -1) < at:
                    del self._own("unheard")[topic]
            case Lane():
                self._lane(record, before)
            case Job():
                self._job(record, before, jobs)
            case Result():
                loose = self._own("_loose_by_id")
                loose.pop(gone, None)
                if is_loose(record, jobs.get(record.job)):
                    loose[record.id] = record
            case ActionTaken():
                self._action(record, gone)
            case Incident():
                self._keep("_told_open_by_id", record, record.status is not IncidentStatus.CLOSED)
                if record.status is IncidentStatus.CLOSED:
                    self._come_to_an_end("_closed_by_id", record, gone)
            case Request():
                self._keep("_pending_by_id", record, record.status is RequestStatus.PENDING)
            case Hypothesis():
                is_stated, last = record.status is HypothesisStatus.STATED, jobs.get(record.id + LAST_OF_CHAIN)
                is_over = last is not None and last.status is not JobStatus.QUEUED
                self._keep("_stated_by_id", record, is_stated)
                self._keep("_ripe_by_id", record, is_stated and is_over)
                self._keep("_authored_by_id", record, is_stated and record.origin != "standard")
                if before is None and record.origin == "standard":
                    known = self._own("n_hypotheses")
                    known[record.campaign] = known.get(record.campaign, 0) + 1
            case _:
                pass

    def _run_ordered(self, run: RunOrdered | RunAlive) -> None:
        taken = self._own("taken_slots")
        taken[run.slot] = run.id
        if run.slot == (free := self._held["_first_free_slot"][""]):
            while free in taken:
                free += 1
            self._own("_first_free_slot")[""] = free
        self._n_in_lane[run.lane] = self._n_in_lane.get(run.lane, 0) + 1
        self._n_of_job[run.job] = self._n_of_job.get(run.job, 0) + 1
        for name in ("_resting_by_id", "_idle_by_id"):
            if run.job in self._held[name]:
                del self._own(name)[run.job]
        self._count("n_runs_on", run.node, 1)
        if run.lane in self._held["_free_lanes_by_id"]:
            del self._own("_free_lanes_by_id")[run.lane]

    def _run_ended(self, run: RunEnded, gone: str, jobs: Mapping[str, Job]) -> None:
        open_one = self._own("_open_by_id").pop(run.id, None)
        if open_one is not None:
            self._count("n_runs_on", open_one.node, -1)
            self._leaves(run)
            self._leaves_its_job(run, jobs)
        self._come_to_an_end("_ended_by_id", run, gone)
        if run.was_stopped:
            self._own("_told_to_stop_by_id")[run.id] = run
        if gone in self._held["_told_to_stop_by_id"]:
            self._own("_told_to_stop_by_id").pop(gone)

    def _leaves(self, run: RunEnded) -> None:
        """Its slot and, unless another is in it, its lane are free."""
        if self._held["taken_slots"].get(run.slot) == run.id:
            del self._own("taken_slots")[run.slot]
            if run.slot < self._held["_first_free_slot"][""]:
                self._own("_first_free_slot")[""] = run.slot
        self._n_in_lane[run.lane] -= 1
        lane = self._held["_open_lanes_by_id"].get(run.lane)
        if lane is not None and not self._n_in_lane[run.lane]:
            self._own("_free_lanes_by_id")[lane.id] = lane

    def _leaves_its_job(self, run: RunEnded, jobs: Mapping[str, Job]) -> None:
        """Unless another is at it, the job may be begun again."""
        self._n_of_job[run.job] -= 1
        if self._held["_open_by_job"][run.job].id == run.id:
            del self._own("_open_by_job")[run.job]
        if self._n_of_job[run.job]:
            for other in self._held["_open_by_id"].values():
                if other.job == run.job:
                    self._own("_open_by_job").setdefault(run.job, other)
            return
        del self._n_of_job[run.job]
        for name, of in (("_resting_by_id", "_begun_by_id"), ("_idle_by_id", "_ungated_by_id")):
            if run.job in self._held[of]:
                self._own(name)[run.job] = jobs[run.job]

    def _lane(self, lane: Lane, before: Lane | None) -> None:
        if before is None:
            places = self._own("_lane_places")
            places[lane.id] = len(places)
        is_open = lane.status is LaneStatus.OPEN
        if before is not None and before.status is LaneStatus.OPEN:
            self._count("open_lanes_on", before.node, -1)
        if is_open:
            self._count("open_lanes_on", lane.node, 1)
        self._keep("_open_lanes_by_id", lane, is_open)
        self._keep("_held_lanes_by_id", lane, not is_open)
        self._keep("_fill_lanes_by_id", lane, lane.is_fill)
        self._keep("_gpu_lanes_by_id", lane, lane.is_on_gpu)
        self._keep("_free_lanes_by_id", lane, is_open and not self._n_in_lane.get(lane.id))

    def _come_to_an_end(self, name: str, record: Record, gone: str) -> None:
        """Kept in the order of their ends."""
        ended, instant = self._own(name), _IN_ORDER_OF[name]
        last = next(reversed(ended.values()), None)
        if last is not None and instant(last) > instant(record):
            self._mixed.add(name)
        ended[record.id] = record
        ended.pop(gone, None)

    def _action(self, taken: ActionTaken, gone: str) -> None:
        if gone in self._held["_stops"]:
            self._own("_stops").pop(gone)
        if isinstance(taken.action, StopRun):
            self._own("_stops")[taken.id] = taken.action.run
        if gone in self._held["_efforts_by_id"]:
            self._own("_efforts_by_id").pop(gone)
        if isinstance(taken.action, EFFORTS):
            self._own("_efforts_by_id")[taken.id] = taken

    def _job(self, job: Job, before: Job | None, jobs: Mapping[str, Job]) -> None:
        is_queued = job.status is JobStatus.QUEUED
        self._keep("_unsettled_by_id", job, is_queued)
        if job.attempt:
            self._keep("_begun_by_id", job, is_queued)
            self._keep("_resting_by_id", job, is_queued and job.id not in self._n_of_job)
            if (job.campaign, job.symbol) not in self._held["begun_assets"]:
                self._own("begun_assets")[job.campaign, job.symbol] = job.id
        if before is None:
            places = self._own("_places")
            places[job.id] = len(places)
            for gate in job.after:
                behind = self._own("_behind")
                behind[gate] = (*behind.get(gate, ()), job.id)
        self._gate(job, jobs)
        if before is None or before.status is not job.status:
            for waiting in self._held["_behind"].get(job.id, ()):
                self._gate(jobs[waiting], jobs)
            if before is not None and is_queued:
                self._reopened(job, jobs)
            if job.id.endswith(LAST_OF_CHAIN):
                stated = self._held["_stated_by_id"].get(job.id.removesuffix(LAST_OF_CHAIN))
                if stated is not None:
                    self._keep("_ripe_by_id", stated, not is_queued)
        self._asset(job, before, is_queued=is_queued)
        if before is None or before.status is not job.status:
            tally = self._own("tally")
            if before is not None:
                tally[before.campaign, before.phase, before.status] -= 1
            key = job.campaign, job.phase, job.status
            tally[key] = tally.get(key, 0) + 1
            answered = self._own("answered")
            asset, topic = (job.campaign, job.symbol), f"{job.campaign}.{job.symbol}"
            answered[asset] = max(answered.get(asset, -1), job.at if answers(job) else -1)
            if answers(job):
                last = self._own("last_answered")
                last[job.campaign] = max(last.get(job.campaign, -1), job.at)
            if 0 <= answered[asset] >= self._told_at.get(topic, -1) and topic not in self._held["unheard"]:
                self._own("unheard")[topic] = asset
        if job.status in _ACCEPTS and job.attempt:
            self._own("_loose_by_id").pop(run_id(job.id, job.attempt), None)

    def _reopened(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """It had ended, and a person asked for a fresh start: as rare as it is dear."""
        places = self._held["_places"]
        for name in ("_unsettled_by_id", "_begun_by_id"):
            self._held[name] = dict(sorted(self._held[name].items(), key=lambda each: places[each[0]]))
            self._lent.discard(name)
        loose = self._own("_loose_by_id")
        for id in [each.id for each in loose.values() if each.job == job.id and not is_loose(each, job)]:
            del loose[id]
        others = [other for other in jobs.values() if other.campaign == job.campaign]
        answered, last = self._own("answered"), self._own("last_answered")
        asset, topic = (job.campaign, job.symbol), f"{job.campaign}.{job.symbol}"
        told = [(other.at if answers(other) else -1, other.symbol) for other in others]
        answered[asset] = max(at for at, symbol in told if symbol == job.symbol)
        last[job.campaign] = max(at for at, _ in told)
        if last[job.campaign] < 0:
            del last[job.campaign]
        if not 0 <= answered[asset] >= self._told_at.get(topic, -1) and topic in self._held["unheard"]:
            del self._own("unheard")[topic]

    def _asset(self, job: Job, before: Job | None, *, is_queued: bool) -> None:
        """Whether an asset was begun and has still something to do."""
        asset = job.campaign, job.symbol
        was_queued = before is not None and before.status is JobStatus.QUEUED
        left = self._n_unsettled[asset] = self._n_unsettled.get(asset, 0) + is_queued - was_queued
        is_under_way = left > 0 and asset in self._held["begun_assets"]
        if is_under_way != (asset in self._held["assets_under_way"]):
            under_way = self._own("assets_under_way")
            if is_under_way:
                under_way[asset] = True
            else:
                del under_way[asset]

    def _gate(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Whether its turn has come, or never will."""
        is_queued, gates = job.status is JobStatus.QUEUED, gates_of(job, jobs)
        is_open = is_queued and gates is Gates.OPEN
        self._keep("_ungated_by_id", job, is_open)
        self._keep("_idle_by_id", job, is_open and job.id not in self._n_of_job)
        self._keep("_shut_by_id", job, is_queued and gates is Gates.SHUT)

    def _keep(self, name: str, record: Record, is_under_way: bool) -> None:
        if is_under_way:
            self._own(name)[record.id] = record
        elif record.id in self._held[name]:
            del self._own(name)[record.id]

    def _count(self, name: str, node: str, change: int) -> None:
        """So many more, or fewer, on a node; none is no entry."""
        counts = self._own(name)
        counts[node] = counts.get(node, 0) + change
        if not counts[node]:
            del counts[node]

    def _own(self, name: str) -> dict[Any, Any]:
        if name in self._lent:
            self._lent.discard(name)
            self._held[name] = dict(self._held[name])
        return self._held[name]
