"""The nodes of the cluster as records: who is there, since when, how busy, and who is gone.

Made from what ``backends/ray/watch`` heard; recorded when something moved. A node keeps its name when it comes back and
has another life then: what ran in the one before is gone.
"""

from swarmd.state.records.node import Node, NodeGpu
from swarmd.state.records.record import Record
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View
from swarmd.supervisor.backends.ray.watch import Look, NodeSeen

_UTIL_STEP = 0.10
_SIZE_STEP = 0.10
_RENEW_EVERY: Millis = MINUTE


def observe_nodes(view: View, look: Look | None, *, now: Millis) -> list[Record]:
    """New records of every node that moved, came or went.

    Of a cluster that does not answer the nodes are unheard, not gone: their lanes may well work on. Where nobody can
    even connect its head is gone, and nodes do not outlive their head.
    """
    if look is None:
        return []
    if look.is_lost:
        return [_gone(view, node, look.trouble, now) for node in view.nodes.values() if node.is_alive]
    if look.trouble:
        return [
            node.model_copy(update={"at": now, "since": now, "trouble": look.trouble, "lent": _lent(view, node, now)})
            for node in view.nodes.values()
            if node.is_alive and node.trouble != look.trouble
        ]
    found: list[Record] = []
    seen = _by_name(look)
    for name, one in seen.items():
        before = view.nodes.get(name)
        node = _node(view, before, one, now)
        # One that was dead before anybody asked is nobody's news.
        if (before is not None or one.is_alive) and _is_news(before, node):
            found.append(node)
    missing = [before for before in view.nodes.values() if before.is_alive and before.id not in seen]
    return [*found, *(_gone(view, before, "the cluster does not know it any more", now) for before in missing)]


def _by_name(look: Look) -> dict[str, NodeSeen]:
    """The living one of each name, else the last that died. What lends no processor, a head alone, is no node here."""
    seen: dict[str, NodeSeen] = {}
    for one in look.nodes:
        if one.is_alive and one.cpus <= 0:
            continue
        if one.name not in seen or one.is_alive:
            seen[one.name] = one
    return seen


def _node(view: View, before: Node | None, one: NodeSeen, now: Millis) -> Node:
    if before is not None and not one.is_alive:
        return (
            _gone(view, before, one.trouble or "its cluster says that it is dead", now) if before.is_alive else before
        )
    is_same_life = before is not None and before.is_alive and before.life == one.life
    # Heard again is a beginning too: what its runs said meanwhile is still on the way.
    is_as_before = is_same_life and before is not None and before.trouble == one.trouble
    return Node(
        id=one.name,
        at=now,
        name=one.name,
        address=one.address,
        is_alive=one.is_alive,
        since=before.since if before is not None and is_as_before else now,
        life_since=before.life_since if before is not None and is_same_life else now,
        seen_at=now,
        lent=0 if before is None else _lent(view, before, now),
        cpus=one.cpus,
        gpus=one.gpus,
        vram_gb=one.vram_gb,
        memory_bytes=one.memory_bytes or (before.memory_bytes if before is not None else 0),
        cpu_util=one.cpu_util if one.cpu_util is None else min(1.0, one.cpu_util),
        mem_used_bytes=one.mem_used_bytes,
        devices=one.devices,
        price_per_hour=one.price_per_hour,
        life=one.life,
        trouble=one.trouble,
    )


def _gone(view: View, before: Node, why: str, now: Millis) -> Node:
    return before.model_copy(
        update={
            "at": now, "is_alive": False, "since": now, "trouble": why, "lent": _lent(view, before, now),
            "cpu_util": None, "mem_used_bytes": None, "devices": (),
        }
    )  # fmt: skip


def _lent(view: View, before: Node, now: Millis) -> Millis:
    """How long it was there in this session: what a node lent in the last one is on that one's account."""
    began = view.session.at if view.session is not None else 0
    if before.at < began:
        return 0
    return before.lent + (now - before.at if before.is_alive else 0)


def _is_news(before: Node | None, node: Node) -> bool:
    if before is None or node is before:
        return before is None
    same = ("is_alive", "life", "trouble", "cpus", "gpus", "vram_gb", "address", "price_per_hour")
    if any(getattr(before, name) != getattr(node, name) for name in same):
        return True
    if (before.cpu_util is None) != (node.cpu_util is None) or node.at - before.at >= _RENEW_EVERY:
        return True
    moved = abs((node.cpu_util or 0.0) - (before.cpu_util or 0.0)) >= _UTIL_STEP
    sizes = abs((node.mem_used_bytes or 0) - (before.mem_used_bytes or 0))
    return moved or sizes >= _SIZE_STEP * max(1, node.memory_bytes) or _has_moved(before.devices, node.devices)


def _has_moved(before: tuple[NodeGpu, ...], now: tuple[NodeGpu, ...]) -> bool:
    """Whether other devices are there, or one of them is busier, idler, fuller or emptier than it was on record."""
    if [(each.index, each.name, each.util is None) for each in before] != [
        (each.index, each.name, each.util is None) for each in now
    ]:
        return True
    return any(
        abs((new.util or 0.0) - (old.util or 0.0)) >= _UTIL_STEP
        or abs((new.mem_used or 0) - (old.mem_used or 0)) >= _SIZE_STEP * max(1, new.mem_total or 0)
        for old, new in zip(before, now, strict=True)
    )


def lanes_of(look: Look, lane_cpus: float) -> int:
    """How many lanes the living nodes carry, as many on each as its processors make whole."""
    return sum(int(node.cpus // lane_cpus) for node in look.nodes if node.is_alive)
