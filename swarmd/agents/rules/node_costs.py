"""What the nodes of a cluster cost: each for the time it was there while the campaign was worked on, at its own price.

Used by the budget. A node's price is what the campaign's file says of it by name, else what the node tells itself, else
what the file says of all (`backend.cost_per_hour`); a node without any costs nothing that we know of.
"""

from swarmd.agents.rules.nodes import live_nodes
from swarmd.state.records.backend import BackendSettings
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.node import Node
from swarmd.state.units import HOUR, Millis
from swarmd.state.view import View


def price_of(node: Node, backend: BackendSettings) -> float:
    """Per hour, in the budget's currency."""
    listed = next((each.cost_per_hour for each in backend.nodes if each.name in (node.id, node.name)), None)
    if listed is not None:
        return listed
    if node.price_per_hour is not None:
        return node.price_per_hour
    return backend.cost_per_hour or 0.0


def cost_per_hour(view: View, campaign: Campaign) -> float:
    """What the nodes that are there now cost together."""
    return sum(price_of(node, campaign.settings.backend) for node in live_nodes(view))


def nodes_cost(view: View, campaign: Campaign, until: Millis) -> float:
    """What they came to since the campaign was taken up. A node's own account is of the session, which began no later;
    after the campaign was stopped nothing is added.
    """
    if campaign.status not in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED):
        until = min(until, campaign.at)
    backend = campaign.settings.backend
    return sum(node_cost(node, backend, since=campaign.started_at, until=until) for node in view.nodes.values())


def node_cost(node: Node, backend: BackendSettings, *, since: Millis, until: Millis) -> float:
    """What one of them came to in that stretch of this session."""
    return _there(node, since, until) / HOUR * price_of(node, backend)


def _there(node: Node, since: Millis, until: Millis) -> Millis:
    if node.at < since:
        # Not looked at since the session began: still on the list of what is there, or gone long ago.
        return max(0, until - since) if node.is_alive else 0
    return node.lent + (max(0, until - node.at) if node.is_alive else 0)
