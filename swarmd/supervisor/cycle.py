"""One turn of the loop: look, project, decide, arbitrate, record, enact.

The six steps are functions over values; ``Swarm`` holds what they work with and decides nothing. Nothing is enacted
before its action is on disk, and everything that is learned is in the journal before anybody decides from it.
"""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swarmd.agents.contract import Agent
from swarmd.agents.orchestration_consensus import arbitrate
from swarmd.agents.rules.budget import lanes_settled
from swarmd.state.actions import Action
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.published import publish, published_views
from swarmd.state.units import MINUTE, SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.effects.enact import enact
from swarmd.supervisor.effects.tidy import AT_ONCE, cut_living_logs, tidy
from swarmd.supervisor.failure_memory import write_failure_memory
from swarmd.supervisor.gpu_lanes import lanes_of_gpus, why_left_alone
from swarmd.supervisor.logs import log
from swarmd.supervisor.node_gpu_lanes import lanes_of_node_gpus
from swarmd.supervisor.opening import lanes_home_again
from swarmd.supervisor.ownership import observe_ownership
from swarmd.supervisor.processes import reap, zombies
from swarmd.supervisor.sensors.beats_page import observe_beats_page
from swarmd.supervisor.sensors.errands import observe_errands
from swarmd.supervisor.sensors.gpu import count_gpus, observe_gpus
from swarmd.supervisor.sensors.home_lock import observe_home_lock
from swarmd.supervisor.sensors.host import observe_host
from swarmd.supervisor.sensors.monitoring import observe_monitoring
from swarmd.supervisor.sensors.nodes import observe_nodes
from swarmd.supervisor.sensors.outbox import observe_inbox, observe_results
from swarmd.supervisor.sensors.runs import observe_runs
from swarmd.supervisor.sensors.sources import DISK, observe_disk, observe_monitors, observe_published
from swarmd.supervisor.swarm import Swarm
from swarmd.supervisor.verdict_records import agent_failed, agent_recovered, daemon_gauges, record_verdict
from swarmd.supervisor.vigil import Vigil
from swarmd.supervisor.widening import widened

