"""Which of the nodes a backend lists are worth a line, and what the line says: the pure half of its sensor.

The backend says what it sees (``NodeSeen``); here that is held against the picture. A node that comes, goes, falls
silent or begins another life is told at once; its load only where it moved, for two hundred nodes measured each few
seconds would write more than the swarm's own work does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.state.records.node import Node, NodeGpu
from swarmd.state.units import MINUTE, SECOND, Millis, iso
from swarmd.state.view import View

# A load is told again when it moved so far, and not more often than this; unmoved, now and then all the same.
_UTIL_MOVED, _MEMORY_MOVED = 0.10, 0.05
_LOAD_EVERY: Millis = 30 * SECOND
_ANYWAY_EVERY: Millis = 10 * MINUTE
# The cluster's own health checks take some 10 s; by then what is missing is more than one beat.
UNHEARD_AFTER: Millis = 10 * SECOND
GONE_AFTER: Millis = 60 * SECOND


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One node as its backend lists it now. ``heard_at`` is its last sign of life on the swarm's axis; ``life`` what
    the backend calls this time of it. ``trouble`` is the backend's own word for a node it gave up.
    """

    id: str
    name: str
    address: str
    heard_at: Millis
    cpus: float
    gpus: float = 0.0
    memory_bytes: int = 0
    cpu_util: float | None = None
    mem_used_bytes: int | None = None
    devices: tuple[NodeGpu, ...] = ()
    price_per_hour: float | None = None
    life: str = ""
    trouble: str = ""


def node_records(view: View, seen: Mapping[str, NodeSeen], *, now: Millis) -> list[Node]:
    """New records of every node that has news; ``seen`` is by id, and who is missing from it is gone."""
    records = []
    for id in {**view.nodes, **seen}:
        before, latest = view.nodes.get(id), seen.get(id)
        if latest is None:
            if before is not None and before.is_alive:
                records.append(_gone(view, before, "the cluster no longer lists it", now))
        elif before is None or before.life != latest.life or not _is_quiet(view, before, latest, now):
            records.append(_node(view, before, latest, now))
    return records


def lent(view: View, node: Node, now: Millis) -> Millis:
    """How long the node was there in the present session, up to ``now``."""
    since = 0 if view.session is None else view.session.at
    if node.at < since:
        return max(0, now - since) if node.is_alive else 0
    return node.lent + (max(0, now - node.at) if node.is_alive else 0)


def _gone(view: View, before: Node, why: str, now: Millis) -> Node:
    gone = {"at": now, "caused_by": (), "is_alive": False, "since": now, "trouble": why}
    return before.model_copy(update={**gone, "lent": lent(view, before, now), "cpu_util": None, "mem_used_bytes": None})


def _standing(latest: NodeSeen, now: Millis) -> tuple[bool, str]:
    """Whether it counts as there, and what is wrong with it."""
    silent = now - latest.heard_at
    if latest.trouble:
        return False, latest.trouble
    if silent > GONE_AFTER:
        return False, f"not heard since {iso(latest.heard_at)}"
    return True, f"not heard since {iso(latest.heard_at)}" if silent > UNHEARD_AFTER else ""


def _node(view: View, before: Node | None, latest: NodeSeen, now: Millis) -> Node:
    is_alive, trouble = _standing(latest, now)
    is_same_life = before is not None and before.life == latest.life
    is_same = is_same_life and before is not None and (before.is_alive, before.trouble) == (is_alive, trouble)
    return Node(
        id=latest.id,
        at=now,
        name=latest.name,
        address=latest.address,
        is_alive=is_alive,
        since=before.since if is_same and before is not None else now,
        seen_at=latest.heard_at,
        life_since=before.life_since if is_same_life and before is not None else now,
        lent=0 if before is None else lent(view, before, now),
        cpus=latest.cpus,
        gpus=latest.gpus,
        memory_bytes=latest.memory_bytes,
        cpu_util=latest.cpu_util if is_alive else None,
        mem_used_bytes=latest.mem_used_bytes if is_alive else None,
        devices=latest.devices,
        price_per_hour=latest.price_per_hour,
        life=latest.life,
        trouble=trouble,
    )


def _is_quiet(view: View, before: Node, latest: NodeSeen, now: Millis) -> bool:
    """Whether the record there is still tells it all."""
    if (before.is_alive, before.trouble) != _standing(latest, now):
        return False
    has = (before.cpus, before.gpus, before.memory_bytes, before.address, before.price_per_hour)
    if has != (latest.cpus, latest.gpus, latest.memory_bytes, latest.address, latest.price_per_hour):
        return False
    if not before.is_alive:
        return True
    if now - before.at >= _ANYWAY_EVERY:
        return False
    return now - before.at < _LOAD_EVERY or not _has_moved(view, before, latest)


def _has_moved(view: View, before: Node, latest: NodeSeen) -> bool:
    if (before.cpu_util is None) != (latest.cpu_util is None):
        return True
    if before.cpu_util is not None and latest.cpu_util is not None:
        target = view.policy.cpu_util_target
        if (before.cpu_util > target) != (latest.cpu_util > target):
            return True
        if abs(before.cpu_util - latest.cpu_util) >= _UTIL_MOVED:
            return True
    then, now = before.mem_used_bytes, latest.mem_used_bytes
    if (then is None) != (now is None):
        return True
    return then is not None and now is not None and abs(then - now) > _MEMORY_MOVED * max(1, latest.memory_bytes)
