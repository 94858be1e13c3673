"""The daemon: takes the home, opens the journal, turns the cycle until a session ends, and lets go.

``run_daemon`` is called by ``swarmd start``. It repairs nothing at start-up: what a former daemon left behind is seen
by the first cycle like anything else. Lanes outlive it, whatever way it ends.
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable

from swarmd.agents.rules.budget import is_out_of_budget
from swarmd.agents.rules.words import said_no
from swarmd.state.beats import BeatsPage
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.projection import Projection
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.store.files import Home, lock_file, lock_holder
from swarmd.state.store.journal import Journal
from swarmd.state.units import Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.backends.chosen import Ground, Kind, backend_for, grounded
from swarmd.supervisor.backends.local import ENGINE_LANE
from swarmd.supervisor.chronicle import Chronicle
from swarmd.supervisor.clock import anchored, wall_millis
from swarmd.supervisor.cycle import Turn, turn
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.effects.documents import write_run_meta
from swarmd.supervisor.failure_memory import remembered, write_failure_memory
from swarmd.supervisor.glances import Glances
from swarmd.supervisor.glancing_loop import run
from swarmd.supervisor.logs import log, open_log
from swarmd.supervisor.machine_profile import profile_of
from swarmd.supervisor.monitors.desk import MonitorDesk
from swarmd.supervisor.opening import check_campaign_unchanged, opening_records, policy_of, session_record
from swarmd.supervisor.ownership import ownership_of
from swarmd.supervisor.processes import become_subreaper
from swarmd.supervisor.resting import rest
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.sd_notify import Systemd
from swarmd.supervisor.sensors.errands import observe_errands
from swarmd.supervisor.sensors.gpu_watch import GpuWatch, nvml
from swarmd.supervisor.sensors.home_lock import HomeLock
from swarmd.supervisor.sensors.sources import journal_damages
from swarmd.supervisor.study_server import keeper_for
from swarmd.supervisor.swarm import Swarm
from swarmd.supervisor.vigil import Vigil
from swarmd.supervisor.wakers import Wakers

OnCycle = Callable[[View, Millis], None]

# Cycles in a row that may follow each other at once because each decided something.
_RESTLESS_MAX = 30
_LEFT_IN_HASTE = 130
# What was learned is put away in a second or two; a base that does not answer is told of by the next session.
_ERRAND_GRACE_S = 15.0


def run_daemon(
    home: Home,
    campaign: CampaignSettings | None,
    *,
    campaign_file: str = "",
    until_done: bool = False,
    monitors: bool = True,
    on_cycle: OnCycle | None = None,
    program: tuple[str, ...] = ENGINE_LANE,
    dashboard: DashboardKeeper | None = None,
    backend: Kind | None = None,
) -> int:
    """Run the control loop in this process until the session ends. Gives back the exit code.

    ``program`` is the command line of a lane, to which the path of its order is added; ``dashboard`` keeps a server of
    pages beside the loop, where one is wanted. ``backend`` is that of the campaign where it is None.

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
    held = HomeLock(home, lock)
    # Whatever is made from here on, by this process or by a run, is its owner's alone.
    os.umask(0o077)
    # Before anything is started: a lane gets a socket of ours under the same name.
    systemd = Systemd.taken_from(os.environ)
    try:
        open_log(home)
        return run(
            _session(
                home,
                campaign,
                campaign_file,
                until_done,
                monitors,
                on_cycle,
                program,
                systemd,
                held,
                dashboard,
                backend,
            )
        )
    except asyncio.CancelledError:
        return _LEFT_IN_HASTE
    finally:
        held.close()