_HOST_EVERY: Millis = 5 * SECOND
_OPENS_WITHIN: Millis = SECOND
# A child that stops or goes on is told of by a signal; this is for what no signal tells, as a wait for a dead disk.
_STATES_EVERY: Millis = 30 * SECOND
# Places, lane time on account, lanes of a cluster that was left, and logs that grow.
_UPKEEP_EVERY: Millis = 15 * SECOND
_TIDY_EVERY: Millis = 10 * MINUTE
_SWEEP_EVERY: Millis = MINUTE
_ORPHAN_AFTER: Millis = 5 * SECOND


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a cycle: the View with what was decided, how much was, and why the session ends if it does."""

    view: View
    n_actions: int
    ending: str | None


async def turn(swarm: Swarm, roster: Iterable[Agent], vigil: Vigil, *, is_hasty: bool = False) -> Turn:
    """One cycle, as of the vigil's last look: look, project, decide, arbitrate, record, enact.

    A hasty one answers the end of a lane: it looks at runs and results alone, and leaves everything else, telling
    included, to the whole turn that follows it. What is decided and recorded is decided and recorded in the same way.
    """
    began = time.perf_counter()
    swarm.number += 1
    now, late = vigil.looked_at, vigil.late

    # What a failing disk has not made durable yet comes first: until it has, nothing is added that would be written
    # anew with it turn after turn, and nothing decided that would never be enacted.
    swarm.journal.commit()
    done_with = observe(swarm, vigil, is_hasty=is_hasty)
    view = swarm.projection.view()
    wishes = decide(view, roster, now, swarm)
    verdict = arbitrate(view, wishes, now)
    taken = record_verdict(swarm, view, verdict, now, late=late, quiet=swarm.quiet)
    swarm.record(daemon_gauges(view, swarm.turn_ms, swarm.lost_turns, now))
    # One fdatasync for everything above, before anything below.
    swarm.journal.commit()
    for path in done_with:
        with contextlib.suppress(OSError):  # one that cannot be removed is on record, and is not asked twice
            path.unlink(missing_ok=True)
    ending = await enact(swarm, taken)
    swarm.backend.end_strays()

    view = swarm.projection.view()
    if not is_hasty and now - swarm.swept_at >= _SWEEP_EVERY:
        _end_lost_strays(swarm, view)
        swarm.swept_at = now
    swarm.took_ms.append((time.perf_counter() - began) * 1000)
    # A session opens with turns that each bring the next one at once, until nothing more is to be decided: a hundred
    # lanes that are to start wait for no page about them.
    is_opening = bool(taken) and ending is None and now - swarm.started_at < _OPENS_WITHIN
    if not is_hasty and not is_opening:
        tell(swarm, view, now)
    return Turn(view, len(taken), ending)


def tell(swarm: Swarm, view: View, now: Millis) -> None:
    """The published views and the running account. Losing a turn of them loses nothing that was decided."""
    documents = published_views(view, now, daemon=swarm.facts(now))
    try:
        swarm.published = publish(swarm.home, documents)
        swarm.chronicle.tell(view, now, cycle=swarm.number)
        if now - swarm.tidied_at >= _TIDY_EVERY:
            is_tidy = tidy(view, swarm.home, now) < AT_ONCE
            write_failure_memory(view, swarm.home)
            swarm.tidied_at = now if is_tidy else swarm.tidied_at
    except OutsideError as error:
        log.error("cycle %d could not be told: %s", swarm.number, error)


def observe(swarm: Swarm, vigil: Vigil, *, is_hasty: bool = False) -> list[Path]:
    """The sensors, each against the picture as the former left it. Gives back the inbox files that were read."""
    view, now, late = swarm.projection.view(), vigil.looked_at, vigil.late
    sees_states = swarm.has_child_news or late > 0 or now - swarm.states_seen_at >= _STATES_EVERY
    swarm.record(
        observe_runs(
            view,
            swarm.backend,
            swarm.page,
            swarm.clock,
            swarm.boot,
            now=now,
            late=late,
            moved_at=swarm.moved_at,
            sees_states=sees_states,
        )
    )
    vigil.excused()  # with every run, whatever becomes of the rest of this turn
    if sees_states:
        swarm.has_child_news, swarm.states_seen_at = False, now
    swarm.backend.oom.look(is_hasty=is_hasty)
    view = swarm.projection.view()
    swarm.record(observe_results(view, swarm.home, now=now, resultless=swarm.resultless, is_hasty=is_hasty))
    if is_hasty:
        return []
    requests, done_with = observe_inbox(view, swarm.home, now=now)
    swarm.record([*swarm.asked, *requests])
    swarm.asked.clear()
    _reap_orphans(swarm, now)
    if swarm.lost is not None or DISK in view.sources:
        lost = swarm.lost
        told = (f"{lost.count} cycles could not be recorded: {lost.why}", lost.since) if lost is not None else None
        swarm.record(observe_disk(view, told, now=now))
        swarm.lost = None
    swarm.record(swarm.clocks.observe(now))
    swarm.record(observe_published(view, swarm.home, swarm.published, now=now))
    swarm.record(observe_beats_page(view, swarm.page, now=now))
    if swarm.lock is not None:
        swarm.record(observe_home_lock(view, swarm.lock, now=now))
    if swarm.owned is not None:
        swarm.record(observe_ownership(view, swarm.owned, session=swarm.session, now=now))
    # Files first: what a monitoring changed is seen before its answer is read.
    swarm.record(swarm.champions.observe(view, swarm.home, now=now))
    swarm.record(observe_monitoring(swarm.projection.view(), swarm.monitoring, now=now))
    swarm.record(observe_errands(swarm.projection.view(), swarm.errands, now=now))
    swarm.record(observe_monitors(view, swarm.monitors.latest(), now=now))
    gpus = swarm.gpus.fresh()
    swarm.record(count_gpus(view, gpus, now=now))
    swarm.record(observe_gpus(view, gpus, swarm.home.run_dir, now=now, left_alone=why_left_alone))
    if gpus is not None and gpus.devices:
        swarm.record(lanes_of_gpus(swarm.projection.view(), now=now))
    if swarm.nodes is not None:
        swarm.record(observe_nodes(swarm.projection.view(), swarm.nodes.fresh(), now=now))
        swarm.record(widened(swarm.projection.view(), now=now))
        swarm.record(lanes_of_node_gpus(swarm.projection.view(), now=now))
    if now - swarm.host_seen_at >= _HOST_EVERY:
        swarm.measure(observe_host(view, swarm.home, now=now))
        swarm.host_seen_at = now
    if now - swarm.upkept_at >= _UPKEEP_EVERY:
        _mend_home(swarm)
        if (account := lanes_settled(swarm.projection.view(), now)) is not None:
            swarm.record([account])
        view = swarm.projection.view()
        swarm.record(lanes_home_again(view, view.policy, now))
        cut_living_logs(view, swarm.home, now)
        swarm.upkept_at = now
    return done_with


def _mend_home(swarm: Swarm) -> None:
    """Folders that were removed under us: a lane needs the place of its log, and a reading the one it measures."""
    try:
        made = swarm.home.prepare()
    except OperatorError as error:
        log.error("the home cannot be mended: %s", error)
        return
    if made:
        log.warning("folders of the home were gone, and were made anew: %s", ", ".join(map(str, made)))


def _reap_orphans(swarm: Swarm, now: Millis) -> None:
    """Zombies that came to us from lanes. One that is still there after a while is nobody else's to wait for."""
    waiting = zombies(besides=swarm.backend.pids())
    swarm.orphans = {pid: swarm.orphans.get(pid, now) for pid in waiting}
    reap(frozenset(pid for pid, since in swarm.orphans.items() if now - since >= _ORPHAN_AFTER))


def _end_lost_strays(swarm: Swarm, view: View) -> None:
    """What carries the mark of a run that holds no lane: left behind when a daemon died before it had ended it."""
    ended = swarm.backend.end_strays_but([run.id for run in view.open_runs()])
    if ended:
        log.warning("ended %d processes that runs of earlier days had left behind: pids %s", len(ended), ended)


def decide(view: View, roster: Iterable[Agent], now: Millis, swarm: Swarm) -> list[tuple[str, Action]]:
    """Every agent's wishes, in roster order. An agent that fails loses its own turn and nothing else."""
    wishes: list[tuple[str, Action]] = []
    for agent in roster:
        began = time.thread_time()  # the processor's, so that a starved machine makes no agent slow
        try:
            wishes += [(agent.NAME, wish) for wish in agent.decide(view, now)]
        except Exception as error:  # the shell's one answer to our own bugs: keep the evidence, lose the turn
            log.exception("%s failed in cycle %d; its turn is lost", agent.NAME, swarm.number)
            swarm.record(agent_failed(view, agent.NAME, error, now))
        else:
            swarm.record(agent_recovered(view, agent.NAME, now))
        swarm.turn_ms[agent.NAME] = (time.thread_time() - began) * 1000
    return wishes
