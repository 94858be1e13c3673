"""What must hold at every instant, whatever befalls: told by the world's truth, not by the records alone.

Each law raises ``LawBroken`` with the instant and the figures. ``play`` calls them; a seed that breaks one is a bug.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulation.asked_laws import AskedLaws
from simulation.chain_truths import called_for, cohort, grid, heard, is_first_judge, may_go_on, rung_before, said_no
from simulation.deed_laws import overstepped
from simulation.ledger import Ledger
from simulation.world import World
from swarmd.agents.rules.plan import planned_jobs
from swarmd.state.actions import Action, ActionTaken, QueueJob, SettleJob, StopRun
from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT
from swarmd.state.index import LENT
from swarmd.state.projection import Projection
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.incident import IncidentStatus, Signature
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.run import AnyRun, RunAlive, RunEnded, RunOrdered, RunStatus, run_id
from swarmd.state.store.tables import RETENTION
from swarmd.state.units import HOUR, MINUTE, Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.roster import ROSTER

_LOOKED_OVER_EVERY: Millis = 5 * MINUTE


class LawBroken(AssertionError):  # noqa: N818
    """A law of the simulation does not hold."""


def broken(now: Millis, what: str) -> LawBroken:
    return LawBroken(f"at {now} ms ({iso(now)[11:]}): {what}")


@dataclass
class Laws:
    """Keeps what it must remember between looks. ``trace`` holds the decisions, where a replay or a comparison asks."""

    keeps_trace: bool = False
    decides_again_every: int = 1_000
    settled: Counter[str] = field(default_factory=Counter)
    queued: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    n_closed: int = 0
    n_actions: int = 0
    trace: list[tuple[Millis, int, tuple[str, ...]]] = field(default_factory=list)
    rests: dict[str, tuple[Millis, Millis]] = field(default_factory=dict)
    asked: AskedLaws = field(default_factory=lambda: AskedLaws(broken))
    _looked_over_at: Millis = 0
    _healed_since: dict[str, Millis] = field(default_factory=dict)
    _held_one_each: object = None
    _n_decided: int = 0

    def decided(self, view: View, wishes: Sequence[tuple[str, Action]], now: Millis, seq: int) -> None:
        if self.keeps_trace and wishes:
            self.trace.append((now, seq, told(wishes)))
        self._n_decided += 1
        if self._n_decided % self.decides_again_every == 0:
            self._decides_the_same_by_hand(view, wishes, now)

    def _decides_the_same_by_hand(self, view: View, wishes: Sequence[tuple[str, Action]], now: Millis) -> None:
        """What agents remember from picture to picture changes nothing: of the bare tables they wish for the same."""
        plain = View(**{name: getattr(view, name) for name in View.__dataclass_fields__})
        again = [(agent.NAME, wish) for agent in ROSTER for wish in agent.decide(plain, now)]
        if again != [*wishes]:
            first = next((n for n, (one, other) in enumerate(zip(again, wishes, strict=False)) if one != other), None)
            place = min(len(again), len(wishes)) if first is None else first
            one, other = told(again[place : place + 1]), told(wishes[place : place + 1])
            raise broken(now, f"from the tables alone something else is decided: {one} / {other}")

    def starts(self, view: View, run: RunOrdered, now: Millis, world: World) -> None:
        """Asked as the effect begins, of the records as they then are."""
        campaign, job, lane = view.campaign, view.jobs[run.job], view.lanes[run.lane]
        self.asked.starts(view, run, now)
        if campaign is None or campaign.status is not CampaignStatus.ACTIVE or job.campaign != campaign.id:
            raise broken(now, f"{run.id} starts while its campaign is {campaign and campaign.status.value}")
        if lane.status is not LaneStatus.OPEN:
            raise broken(now, f"{run.id} starts in {lane.id}, which is held: {lane.reason}")
        if job.status is not JobStatus.QUEUED or job.attempt != run.attempt:
            raise broken(now, f"{run.id} starts for a job that is {job.status.value} at attempt {job.attempt}")
        if job.not_before > now:
            raise broken(now, f"{run.id} starts {job.not_before - now} ms before its time: {job.reason}")
        if waits := view.waits_for(job):
            raise broken(now, f"{run.id} starts before {waits}")
        if run.attempt == 1:
            self._climbs(view, job, now)
            self._branches(view, job, now)
            self._prices(view, job, now)
        before = world.processes.get(run_id(run.job, run.attempt - 1))
        if before is not None and before.is_alive:
            raise broken(now, f"{run.id} starts beside {before.run}, which still lives")
        if (
            before is not None
            and self._is_crash(view, before.run)
            and now - before.ended_at < view.policy.backoff_first
        ):
            raise broken(now, f"{run.id} starts {now - before.ended_at} ms after the crash of {before.run}")
        self._storm(view, now, world)

    def _is_crash(self, view: View, run: str) -> bool:
        """Ended by itself and badly, and nobody had asked it to stop."""
        record = view.runs.get(run)
        if not isinstance(record, RunEnded) or record.status is RunStatus.DONE or run in view.results:
            return False
        if record.exit_code < 0 and record.signal < 0:
            return False
        told = view.told_of.get(run)
        if told is not None and told.signature is Signature.NODE_LOST:
            return False  # it went with its node, and may go on elsewhere at once
        return run not in self.asked.stopped

    def _climbs(self, view: View, job: Job, now: Millis) -> None:
        """Past a rung comes who is of the better half of its cohort, or sound; and nobody before all are through it."""
        rung = rung_before(view, job)
        if rung is None:
            return
        others = cohort(view, rung)
        if waits := [other.id for other in others if other.status is JobStatus.QUEUED]:
            raise broken(now, f"{job.id} starts before its cohort is through the rung: {waits}")
        if not may_go_on(view, rung, others):
            raise broken(now, f"{job.id} starts though its cohort has left it behind at {rung.id}")

    def _branches(self, view: View, job: Job, now: Millis) -> None:
        """Once more is tried only what the guards said no to, and of several lengths the best when all have ended."""
        if job.branch is None:
            return
        guards = view.jobs[job_id(job.campaign, job.symbol, job.mode, Phase.GUARDS)]
        if not said_no(view, guards):
            raise broken(now, f"{job.id} starts though {guards.id} is {guards.status.value}")
        left = [other.id for other in grid(view, guards) if other.status is JobStatus.QUEUED]
        if job.branch in (DISPLACEMENT, CONSERVATIVE) and left:
            raise broken(now, f"{job.id} starts before the other lengths have ended: {left}")

    def _prices(self, view: View, job: Job, now: Millis) -> None:
        """A judgement begins when its surrogates have said enough; no share is begun behind one that has."""
        if job.phase not in (Phase.SURROGATES, Phase.VALIDATE):
            return
        chain = f"{job.campaign}.{job.symbol}.{job.mode}"
        # What was counted in this very cycle nobody who starts a share in it could know.
        before = now if job.phase is Phase.SURROGATES else now + 1
        searched, as_good = heard(view, chain, before)
        enough = as_good >= 5 or searched >= 199
        if job.phase is Phase.VALIDATE and not enough:
            raise broken(now, f"{job.id} starts after {searched} surrogates, {as_good} as good")
        if job.phase is Phase.SURROGATES and enough:
            raise broken(now, f"{job.id} starts though {searched} surrogates were heard, {as_good} as good")

    def _storm(self, view: View, now: Millis, world: World) -> None:
        """Nothing is started once more was lost within a window than the limit and the lanes allow."""
        since, lost = now - view.policy.fleet_window, 0
        for instant in reversed(world.lost_at):
            if instant <= since:
                break
            lost += 1
        allowed = view.policy.fleet_losses_max + 2 * len(view.lanes)
        if lost > allowed:
            raise broken(now, f"{lost} runs lost within {view.policy.fleet_window} ms and still starting ({allowed})")

    def stops(self, view: View, action: StopRun, now: Millis, world: World) -> None:
        process, run = world.processes.get(action.run), view.runs[action.run]
        if action.how == "term" or process is None or not process.is_alive or process.is_faulty:
            return
        asked = process.asked_at >= 0 or any(r.status.value == "pending" for r in view.requests.values())
        asked |= self.asked.is_asked(view, action)
        overdue = now - process.launched_at > view.policy.run_timeout
        if not asked and not overdue and not (isinstance(run, RunEnded)):
            raise broken(now, f"{action.run} is killed though it is {process.mood} ({process.fate}): {action.reason}")

    def looked(self, view: View, taken: Sequence[ActionTaken], now: Millis, world: World) -> None:
        """After each cycle."""
        self.n_actions += len(taken)
        self.asked.hears(taken)
        for job in self.asked.taken_up_again(view):
            del self.settled[job]  # a fresh start may come to another end
        for each in taken:
            if isinstance(each.action, SettleJob):
                self._settles(view, each.action, now)
            elif isinstance(each.action, QueueJob):
                self.queued[each.action.job] += 1
                if self.queued[each.action.job] > 1:
                    raise broken(now, f"{each.action.job} is queued a second time")
            elif each.action.kind == "open_incident":
                self.opened[each.action.signature.value] += 1
            elif each.action.kind == "close_incident":
                self.n_closed += 1
            if wrong := overstepped(view, each, now):
                raise broken(now, wrong)
        if taken:
            self._one_each(view, now)
            self.asked.looked(view, taken, now)
        if now - self._looked_over_at >= _LOOKED_OVER_EVERY:
            self._looked_over_at = now
            self._bounded(view, world, now)
            self._verified(view, now)

    def _settles(self, view: View, action: SettleJob, now: Millis) -> None:
        job, result = view.jobs[action.job], view.results.get(action.run)
        self.settled[action.job] += 1
        if self.settled[action.job] > 1:
            raise broken(now, f"{action.job} is settled a second time, as {action.status.value}")
        is_stale = action.status is JobStatus.DONE if result is None else result.attempt != job.attempt
        if is_stale:
            raise broken(now, f"{action.job} is {action.status} by {action.run}, the newest attempt is {job.attempt}")

    def _one_each(self, view: View, now: Millis) -> None:
        if view.open_by_id is self._held_one_each:
            return  # these very runs were looked at: nothing was put among them since
        self._held_one_each, runs = view.open_by_id, view.open_by_id.values()
        held: list[tuple[str, set[str] | set[int]]] = [
            ("job", {run.job for run in runs}),
            ("lane", {run.lane for run in runs}),
            ("slot", {run.slot for run in runs}),
        ]
        for name, all_held in held:
            if len(all_held) != len(runs):
                twice = [each for each, count in Counter(getattr(run, name) for run in runs).items() if count > 1]
                raise broken(now, f"two open runs share a {name}: {twice[:3]}")

    def _bounded(self, view: View, world: World, now: Millis) -> None:
        for incident in view.incidents.values():
            if incident.signature is Signature.FLEET_WIDE:
                ends = incident.at if incident.status is IncidentStatus.CLOSED else now
                began = min(incident.since or incident.opened_at, incident.opened_at - view.policy.fleet_window)
                self.rests[incident.id] = (max(began, incident.opened_at - HOUR), ends)
        for job, losses in world.losses.items():
            if len(losses) <= view.policy.max_attempts:
                continue
            fresh_from = view.jobs[job].fresh_from if job in view.jobs else 0
            own = [
                ended.ended_at
                for ended in map(view.runs.get, losses)
                if ended is not None and ended.attempt > fresh_from and self._is_blamed(ended)
            ]
            if len(own) > view.policy.max_attempts:
                raise broken(now, f"{job} was lost {len(own)} times (limit {view.policy.max_attempts}): {own}")
        for incident in view.open_incidents():
            if incident.signature is Signature.AGENT_FAILED:
                raise broken(now, f"{incident.subject} failed: {incident.cause}")

    def _is_blamed(self, run: AnyRun | None) -> bool:
        """Seen to end by a daemon, and not in a time when the same befell everybody."""
        if not isinstance(run, RunEnded) or (run.exit_code < 0 and run.signal < 0):
            return False
        if run.id in self.asked.stopped:
            return False  # though it went only as the next daemon killed it again
        return not any(since <= run.ended_at <= until for since, until in self.rests.values())

    def _verified(self, view: View, now: Millis) -> None:
        """An incident about a run whose job has come to its end is closed; what is late must still be waiting."""
        for incident in view.open_incidents():
            run = view.runs.get(incident.subject)
            job = view.jobs.get(run.job) if run is not None else view.jobs.get(incident.subject)
            if job is None or job.status is JobStatus.QUEUED:
                self._healed_since.pop(incident.id, None)  # tried again, it may come to another end
                continue
            since = self._healed_since.setdefault(incident.id, now)
            if now - since > _LOOKED_OVER_EVERY:
                raise broken(now, f"{incident.id} is open though {job.id} is {job.status.value} since {job.at}")

    def reads_the_same(self, running: Projection, ledger: Ledger, now: Millis) -> None:
        """What a new daemon would believe is what the running one believes."""
        mine, read = running.view(), ledger.opened().view()
        for view in (mine, read):
            self.knows_its_answers(view, now)
        for name in View.__dataclass_fields__:
            one, other = getattr(mine, name), getattr(read, name)
            if one != other or (hasattr(one, "keys") and [*one] != [*other]):
                what = _first_difference(one, other) if hasattr(one, "keys") else f"{one} / {other}"
                raise broken(now, f"the journal tells another story of {name} than the daemon: {what}")

    def knows_its_answers(self, view: View, now: Millis) -> None:
        """What the running picture was given as known is what its tables say."""
        plain = View(**{name: getattr(view, name) for name in View.__dataclass_fields__})
        for name, known in vars(view).items():
            if name not in LENT:
                continue
            one, other = (_as_a_fact(name, each) for each in (known, getattr(plain, name)))
            if one != other:
                raise broken(now, f"the picture was given another {name} than its tables hold: {one} / {other}")

    def at_the_end(self, view: View, now: Millis) -> None:
        """Every planned job has an end that follows from the answers, and no incident is left without one."""
        campaign = view.campaign
        self.asked.at_the_end(view, now)
        if campaign is not None and campaign.id in self.asked.cancelled:
            held = [run for run in view.open_runs() if not _is_given_up(run, view.policy.term_grace, now)]
            if held or campaign.status is not CampaignStatus.CANCELLED:
                raise broken(now, f"{campaign.id} was cancelled, is {campaign.status}, {len(held)} open")
            return
        if campaign is None or campaign.status is not CampaignStatus.DONE:
            counts = Counter(job.status.value for job in view.jobs_of_campaign())
            left = [job.id for job in view.queued_jobs()][:3]
            raise broken(now, f"the campaign has not come to its end: {dict(counts)}, first {left}")
        for planned in planned_jobs(campaign):
            job = view.jobs.get(planned.id)
            if job is None or job.status is JobStatus.QUEUED:
                raise broken(now, f"{planned.id} was lost: {job and job.status}")
        jobs = view.jobs_of_campaign()
        if sum(job.attempt for job in jobs) <= RETENTION["result"].last:  # of more the first answers are forgotten
            self._as_answered(view, jobs, now)
        for incident in view.open_incidents():
            if incident.status is IncidentStatus.OPEN and now > incident.due and _is_of_work(incident.signature):
                raise broken(now, f"{incident.id} is still open at the end: {incident.cause}")

    def _as_answered(self, view: View, jobs: Sequence[Job], now: Millis) -> None:
        """Each done job has its answer, and what came of each follows from the answers before."""
        for job in jobs:
            if job.status is JobStatus.DONE and run_id(job.id, job.attempt) not in view.results:
                raise broken(now, f"{job.id} is done, and attempt {job.attempt} has no result")
        for job in jobs:
            rung = rung_before(view, job)
            # Of a cohort of which one was tried again later, another standing was true when it was asked.
            is_as_then = rung is not None and not any(other.id in self.asked.again for other in cohort(view, rung))
            if rung is not None and rung.status is JobStatus.DONE and is_as_then:
                is_stopped = job.status is JobStatus.SKIPPED
                if is_stopped == may_go_on(view, rung, cohort(view, rung)):
                    raise broken(
                        now, f"{job.id} is {job.status.value} against the standing of its cohort: {job.reason}"
                    )
        expected = {id for job in jobs if is_first_judge(job) for id in called_for(view, job)}
        branched = {job.id for job in jobs if job.branch is not None}
        if expected != branched:
            wrong = sorted(expected ^ branched)[:5]
            raise broken(now, f"branches were lost, or made without need: {wrong}")
        for job in jobs:
            if job.phase is Phase.VALIDATE and run_id(job.id, job.attempt) in view.results:
                chain = job.id.removesuffix(".validate")
                searched, as_good = heard(view, chain)
                if as_good < 5 and searched < 199:
                    raise broken(now, f"{job.id} was judged on {searched} surrogates, {as_good} as good")


def _as_a_fact(name: str, answer: Mapping[Any, Any]) -> object:
    """Counts of nothing say nothing, and any job of an asset stands for it."""
    return {*answer} if name == "begun_assets" else {key: value for key, value in answer.items() if value}


_STANDING = frozenset(
    {
        Signature.DISK_FULL,
        Signature.MONITOR_LOST,
        Signature.STATE_MISSING,
        Signature.JOURNAL_DAMAGED,
        Signature.CHAMPION_DAMAGED,
    }
)


def _is_of_work(signature: Signature) -> bool:
    return signature not in _STANDING


def _is_given_up(run: AnyRun, term_grace: Millis, now: Millis) -> bool:
    """In the kernel's hands three graces after SIGKILL: nobody waits for that."""
    return isinstance(run, RunAlive) and run.killed_at > 0 and now - run.killed_at > 3 * term_grace


def told(wishes: Sequence[tuple[str, Action]]) -> tuple[str, ...]:
    return tuple(f"{agent} {action.model_dump_json()}" for agent, action in wishes)


def _first_difference(one: object, other: object) -> str:
    assert hasattr(one, "keys")
    assert hasattr(other, "keys")
    for id in [*one, *other]:
        if one.get(id) != other.get(id):  # type: ignore[attr-defined]
            return f"{id}: {one.get(id)} / {other.get(id)}"  # type: ignore[attr-defined]
    return "the order of first appearance"
