"""More lanes with more nodes, where the campaign leaves their number to the cluster."""

from builders import a_campaign, a_lane, a_node, a_policy, a_view, the_settings

from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.policy import Policy
from swarmd.state.view import View
from swarmd.supervisor.widening import widened

NOW = 1_000


def a_cluster(max_lanes: object = "auto", *, cpus: tuple[float, ...] = (4,), on_nodes: bool = True) -> View:
    """Of a session that began with a single node of four processors."""
    settings = the_settings(limits={"max_lanes": max_lanes}, backend={"kind": "ray"})
    return a_view(
        campaigns=[a_campaign(settings=settings)],
        policy=a_policy(max_lanes=4, on_nodes=on_nodes),
        lanes=[a_lane(f"cpu{slot}", slot=slot) for slot in range(4)],
        nodes=[a_node(f"n{number}", cpus=each) for number, each in enumerate(cpus)],
    )


def test_a_node_that_joins_brings_its_lanes_held_until_they_are_put_there() -> None:
    policy, *lanes = widened(a_cluster(cpus=(4, 2.5)), now=NOW)
    assert isinstance(policy, Policy)
    assert (policy.max_lanes, policy.at) == (6, NOW)
    assert [(lane.id, lane.slot, lane.status) for lane in lanes if isinstance(lane, Lane)] == [
        ("cpu4", 4, LaneStatus.HELD),
        ("cpu5", 5, LaneStatus.HELD),
    ]


def test_fewer_nodes_a_fixed_number_and_one_machine_change_nothing() -> None:
    assert widened(a_cluster(cpus=(2,)), now=NOW) == []
    assert widened(a_cluster(4, cpus=(4, 4)), now=NOW) == []
    assert widened(a_cluster(cpus=(4, 4), on_nodes=False), now=NOW) == []
