"""Actions to world, one effect each: what is done here is in the journal already, and what came of it goes there next.

An effect that fails outside costs itself and no other; the next cycle sees a world in which it has not happened.
"""

from collections.abc import Sequence

from swarmd.state.actions import (
    ActionTaken,
    EndSession,
    KeepKnowledge,
    MonitorChampions,
    RebuildSource,
    StartRun,
    StopRun,
    WriteDocuments,
    WriteHandoff,
)
from swarmd.state.errors import OutsideError
from swarmd.state.records.errand import HANDOFF, KNOWLEDGE
from swarmd.state.records.monitoring import CHAMPIONS
from swarmd.state.records.run import RunAlive, RunOrdered, run_id
from swarmd.supervisor.effects.champions import begin_monitoring
from swarmd.supervisor.effects.documents import write_documents
from swarmd.supervisor.effects.errands import begin_errand
from swarmd.supervisor.effects.runs import ask_again, kill_again, start_run, stop_run, work_order
from swarmd.supervisor.logs import log
from swarmd.supervisor.swarm import Swarm


async def enact(swarm: Swarm, taken: Sequence[ActionTaken]) -> str | None:
    """Carry out what touches the world; the rest has already happened in the records. Why the session ends, if so."""
    ending: str | None = None
    for each in taken:
        if isinstance(each.action, EndSession):
            ending = each.action.reason
            continue
        try:
            await _carry_out(swarm, each)
        except (OutsideError, OSError) as error:
            log.error("%s (%s) came to nothing: %s", each.id, each.action.kind, error)
    _renew_stops(swarm, {each.action.run for each in taken if isinstance(each.action, StopRun)})
    swarm.journal.commit()
    return ending


async def _carry_out(swarm: Swarm, each: ActionTaken) -> None:
    # A glimpse is asked before the effect's own record goes in: a hundred runs started in one cycle copy no table a
    # hundred times, and what touches no world (most of a plan's actions) asks for none.
    see = swarm.projection.glimpse
    match each.action:
        case StartRun() as action:
            view = see()
            run = view.runs[run_id(action.job, action.attempt)]
            if isinstance(run, RunOrdered):
                order = work_order(view, run, home=swarm.home.root, session=swarm.session, threads=swarm.threads)
                swarm.record([start_run(swarm.backend, run, order, swarm.boot, now=swarm.clock.now())])
        case StopRun() as action:
            living = see().runs[action.run]
            if isinstance(living, RunAlive):
                await stop_run(swarm.backend, living, action, now=swarm.clock.now())
        case RebuildSource() as action:
            if action.source.startswith("monitor/"):
                await swarm.monitors.rebuild()
            # A published file is made anew at the end of this very cycle, like every other.
        case MonitorChampions():
            ordered = see().monitorings[CHAMPIONS]
            if ordered.order == each.id:
                swarm.record([begin_monitoring(swarm.monitoring, ordered, now=swarm.clock.now())])
        case WriteHandoff() | KeepKnowledge() as action:
            name = HANDOFF if isinstance(action, WriteHandoff) else KNOWLEDGE
            errand = see().errands[name]
            if errand.order == each.id:
                swarm.record([begin_errand(swarm.errands[name], errand, now=swarm.clock.now())])
        case WriteDocuments() as action:
            swarm.record(write_documents(see(), swarm.home, action, each.id, now=swarm.clock.now()))
        case _:
            pass


def _renew_stops(swarm: Swarm, just_stopped: set[str]) -> None:
    """A stop on record whose run still lives may never have been sent: the daemon died, or lost the turn, between.

    A kill is sent again each time, the question to stop once in a daemon's life: a run that was never asked must not be
    killed for not having answered.
    """
    stopping = [run for run in swarm.projection.view().live_runs() if run.stop_asked_at or run.killed_at]
    for run in stopping:
        if run.id in just_stopped:
            continue
        if run.killed_at:
            kill_again(swarm.backend, run)
        elif run.id not in swarm.asked_to_stop:
            ask_again(swarm.backend, run)
    swarm.asked_to_stop = {run.id for run in stopping}
