"""When a node came to be as it is: also when it was no longer heard, and when it was heard again."""

from builders import a_node, a_view

from swarmd.state.records.node import Node
from swarmd.supervisor.backends.ray.watch import Look, NodeSeen
from swarmd.supervisor.sensors.nodes import observe_nodes


def told(before: Node, look: Look) -> Node:
    (record,) = observe_nodes(a_view(nodes=[before]), look, now=100_000)
    assert isinstance(record, Node)
    return record


def test_silence_and_its_end_begin_now_and_the_life_goes_on() -> None:
    node = a_node(life="a", life_since=7)
    unheard = told(node, Look(trouble="the cluster does not answer"))
    assert (unheard.is_alive, unheard.is_heard, unheard.since, unheard.life_since) == (True, False, 100_000, 7)
    seen = NodeSeen(name="n1", address="10.0.0.1", life="a", is_alive=True, cpus=4, memory_bytes=16 << 30)
    again = told(unheard.model_copy(update={"since": 50_000, "at": 50_000}), Look(nodes=(seen,)))
    assert (again.is_heard, again.since, again.life_since) == (True, 100_000, 7)
