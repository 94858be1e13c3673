"""The daemon: takes the home, opens the journal, turns the cycle until a session ends, and lets go.

``run_daemon`` is called by ``swarmd start``. It repairs nothing at start-up: what a former daemon left behind is seen
by the first cycle like anything else. Lanes outlive it, whatever way it ends.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import psutil

from swarmd import __version__
from swarmd.state.beats import BeatsPage
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.projection import Projection
from swarmd.state.records.campaign import Campaign, CampaignSettings, CampaignStatus
from swarmd.state.records.job import JobStatus
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.store.files import Home, lock_file, lock_holder
from swarmd.state.store.journal import Journal
from swarmd.state.units import Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.campaign_file import digest
from swarmd.supervisor.chronicle import Chronicle
from swarmd.supervisor.clock import anchored, boot_id, wall_millis
from swarmd.supervisor.cycle import Swarm, Turn, turn
from swarmd.supervisor.effects.documents import write_run_meta
from swarmd.supervisor.logs import log, open_log
from swarmd.supervisor.monitors.desk import MonitorDesk
from swarmd.supervisor.processes import become_subreaper
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.sensors.sources import journal_damages
from swarmd.supervisor.wakers import Wakers

OnCycle = Callable[[View, Millis], None]

# Events within this time of each other share one cycle; it also bounds how often the loop can turn.
_GATHER_S = 0.02
# Cycles in a row that may follow each other at once because each decided something.
_RESTLESS_MAX = 30


def run_daemon(
    home: Home,
    campaign: CampaignSettings | None,
    *,
    campaign_file: str = "",
    until_done: bool = False,
    monitors: bool = True,
    on_cycle: OnCycle | None = None,
) -> int:
    """Run the control loop in this process until the session ends. Gives back the exit code.

    Raises OperatorError when another daemon holds the home, when there is nothing to resume, or when a campaign of the
    same name was started with other settings.
    """
    home.prepare()
    lock = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": iso(wall_millis()), "home": str(home.root)})
    if lock is None:
        holder = lock_holder(home.daemon_lock)
        raise OperatorError(
            f"a daemon already runs on {home.root}: pid {holder.get('pid', '?')}, since {holder.get('since', '?')}; "
            "look with `swarmd status`, end it with `swarmd stop`"
        )
    try:
        open_log(home)
        return asyncio.run(_session(home, campaign, campaign_file, until_done, monitors, on_cycle))
    finally:
        os.close(lock)


async def _session(
    home: Home,
    campaign: CampaignSettings | None,
    campaign_file: str,
    until_done: bool,
    monitors: bool,
    on_cycle: OnCycle | None,
) -> int:
    journal, damages = Journal.open(home.journal)
    try:
        projection = Projection.from_journal(home.journal)
        before = projection.view()
        check_campaign_unchanged(before, campaign)
        previous = [None, *before.sessions.values()][-1]
        clock = anchored(previous, projection.last_at)
        now = clock.now()
        wake = asyncio.Event()
        with BeatsPage(home.beats_path, create=True) as page, Wakers(home, wake) as wakers:
            backend = LocalBackend(home, page, wakers.watch, wakers.unwatch, wakers.notify_socket)
            cores = _usable_cores()
            settings = campaign or (before.campaign.settings if before.campaign else None)
            policy = policy_of(settings, cores, monitors=monitors, now=now)
            session = _session_record(before, clock.anchor, until_done, now)
            swarm = Swarm(
                home=home,
                clock=clock,
                boot=session.boot_id,
                session=session.id,
                journal=journal,
                projection=projection,
                page=page,
                backend=backend,
                monitors=MonitorDesk(home, is_on=monitors),
                chronicle=Chronicle(home, session.id),
                threads=max(1, cores // policy.max_lanes),
                pid=os.getpid(),
                number=before.cycle.number if before.cycle else 0,
                started_at=now,
            )
            opening = opening_records(before, session, policy, campaign, campaign_file, now)
            found = [damage for damage in (*damages, journal.torn) if damage is not None and damage.is_new]
            swarm.record([*opening, *journal_damages(found, now=now)])
            if (asked := swarm.projection.view().campaign) is not None:
                write_run_meta(home, asked, session)
            log.info("session %s open: pid %d, %d lanes", session.id, os.getpid(), policy.max_lanes)
            become_subreaper()
            _ask_on_signals(swarm, wake)
            swarm.monitors.begin()
            try:
                ending = await _loop(swarm, wake, on_cycle)
                _close(swarm, session, ending)
                code = _exit_code(swarm.projection.view())
            finally:
                await swarm.monitors.end()
                backend.close()
        return code
    finally:
        journal.close()


async def _loop(swarm: Swarm, wake: asyncio.Event, on_cycle: OnCycle | None) -> str:
    """Turn the cycle each second, or sooner on an event, until an agent ends the session."""
    loop = asyncio.get_running_loop()
    every = swarm.projection.view().policy.cycle_every / 1000
    due = loop.time()
    n_restless = 0
    while True:
        wake.clear()
        late = max(0, round((loop.time() - due) * 1000))
        try:
            done = await turn(swarm, ROSTER, late=late)
        except OutsideError as error:
            # The disk, most likely. Nothing was enacted; runs go on, and the next turn tries again.
            log.error("cycle %d could not be recorded: %s", swarm.number, error)
            done = Turn(swarm.projection.view(), 0, None)
        if on_cycle is not None:
            on_cycle(done.view, swarm.clock.now())
        if done.ending is not None:
            return done.ending
        # What was just decided may call for the next decision: look again at once, but not for ever.
        n_restless = n_restless + 1 if done.n_actions else 0
        if 0 < n_restless <= _RESTLESS_MAX:
            wake.set()
        due = loop.time() + every
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), every)
            await asyncio.sleep(_GATHER_S)
            due = loop.time()


def check_campaign_unchanged(before: View, campaign: CampaignSettings | None) -> None:
    if campaign is None:
        if before.campaign is None:
            raise OperatorError(
                "there is no campaign to resume in this home; start one with `swarmd start CAMPAIGN.yaml`"
            )
        return
    known = before.campaigns.get(campaign.name)
    if known is not None and known.digest != digest(campaign):
        raise OperatorError(
            f"campaign {campaign.name!r} was started with other settings (digest {known.digest[:12]}, now "
            f"{digest(campaign)[:12]}); give the changed file another `name`, so results of two questions never mix"
        )


def policy_of(settings: CampaignSettings | None, cores: int, *, monitors: bool, now: Millis) -> Policy:
    """The limits in force: the campaign's, with ``auto`` made into numbers of this machine."""
    if settings is None:
        return Policy(at=now, max_lanes=cores, monitors=monitors)
    limits = settings.limits
    return Policy(
        at=now,
        run_timeout=limits.run_timeout,
        max_attempts=limits.max_attempts,
        backoff_first=limits.backoff[0],
        backoff_cap=limits.backoff[1],
        disk_free_min=limits.disk_free_min,
        cpu_util_target=settings.targets.cpu_util,
        max_lanes=cores if limits.max_lanes == "auto" else limits.max_lanes,
        monitors=monitors,
    )


