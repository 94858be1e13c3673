"""Until when each open run needs no judgement: what the guard knows of a run stands as long as run, beat and node do.

Of ten thousand runs a few move between two cycles and next to none is in trouble, so the guard judges those whose time
has come. Remembered from picture to picture; a picture made by hand works it out anew, to the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from swarmd.agents.rules.nodes import is_gone_from
from swarmd.agents.rules.pulse import UNKILLABLE_GRACES, well_until
from swarmd.state.records.beat import Beat
from swarmd.state.records.node import Node
from swarmd.state.records.run import RunAlive, RunOrdered, RunStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

OpenRun = RunOrdered | RunAlive
# What of a node a judgement looks at: its other figures move in every cycle.
_Standing = tuple[bool, bool, Millis, Millis]


@dataclass(slots=True)
class _Known:
    """Of one policy and session."""

    runs: Mapping[str, OpenRun] = field(default_factory=dict)
    beats: Mapping[str, Beat] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    standings: dict[str, _Standing] = field(default_factory=dict)
    of: dict[str, tuple[OpenRun, Beat | None, _Standing | None, Millis]] = field(default_factory=dict)
    soonest: Millis = 0


def runs_to_judge(view: View, now: Millis) -> list[OpenRun]:
    """Open runs, in their order, of which one of the guard's limits is over by now, or that stand on a node whose state
    must be weighed."""
    known = view.while_same("runs_to_judge", (view.policy, view.session), _Known)
    runs, beats = view.open_by_id, view.beats
    if known.runs is not runs or known.beats is not beats or known.nodes is not view.nodes:
        _learn(known, view)
    if now <= known.soonest:
        return []
    return [run for run, _, _, until in known.of.values() if until < now]


def _learn(known: _Known, view: View) -> None:
    before, beats, nodes = known.of, view.beats, view.nodes
    watched_since = view.session.at if view.session is not None else 0
    standings: dict[str, _Standing] = {}
    for name, node in nodes.items():
        now_so = node.is_alive, node.is_heard, node.since, node.life_since
        last = known.standings.get(name)
        standings[name] = last if last is not None and last == now_so else now_so
    known.of, soonest = {}, 1 << 60
    for id, run in view.open_by_id.items():
        beat, standing = beats.get(id), standings.get(run.node)
        of_run = before.get(id)
        if of_run is None or of_run[0] is not run or of_run[1] is not beat or of_run[2] is not standing:
            of_run = run, beat, standing, _until(view, run, beat, nodes.get(run.node), watched_since)
        known.of[id] = of_run
        if of_run[3] < soonest:
            soonest = of_run[3]
    known.runs, known.beats, known.nodes = view.open_by_id, beats, nodes
    known.standings, known.soonest = standings, soonest


def _until(view: View, run: OpenRun, beat: Beat | None, node: Node | None, watched_since: Millis) -> Millis:
    """The last instant at which there is nothing to say of it."""
    policy = view.policy
    if isinstance(run, RunOrdered):
        return max(run.ordered_at, watched_since) + policy.start_within
    if run.killed_at > 0:
        return run.killed_at + UNKILLABLE_GRACES * policy.term_grace
    if run.status is RunStatus.STOPPING:
        return max(run.stop_asked_at, watched_since) + policy.term_grace
    if node is not None and is_gone_from(node, run):
        return max(node.since, watched_since) + policy.silent_after
    if node is not None:
        watched_since = max(watched_since, node.since)
    return well_until(run, beat, policy=policy, watched_since=watched_since)
