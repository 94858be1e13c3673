"""``swarmd query nodes``: the machines of a cluster, what each carries and how it fares, as plain rows.

A topic of ``query``, in a file of its own; like all of that it reads dictionaries, so that the command starts fast.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from swarmd.state.units import iso

if TYPE_CHECKING:
    from swarmd.state.query import Facts, Picture

Row = dict[str, Any]


def node_rows(picture: "Picture", facts: "Facts") -> list[Row]:
    """One row a node, in the order in which they came. ``standing`` is there, unheard, resting or gone; ``lanes`` are
    those that take work there, ``runs`` those under way. ``price_per_hour`` is what it tells itself.
    """
    lanes = Counter(row.get("node", "") for row in picture.rows("lane") if row["status"] == "open")
    runs = Counter(row.get("node", "") for row in picture.open_runs())
    resting = {
        row["subject"]: row["cause"]
        for row in picture.rows("incident")
        if row["signature"] == "node_rests" and row["status"] != "closed"
    }
    return [_row(node, lanes[node["id"]], runs[node["id"]], resting.get(node["id"])) for node in picture.rows("node")]


def _row(node: Row, n_lanes: int, n_runs: int, rests: str | None) -> Row:
    standing = "gone" if not node["is_alive"] else "unheard" if node["trouble"] else "resting" if rests else "there"
    return {
        "id": node["id"],
        "address": node["address"],
        "standing": standing,
        "since": iso(node["since"]),
        "lanes": n_lanes,
        "runs": n_runs,
        "cpus": node["cpus"],
        "gpus": node["gpus"],
        "cpu_util": node["cpu_util"],
        "memory_bytes": node["memory_bytes"],
        "mem_used_bytes": node["mem_used_bytes"],
        "price_per_hour": node["price_per_hour"],
        "trouble": node["trouble"] or rests or "",
    }
