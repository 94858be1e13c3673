"""What the nodes of a cluster are to an agent: which are there, how many lanes each carries, what went with one.

Pure facts shared by the guards, the scheduler and the filling of lanes. A swarm on one machine has no nodes, and every
answer here is then the empty one.
"""

from collections.abc import Mapping
from math import ceil

from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.node import Node
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import AnyRun, RunEnded
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.state.work_order import ExitCode

# Who stands in for a run may end a while before anybody says that the node is gone, or after.
WORD_WITHIN: Millis = 30 * SECOND
_SLACK = 1e-9  # three lanes of 0.1 processors fit into 0.3
_MIB = 1 << 20


def carries(view: View, node: Node) -> int:
    """How many lanes its processors are for; 0 where it is not there."""
    return int(node.cpus / view.policy.lane_cpus + _SLACK) if node.is_alive else 0


def n_gpus(node: Node) -> int:
    """How many devices it lends, one of which it lends a part counted whole; 0 where it is not there."""
    return ceil(node.gpus - _SLACK) if node.is_alive else 0


def lanes_per_gpu(policy: Policy) -> int:
    """How many lanes one device of a node has: as many as their shares of it fit in, one at the least."""
    return min(policy.gpu_lanes, max(1, int(1 / policy.lane_gpus + _SLACK)))


def carries_on_gpus(policy: Policy, node: Node) -> int:
    """How many lanes its graphics processors are for, by what it lends of them and of their memory."""
    if not node.is_alive or not policy.gpu_lanes:
        return 0
    by_share = int(node.gpus / policy.lane_gpus + _SLACK)
    if not policy.lane_vram_gb or node.vram_gb is None:
        return by_share
    return min(by_share, int(node.vram_gb / policy.lane_vram_gb + _SLACK))


def live_nodes(view: View) -> tuple[Node, ...]:
    return view.once("live_nodes", lambda: tuple(node for node in view.nodes.values() if node.is_alive))


def n_carried(view: View) -> int:
    """How many lanes the whole cluster carries now."""
    return sum(carries(view, node) for node in live_nodes(view))


def resting_nodes(view: View) -> Mapping[str, Incident]:
    """Nodes that lost run after run, each with the incident that tells of its rest."""
    return view.once("resting_nodes", lambda: _resting(view))


def _resting(view: View) -> Mapping[str, Incident]:
    if not view.nodes:
        return {}
    return {each.subject: each for each in view.open_incidents() if each.signature is Signature.NODE_RESTS}


def node_of(view: View, run: AnyRun) -> Node | None:
    return view.nodes.get(run.node) if run.node else None


def is_gone_from(node: Node, run: AnyRun) -> bool:
    """Whether nothing of the run can be on the node any more: it is gone, or began another life since."""
    return not node.is_alive or run.ordered_at < node.life_since


def found_no_cluster(run: RunEnded) -> bool:
    """Or lost it as a whole: what became of it says nothing about its job, nor about a node."""
    return bool(run.node) and run.exit_code == ExitCode.CLUSTER_LOST


def went_with_node(view: View, run: RunEnded) -> bool:
    """Whether the run was lost because its node was, or the whole cluster: by its own word, by the record of it, or by
    the node's.
    """
    if not run.node:
        return False
    if run.exit_code == ExitCode.NODE_LOST or found_no_cluster(run):
        return True
    told = view.told_of.get(run.id)
    if told is not None and told.signature is Signature.NODE_LOST:
        return True
    node = view.nodes.get(run.node)
    if node is None or not is_gone_from(node, run):
        return False
    gone_at = node.since if not node.is_alive else node.life_since
    return run.ended_at >= gone_at - WORD_WITHIN


def told_of_node(node: Node) -> str:
    """``node n3 (10.0.0.3)``, for a sentence."""
    return f"node {node.id}" + (f" ({node.address})" if node.address else "")


def memory_short_on(view: View, node: Node) -> str:
    """Why its memory is short, in figures; empty where it is not, or nobody told."""
    free, limit = free_memory(node), view.policy.mem_available_min
    if free is None or free >= limit:
        return ""
    return f"{told_of_node(node)} has {free / _MIB:.0f} MiB of memory available (limit {limit / _MIB:.0f} MiB)"


def free_memory(node: Node) -> int | None:
    """Bytes that nobody holds there; None where that is not known."""
    if node.mem_used_bytes is None or not node.memory_bytes:
        return None
    return max(0, node.memory_bytes - node.mem_used_bytes)
