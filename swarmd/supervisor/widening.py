"""``max_lanes: auto`` on a cluster whose nodes come and go: as many lanes as all of them together have carried.

It grows with the nodes that join in a session and does not shrink: lanes without room are held by the agents, each by
its node, and are there again with it. The next session counts anew.
"""

from swarmd.agents.rules.nodes import n_carried
from swarmd.state.records.record import Record
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.opening import lane_for

# As the campaign file has it.
_LANES_MAX = 4096


def widened(view: View, *, now: Millis) -> list[Record]:
    """The policy with more lanes, and the new ones; nothing while the nodes carry no more than is provided for."""
    policy, campaign = view.policy, view.campaign
    if campaign is None or not policy.on_nodes or campaign.settings.limits.max_lanes != "auto":
        return []
    carried = min(n_carried(view), _LANES_MAX)
    if carried <= policy.max_lanes:
        return []
    wider = policy.model_copy(update={"at": now, "max_lanes": carried})
    slots = range(policy.max_lanes, carried)
    return [wider, *(lane_for(slot, wider, now) for slot in slots if f"cpu{slot}" not in view.lanes)]