async def _session(
    home: Home,
    campaign: CampaignSettings | None,
    campaign_file: str,
    until_done: bool,
    monitors: bool,
    on_cycle: OnCycle | None,
    program: tuple[str, ...],
    systemd: Systemd,
    held: HomeLock,
    dashboard: DashboardKeeper | None,
    kind: Kind | None,
) -> int:
    journal, damages = Journal.open(home.journal)
    ground = Ground()
    try:
        projection = Projection.from_journal(home.journal)
        before = projection.view()
        campaign, ground = grounded(home, before, campaign, kind)
        check_campaign_unchanged(before, campaign)
        previous = [None, *before.sessions.values()][-1]
        clock = anchored(previous, projection.last_at)
        now = clock.now()
        wake = asyncio.Event()
        with BeatsPage(home.beats_path, create=True) as page, Wakers(home, wake) as wakers:
            backend = backend_for(
                home, page, wakers.watch, wakers.unwatch,
                notify_socket=wakers.notify_socket, program=program, ground=ground,
            )  # fmt: skip
            machine = profile_of(home)
            settings = campaign or (before.campaign.settings if before.campaign else None)
            has_dashboard = dashboard is None or dashboard.is_on
            lanes = ground.lanes or machine.lanes
            policy = policy_of(settings, lanes, monitors=monitors, dashboard=has_dashboard, now=now)
            session = session_record(before, clock.anchor, until_done, now)
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
                gpus=GpuWatch(nvml()),
                nodes=ground.watch,
                lock=held,
                chronicle=Chronicle(home, session.id),
                threads=max(1, machine.processors // policy.max_lanes),
                pid=os.getpid(),
                number=last_number(before),
                started_at=now,
                studies=keeper_for(home, None if settings is None else settings.storage),
                owned=ownership_of(settings, home),
            )
            opening = opening_records(before, session, policy, campaign, campaign_file, now)
            found = [damage for damage in (*damages, journal.torn) if damage is not None and damage.is_new]
            memory = remembered(home, now) if not before.failures else []
            swarm.record([*opening, *memory, *journal_damages(found, now=now)])
            if (asked := swarm.projection.view().campaign) is not None:
                write_run_meta(home, asked, session)
            log.info("session %s open: pid %d, %d lanes", session.id, os.getpid(), policy.max_lanes)
            become_subreaper()
            _ask_on_signals(swarm, wake)
            swarm.monitors.begin()
            if swarm.owned is not None:
                swarm.owned.begin()
            swarm.gpus.begin()
            if swarm.nodes is not None:
                swarm.nodes.begin()
            if swarm.studies is not None:
                swarm.studies.begin()
            if dashboard is not None:
                dashboard.begin()
            try:
                ending = await _loop(swarm, wakers, wake, on_cycle, systemd)
                systemd.leaving(ending)
                await _end_errands(swarm)
                _close(swarm, session, ending)
                code = exit_code(swarm.projection.view())
            finally:
                swarm.monitoring.end()
                for errand in swarm.errands.values():
                    errand.end()
                swarm.gpus.end()
                if swarm.nodes is not None:
                    swarm.nodes.end()
                await swarm.monitors.end()
                if swarm.studies is not None:
                    await swarm.studies.end()
                if dashboard is not None:
                    await dashboard.end()
                if swarm.owned is not None:
                    swarm.owned.end()
                backend.close()
        return code
    finally:
        ground.close()
        journal.close()


async def _loop(swarm: Swarm, wakers: Wakers, wake: asyncio.Event, on_cycle: OnCycle | None, systemd: Systemd) -> str:
    """Turn the cycle when something happens or a look is due, until an agent ends the session."""
    every = swarm.projection.view().policy.cycle_every
    hasty_since: Millis | None = None
    # Runs of a former daemon are judged from the session's first moment on: a sleep while it opened counts too.
    vigil = Vigil(swarm.started_at, every=every)
    n_restless, is_settled = 0, False
    glances = Glances(swarm.page)
    swarm.moved_at = glances.moved_at
    while True:
        wake.clear()
        now, n_news = swarm.clock.now(), swarm.n_news
        vigil.look(now)
        # A storm of ends must not put off the whole look for ever.
        swarm.has_child_news = wakers.take_child_news() or swarm.has_child_news
        is_hasty = wakers.take_haste() and (hasty_since is None or now - hasty_since <= every)
        done = await _turn(swarm, vigil, is_hasty=is_hasty)
        systemd.turned(_status(done.view), now=swarm.clock.now())
        hasty_since = (hasty_since or now) if is_hasty else None
        if on_cycle is not None and not _has_told(on_cycle, done.view, swarm.clock.now()):
            on_cycle = None
        if done.ending is not None:
            return done.ending
        if not is_settled:
            # What is there after the first turn stays: the collector need not walk through it in the middle of a
            # relaunch, which costs tens of milliseconds.
            gc.freeze()
            is_settled = True
        # What was just decided may call for the next decision: look again at once, but not for ever.
        n_restless = n_restless + 1 if done.n_actions else 0
        if is_hasty or 0 < n_restless <= _RESTLESS_MAX:
            wake.set()
        is_still = not is_hasty and not swarm.is_losing_turns and swarm.n_news == n_news
        is_still = is_still and wakers.hears_requests
        adopted = swarm.backend.adopted()
        await rest(vigil, swarm.clock, wake, glances, done.view, adopted, is_still=is_still)


