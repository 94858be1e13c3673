"""How much memory work will take, learned from what runs of the same phase took: running short is seen before it comes.

Used by `auto_scheduler`: a job waits while its expected need does not fit beside what the running ones have still to
grow. Where nothing has been learned nothing is held back, and a machine without any run always may start one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swarmd.agents.rules.nodes import free_memory
from swarmd.state.records.job import Job, Phase
from swarmd.state.records.node import Node
from swarmd.state.records.run import RunAlive, RunOrdered
from swarmd.state.view import View

# The last few of a phase: what it took weeks ago, with other settings, says little. Looked for among so many runs.
_LATEST, _LOOKED_AT = 20, 1000
_MIB = 1 << 20

OpenRun = RunOrdered | RunAlive


@dataclass(slots=True)
class Room:
    """What is left for further runs, in bytes; None where nobody measured. `take` counts a start against it."""

    left: float | None
    needs: Mapping[Phase, int]
    n_running: int
    refused: str = ""

    def take(self, job: Job) -> bool:
        """Whether the job fits, and then counted; why not is kept in `refused`."""
        need = self.needs.get(job.phase, 0)
        if self.left is not None and need > self.left and self.n_running > 0:
            self.refused = (
                f"{job.id} is expected to take {need / _MIB:.0f} MiB, as the last {job.phase.value} runs did, and "
                f"{max(0.0, self.left) / _MIB:.0f} MiB are left beside the running ones: it waits"
            )
            return False
        if self.left is not None:
            self.left -= need
        self.n_running += 1
        return True


def room(view: View) -> Room:
    """Available memory, less what must stay free, less what the open runs are expected to grow by."""
    available = view.gauges.get("host.mem_available_bytes")
    return _room(view, view.open_runs(), None if available is None else available.value)


def room_on(view: View, node: Node) -> Room:
    """The same of one node of a cluster: its own memory, and the runs there."""
    by_node = view.once("open_runs_by_node", lambda: _by_node(view))
    return _room(view, by_node.get(node.id, []), free_memory(node))


def _by_node(view: View) -> Mapping[str, list[OpenRun]]:
    found: dict[str, list[OpenRun]] = {}
    for run in view.open_runs():
        found.setdefault(run.node, []).append(run)
    return found


def _room(view: View, open_runs: Sequence[OpenRun], available: float | None) -> Room:
    needs = view.while_same("memory_needs", (view.ended_by_id,), lambda: _needs(view))
    if available is None:
        return Room(None, needs, len(open_runs))
    growth = 0
    for run in open_runs if needs else ():
        job, beat = view.jobs.get(run.job), view.beats.get(run.id)
        held = beat.rss_bytes if beat is not None else 0
        growth += max(0, (needs.get(job.phase, 0) if job is not None else 0) - held)
    return Room(available - view.policy.mem_available_min - growth, needs, len(open_runs))


def _needs(view: View) -> dict[Phase, int]:
    """By phase the most that one of its last runs held."""
    needs: dict[Phase, int] = {}
    counted: dict[Phase, int] = {}
    for run in view.last_ended(_LOOKED_AT):
        job = view.jobs.get(run.job) if run.high_water_bytes else None
        if job is None or counted.get(job.phase, 0) >= _LATEST:
            continue
        counted[job.phase] = counted.get(job.phase, 0) + 1
        needs[job.phase] = max(needs.get(job.phase, 0), run.high_water_bytes)
    return needs
