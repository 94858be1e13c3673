"""The machines of a cluster as the first page shows them: how each stands, how busy it is, and what it has cost.

Pure, over the plain rows of ``query``; the money is worked out by the rule that the budget counts with. A swarm on one
machine has no nodes, and is asked nothing of here.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from swarmd.state.node_rows import node_rows
from swarmd.state.query import Facts, Picture
from swarmd.state.units import Millis, millis_of_iso

Row = dict[str, Any]

# Those that want a person first.
_ORDER = ("gone", "unheard", "resting", "there")
_WORKED_ON = ("active", "paused")


def node_table(picture: Picture, facts: Facts) -> list[Row]:
    """One row a node, those with something the matter first. Shares are fractions; ``carries`` is how many lanes its
    processors and its graphics processors are for; ``cost`` is this session's, in the budget's currency like
    ``price_per_hour``; both are None where no price is known.
    """
    rows = node_rows(picture, facts)
    if not rows:
        return []
    costs = _costs(picture, facts.now)
    policy = picture.get("policy", "policy") or {}
    lane_cpus = policy.get("lane_cpus") or 1.0
    gpus = _lanes_of_gpus(picture)
    found = [
        row
        | {
            "carries": int(row["cpus"] / lane_cpus + 1e-9) + gpus[row["id"]] if row["standing"] != "gone" else 0,
            "cpu_target": policy.get("cpu_util_target"),
            "mem_used": row["mem_used_bytes"] / row["memory_bytes"]
            if row["mem_used_bytes"] is not None and row["memory_bytes"]
            else None,
            **_graphics(picture, row["id"]),
            "price_per_hour": costs[row["id"]][0],
            "cost": costs[row["id"]][1],
        }
        for row in rows
    ]
    return sorted(found, key=lambda row: _ORDER.index(row["standing"]))


def nodes_in_short(picture: Picture, table: Sequence[Row]) -> Row | None:
    """All of them in a few figures; None on one machine. ``cost`` counts the sessions before as well."""
    if not table:
        return None
    priced = [row for row in table if row["price_per_hour"] is not None]
    before = ((picture.campaign or {}).get("spent") or {}).get("nodes_cost") or 0.0
    return {
        "total": len(table),
        "standing": {name: count for name, count in Counter(row["standing"] for row in table).items() if count},
        "price_per_hour": sum(row["price_per_hour"] for row in priced if row["standing"] != "gone") if priced else None,
        "cost": before + sum(row["cost"] for row in priced) if priced else None,
    }


def _graphics(picture: Picture, id: str) -> Row:
    """Its graphics processors together: the mean of what they do, and the memory that is held of all there is."""
    devices = (picture.get("node", id) or {}).get("devices") or []
    told = [each["util"] for each in devices if each.get("util") is not None]
    held = [each for each in devices if each.get("mem_used") is not None and each.get("mem_total")]
    return {
        "gpu_util": sum(told) / len(told) if told else None,
        "gpu_mem_used": sum(each["mem_used"] for each in held) / sum(each["mem_total"] for each in held)
        if held
        else None,
    }


def _lanes_of_gpus(picture: Picture) -> dict[str, int]:
    """By node: how many lanes its graphics processors are for."""
    # As for the costs: slow to load, and only where there are nodes.
    from swarmd.agents.rules.nodes import carries_on_gpus
    from swarmd.state.records.node import Node
    from swarmd.state.records.policy import Policy

    told = picture.get("policy", "policy")
    policy = Policy.model_validate(told | {"at": millis_of_iso(told["at"])}) if told else Policy(at=0)
    nodes = (Node.model_validate(row | {"at": millis_of_iso(row["at"])}) for row in picture.rows("node"))
    return {node.id: carries_on_gpus(policy, node) for node in nodes}


def _costs(picture: Picture, now: Millis) -> dict[str, tuple[float | None, float | None]]:
    """By node: its price an hour and what it came to since the session took the campaign up."""
    # Only where there are nodes: the records and the rules behind them are slow to load.
    from swarmd.agents.rules.node_costs import node_cost, price_of
    from swarmd.state.records.backend import BackendSettings
    from swarmd.state.records.node import Node

    campaign = picture.campaign
    nodes = [Node.model_validate(row | {"at": millis_of_iso(row["at"])}) for row in picture.rows("node")]
    if campaign is None:
        return {node.id: (node.price_per_hour, None) for node in nodes}
    backend = BackendSettings.model_validate(campaign["settings"].get("backend") or {})
    until = now if campaign["status"] in _WORKED_ON else min(now, millis_of_iso(campaign["at"]))
    found: dict[str, tuple[float | None, float | None]] = {}
    for node in nodes:
        if not backend.is_priced and node.price_per_hour is None:
            found[node.id] = (None, None)
            continue
        cost = node_cost(node, backend, since=campaign["started_at"], until=until)
        found[node.id] = (price_of(node, backend), cost)
    return found
