"""Lanes for the devices that nodes lend, and what becomes of them when the cluster is left."""

from pathlib import Path
from typing import Any

from builders import a_campaign, a_device, a_job, a_lane, a_node, a_policy, a_run, a_session, a_view

from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.run import RunOrdered
from swarmd.supervisor.effects.runs import work_order
from swarmd.supervisor.node_gpu_lanes import lanes_of_node_gpus
from swarmd.supervisor.opening import lanes_home_again, opening_records


def made(*nodes: object, lanes: tuple[Lane, ...] = (), **limits: Any) -> list[Lane]:
    policy = a_policy(**{"on_nodes": True, "gpu_lanes": 2, "lane_gpus": 0.5} | limits)
    found = lanes_of_node_gpus(a_view(policy=policy, nodes=nodes, lanes=lanes), now=7)
    return [lane for lane in found if isinstance(lane, Lane)]


def names(*nodes: object, **limits: Any) -> list[str]:
    return [lane.id for lane in made(*nodes, **limits)]


def test_each_device_that_a_node_lends_gets_the_lanes_whose_shares_fit_into_it_once() -> None:
    first, fill = made(a_node("n1", gpus=1))
    assert (first.id, first.device, first.node, first.slot, first.is_fill) == ("n1.gpu0a", "gpu0", "n1", 0, False)
    assert (fill.id, fill.device, fill.node, fill.slot, fill.is_fill) == ("n1.gpu0b", "gpu0", "n1", 1, True)
    assert {first.status, fill.status} == {LaneStatus.HELD}, "the controller opens them where there is room"
    assert made(a_node("n1", gpus=1), lanes=(first,)) == [fill]
    assert names(a_node("n1", gpus=2), a_node("n2", gpus=1), lane_gpus=1) == ["n1.gpu0a", "n1.gpu1a", "n2.gpu0a"]
    assert names(a_node("n1", gpus=0.5)) == ["n1.gpu0a", "n1.gpu0b"], "a part of one is one"
    assert names(a_node("n1", gpus=1), lane_gpus=0.1, gpu_lanes=3) == ["n1.gpu0a", "n1.gpu0b", "n1.gpu0c"]
    assert names(a_node("n1", gpus=2), lane_gpus=2) == ["n1.gpu0a", "n1.gpu1a"]


def test_where_there_is_nothing_to_lend_or_nobody_wants_it_there_are_none() -> None:
    assert names(a_node("n1"), a_node("n2", gpus=2, is_alive=False, trouble="gone")) == []
    assert names(a_node("n1", gpus=1), gpu_lanes=0) == []
    assert names(a_node("n1", gpus=1), on_nodes=False) == []


def test_the_order_of_such_a_lane_names_the_node_and_no_device_of_this_machine() -> None:
    lane = a_lane("n1.gpu0a", device="gpu0", slot=0, node="n1")
    view = a_view(jobs=[a_job()], lanes=[lane], nodes=[a_node("n1", gpus=1)], devices=[a_device(uuid="GPU-of-here")])
    run = a_run(lane="n1.gpu0a", engine="auto", node="n1", status="starting")
    assert isinstance(run, RunOrdered)
    order = work_order(view, run, home=Path("/home"), session="s", threads=2)
    assert (order.lane, order.engine, order.device, order.node) == ("n1.gpu0a", "auto", "", "n1")


def test_when_the_cluster_is_left_they_stay_with_its_nodes_where_lanes_of_processors_come_home() -> None:
    lanes = [a_lane("cpu0", node="n1"), a_lane("n1.gpu0a", device="gpu0", slot=0, node="n1")]
    before = a_view(lanes=lanes, nodes=[a_node("n1", gpus=1)], campaigns=[a_campaign()])
    told = opening_records(before, a_session(), a_policy(max_lanes=1), None, "", 5)
    assert [(record.id, record.node) for record in told if isinstance(record, Lane)] == [("cpu0", "")]


def test_a_lane_in_which_something_was_under_way_comes_home_when_that_is_over() -> None:
    lanes, policy = [a_lane("cpu0", node="n1"), a_lane("n1.gpu0a", device="gpu0", slot=0, node="n1")], a_policy()
    busy = a_view(lanes=lanes, runs=[a_run(lane="cpu0", node="n1")], policy=policy)
    assert lanes_home_again(busy, policy, 5) == []
    free = a_view(lanes=lanes, runs=[a_run(lane="cpu0", node="n1", status="lost")], policy=policy)
    assert [(lane.id, lane.node) for lane in lanes_home_again(free, policy, 5)] == [("cpu0", "")]
    assert lanes_home_again(free, a_policy(on_nodes=True), 5) == []
    why = "kept for idle processors"
    fill = a_lane("fill0", slot=4, node="n1", is_fill=True, status="held", reason=why)
    (home,) = lanes_home_again(a_view(lanes=[fill], policy=policy), policy, 5)
    assert (home.id, home.node, home.reason) == ("fill0", "", why)
