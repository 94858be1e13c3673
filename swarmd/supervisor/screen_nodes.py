"""The nodes of a cluster on the one screen: which are there, what each carries, and what is wrong with one."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from swarmd.agents.rules.node_costs import cost_per_hour
from swarmd.agents.rules.nodes import carries, carries_on_gpus, resting_nodes
from swarmd.state.records.node import Node
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View

# Of two hundred nodes the first ones say little; those with something the matter are shown first.
_SHOWN = 20


def standing_of(view: View, node: Node) -> str:
    if not node.is_alive:
        return "gone"
    if node.trouble:
        return "unheard"
    return "resting" if node.id in resting_nodes(view) else "there"


def nodes(view: View, now: Millis) -> list[RenderableType]:
    """Nothing on one machine."""
    if not view.nodes:
        return []
    n_alive = sum(1 for node in view.nodes.values() if node.is_alive)
    price = cost_per_hour(view, view.campaign) if view.campaign is not None else 0.0
    title = f"nodes  {n_alive} of {len(view.nodes)} there" + (f", {price:.2f} an hour" if price else "")
    table = Table(title=title, title_justify="left", expand=True, box=None, header_style="dim")
    for name in ("node", "", "lanes", "runs", "load", "since"):
        table.add_column(name, no_wrap=True)
    table.add_column("", ratio=1)
    rows = sorted(view.nodes.values(), key=lambda node: standing_of(view, node) == "there")
    for node in rows[:_SHOWN]:
        standing = standing_of(view, node)
        rest = resting_nodes(view).get(node.id)
        table.add_row(
            node.id,
            Text(standing, style="dim" if standing == "there" else "bold"),
            f"{view.open_lanes_on.get(node.id, 0)}/{carries(view, node) + carries_on_gpus(view.policy, node)}",
            str(view.n_runs_on.get(node.id, 0)),
            "" if node.cpu_util is None else f"{node.cpu_util:.0%}",
            f"{spoken(max(0, now - node.since))} ago",
            node.trouble or ("" if rest is None else rest.cause),
        )
    if len(rows) > _SHOWN:
        table.add_row(f"and {len(rows) - _SHOWN} more", "", "", "", "", "", "swarmd query nodes")
    return [table]