async def _turn(swarm: Swarm, vigil: Vigil, *, is_hasty: bool) -> Turn:
    """One cycle. What goes wrong in it costs that cycle and not the daemon: runs go on, the next turn tries again."""
    try:
        done = await turn(swarm, ROSTER, vigil, is_hasty=is_hasty)
        if not is_hasty:
            swarm.backend.keep_spares(done.view)
            swarm.notices.look(done.view, swarm.clock.now(), is_last=done.ending is not None)
            if swarm.studies is not None and done.ending is None:
                swarm.record(swarm.studies.observe(swarm.projection.view(), now=swarm.clock.now()))
        swarm.is_losing_turns = False
        return done
    except OutsideError as error:
        log.error("cycle %d could not be recorded: %s", swarm.number, error)
        swarm.lose_turn(str(error))
    except Exception:  # our own bug, or an outside nobody thought of: the evidence is kept and the turn is lost
        log.exception("cycle %d failed and is lost", swarm.number)
    swarm.is_losing_turns = True
    swarm.lost_turns += 1
    return Turn(swarm.projection.view(), 0, None)


def _has_told(on_cycle: OnCycle, view: View, now: Millis) -> bool:
    """False once the terminal it was told to is gone, which is no reason to stop working."""
    try:
        on_cycle(view, now)
    except OSError as error:
        log.info("nobody reads the terminal any more (%s): going on without it", error.strerror)
        return False
    return True


def last_number(before: View) -> int:
    """The last cycle anything is on record of: its actions may be there though its own record was never written."""
    acted = (int(id.removeprefix("a").partition("-")[0]) for id in before.actions)
    return max(before.cycle.number if before.cycle else 0, *acted, 0)


def _status(view: View) -> str:
    """One line for `systemctl status`."""
    campaign = view.campaign
    if campaign is None:
        return "no campaign"
    runs, jobs, incidents = len(view.open_runs()), len(view.queued_jobs()), len(view.open_incidents())
    return f"{campaign.id} {campaign.status.value}: {runs} runs, {jobs} jobs left, {incidents} incidents open"


async def _end_errands(swarm: Swarm) -> None:
    """What is still under way may end, within reason; how it did is the last thing the session sees."""
    under_way = [each.id for each in swarm.projection.view().errands.values() if each.is_running]
    for name in under_way:
        await asyncio.to_thread(swarm.errands[name].let_finish, _ERRAND_GRACE_S)
    with contextlib.suppress(OutsideError):
        swarm.record(observe_errands(swarm.projection.view(), swarm.errands, now=swarm.clock.now()))


def _close(swarm: Swarm, session: Session, ending: str) -> None:
    now = swarm.clock.now()
    swarm.record([session.model_copy(update={"status": SessionStatus.CLOSED, "at": now, "reason": ending})])
    swarm.journal.commit()
    # Without a snapshot the next start is slower, and no less true.
    with contextlib.suppress(OutsideError):
        write_failure_memory(swarm.projection.view(), swarm.home)
        swarm.journal.snapshot()
    log.info("session %s closed: %s", session.id, ending)


def exit_code(view: View) -> int:
    """1 when work of the campaign had to be given up, nothing of it could begin, or its budget ended it with work left;
    an honest "no" is a success.
    """
    jobs = view.jobs_of_campaign()
    preflights = [job for job in jobs if job.phase is Phase.PREFLIGHT]
    is_refused = bool(preflights) and all(job.status is JobStatus.FAILED for job in preflights)
    return int(is_refused or is_out_of_budget(view.campaign) or any(_was_given_up(view, job) for job in jobs))


def _was_given_up(view: View, job: Job) -> bool:
    if job.status is JobStatus.FAILED and job.phase is not Phase.PREFLIGHT:
        return not said_no(view, job)
    return job.status is JobStatus.QUARANTINED


def _ask_on_signals(swarm: Swarm, wake: asyncio.Event) -> None:
    """TERM and the first Ctrl-C drain, the second Ctrl-C stops at once; a closed terminal changes nothing.

    A third Ctrl-C, or another TERM while turns are lost (a full disk), leaves at once; runs go on.
    """
    loop = asyncio.get_running_loop()
    session = asyncio.current_task()
    asked: list[Verb] = []

    def leave(who: str) -> None:
        log.error("%s once more: leaving at once; runs go on, and the next start adopts them", who)
        if session is not None:
            session.cancel()

    def ask(verb: Verb, who: str) -> None:
        if Verb.STOP_NOW in asked:
            leave(who)
            return
        asked.append(verb)
        swarm.asked.append(
            Request(
                id=f"{swarm.session}-signal-{len(asked)}",
                at=swarm.clock.now(),
                verb=verb,
                asked_by=who,
                status=RequestStatus.PENDING,
            )
        )
        wake.set()

    def terminate() -> None:
        if not asked:
            ask(Verb.STOP, "SIGTERM")
        elif swarm.asked or swarm.is_losing_turns:
            leave("SIGTERM")

    loop.add_signal_handler(signal.SIGTERM, terminate)
    loop.add_signal_handler(signal.SIGINT, lambda: ask(Verb.STOP_NOW if asked else Verb.STOP, "Ctrl-C"))
    loop.add_signal_handler(signal.SIGHUP, lambda: log.info("terminal closed (SIGHUP): going on without it"))