def opening_records(
    before: View, session: Session, policy: Policy, campaign: CampaignSettings | None, file: str, now: Millis
) -> list[Record]:
    """What a session says first: that the former was lost if it never closed, the limits, the lanes, the question."""
    lost = [
        old.model_copy(
            update={"status": SessionStatus.LOST, "at": now, "reason": "its daemon vanished without closing it"}
        )
        for old in before.sessions.values()
        if old.status is SessionStatus.OPEN
    ]
    lanes = [
        Lane(id=f"cpu{slot}", at=now, device="cpu", slot=slot, status=LaneStatus.OPEN, reason="a lane per core")
        for slot in range(policy.max_lanes)
        if f"cpu{slot}" not in before.lanes
    ]
    surplus = [
        lane.model_copy(update={"status": LaneStatus.HELD, "at": now, "reason": f"beyond max_lanes {policy.max_lanes}"})
        for lane in before.lanes.values()
        if lane.slot >= policy.max_lanes and lane.status is LaneStatus.OPEN
    ]
    return [*lost, session, policy, *lanes, *surplus, *_asked(before, campaign, file, session, now)]


def _asked(before: View, campaign: CampaignSettings | None, file: str, session: Session, now: Millis) -> list[Record]:
    known = before.campaigns.get(campaign.name) if campaign is not None else before.campaign
    if known is None:
        assert campaign is not None
        return [
            Campaign(
                id=campaign.name,
                at=now,
                caused_by=(session.id,),
                settings=campaign,
                digest=digest(campaign),
                file=file,
                status=CampaignStatus.ACTIVE,
                started_at=now,
                reason="started",
            )
        ]
    renewed = known.model_copy(update={"at": now, "started_at": now, "caused_by": (session.id,)})
    if known.status is CampaignStatus.STOPPED:
        ask = Request(
            id=f"{session.id}-resume",
            at=now,
            caused_by=(session.id,),
            verb=Verb.RESUME,
            asked_by="swarmd start",
            status=RequestStatus.PENDING,
        )
        return [renewed, ask]
    return [renewed]


def _session_record(before: View, anchor: Millis, until_done: bool, now: Millis) -> Session:
    stamp = datetime.now(UTC)
    name = f"bt-{stamp:%Y%m%d_%H%M%SZ}"
    taken = sum(1 for known in before.sessions if known.startswith(name))
    return Session(
        id=f"{name}-{taken + 1}" if taken else name,
        at=now,
        status=SessionStatus.OPEN,
        pid=os.getpid(),
        boot_id=boot_id(),
        anchor=anchor,
        wall=wall_millis(),
        host=socket.gethostname(),
        code_version=__version__,
        until_done=until_done,
        reason="started",
    )


def _close(swarm: Swarm, session: Session, ending: str) -> None:
    now = swarm.clock.now()
    swarm.record([session.model_copy(update={"status": SessionStatus.CLOSED, "at": now, "reason": ending})])
    swarm.journal.commit()
    swarm.journal.snapshot()
    log.info("session %s closed: %s", session.id, ending)


def _exit_code(view: View) -> int:
    """1 when work of the campaign had to be given up; an honest "no champion" is a success."""
    return int(any(job.status is JobStatus.QUARANTINED for job in view.jobs_of_campaign()))


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) or psutil.cpu_count() or 1


def _ask_on_signals(swarm: Swarm, wake: asyncio.Event) -> None:
    """TERM and the first Ctrl-C drain, the second Ctrl-C stops at once; a closed terminal changes nothing."""
    asked: list[Verb] = []

    def ask(verb: Verb, who: str) -> None:
        asked.append(verb)
        now = swarm.clock.now()
        request = Request(
            id=f"{swarm.session}-signal-{len(asked)}", at=now, verb=verb, asked_by=who, status=RequestStatus.PENDING
        )
        swarm.record([request])
        wake.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: ask(Verb.STOP, "SIGTERM"))
    loop.add_signal_handler(signal.SIGINT, lambda: ask(Verb.STOP_NOW if asked else Verb.STOP, "Ctrl-C"))
    loop.add_signal_handler(signal.SIGHUP, lambda: log.info("terminal closed (SIGHUP): going on without it"))
