"""Nodes that come, go and come back, as records."""

from builders import a_view

from swarmd.state.records.node import Node
from swarmd.state.view import View
from swarmd.supervisor.backends.ray.watch import Look, NodeSeen
from swarmd.supervisor.sensors.nodes import lanes_of, observe_nodes

NOW = 1_000_000


def seen(name: str = "n1", **said: object) -> NodeSeen:
    return NodeSeen.model_validate(
        {"name": name, "address": "10.0.0.3", "life": "a", "is_alive": True, "cpus": 4.0, **said}
    )


def recorded(view: View, *nodes: NodeSeen, now: int = NOW, trouble: str = "") -> list[Node]:
    found = observe_nodes(view, Look(nodes=nodes, trouble=trouble), now=now)
    return [node for node in found if isinstance(node, Node)]


def with_nodes(*nodes: Node) -> View:
    return a_view(nodes=list(nodes))


def test_a_node_is_on_record_once_and_again_when_it_moved() -> None:
    (first,) = recorded(with_nodes(), seen(cpu_util=0.2, mem_used_bytes=1 << 30, memory_bytes=8 << 30))
    assert (first.id, first.is_alive, first.cpus, first.since, first.life_since) == ("n1", True, 4.0, NOW, NOW)
    view = with_nodes(first)
    assert recorded(view, seen(cpu_util=0.25, mem_used_bytes=1 << 30, memory_bytes=8 << 30), now=NOW + 2_000) == []
    (busy,) = recorded(view, seen(cpu_util=0.9, mem_used_bytes=1 << 30, memory_bytes=8 << 30), now=NOW + 2_000)
    assert (busy.cpu_util, busy.since, busy.seen_at, busy.lent) == (0.9, NOW, NOW + 2_000, 2_000)


def test_one_that_died_is_gone_with_the_clusters_word_and_comes_back_with_another_life() -> None:
    (first,) = recorded(with_nodes(), seen())
    (gone,) = recorded(with_nodes(first), seen(is_alive=False, trouble="health check failed"), now=NOW + 10_000)
    assert (gone.is_alive, gone.trouble, gone.since, gone.lent) == (False, "health check failed", NOW + 10_000, 10_000)
    assert recorded(with_nodes(gone), seen(is_alive=False, trouble="health check failed"), now=NOW + 20_000) == []
    # The dead one stays in the cluster's list beside its successor of the same name.
    (back,) = recorded(with_nodes(gone), seen(life="b"), seen(is_alive=False), now=NOW + 30_000)
    assert (back.is_alive, back.life, back.life_since, back.lent) == (True, "b", NOW + 30_000, 10_000)


def test_a_cluster_that_forgets_a_node_or_does_not_answer() -> None:
    first, second = recorded(with_nodes(), seen("n1"), seen("n2"))
    (missing,) = recorded(with_nodes(first, second), seen("n2"), now=NOW + 1)
    assert (missing.id, missing.is_alive) == ("n1", False)
    unheard = recorded(with_nodes(first, second), now=NOW + 1, trouble="no answer")
    assert [(node.is_alive, node.is_heard, node.trouble) for node in unheard] == [(True, False, "no answer")] * 2
    lost = observe_nodes(with_nodes(*unheard), Look(trouble="no head", is_lost=True), now=NOW + 2)
    assert [(node.is_alive, node.trouble) for node in lost if isinstance(node, Node)] == [(False, "no head")] * 2
    (heard, _) = recorded(with_nodes(*unheard), seen("n1"), seen("n2"), now=NOW + 2)
    assert (heard.trouble, heard.life_since) == ("", NOW)


def test_what_lends_nothing_or_was_dead_before_anybody_looked_is_no_node() -> None:
    assert recorded(with_nodes(), seen("head", cpus=0.0), seen("old", is_alive=False)) == []


def test_a_lane_for_each_whole_share_of_a_nodes_processors() -> None:
    look = Look(nodes=(seen("n1"), seen("n2", cpus=3.0), seen("n3", cpus=8.0, is_alive=False)))
    assert (lanes_of(look, 1.0), lanes_of(look, 2.0), lanes_of(look, 0.5)) == (7, 3, 14)


def test_a_device_that_came_went_or_moved_is_news_and_one_that_did_not_is_none() -> None:
    gpu = {"index": 0, "name": "A100", "util": 0.2, "mem_used": 1 << 30, "mem_total": 8 << 30}
    said = {"cpu_util": 0.2, "gpus": 1.0, "vram_gb": 8.0}
    (first,) = recorded(with_nodes(), seen(devices=[gpu], **said))
    assert (first.gpus, first.vram_gb, [each.util for each in first.devices]) == (1.0, 8.0, [0.2])

    def again(**changed: object) -> list[Node]:
        return recorded(with_nodes(first), seen(devices=[gpu | changed], **said), now=NOW + 2_000)

    assert again(util=0.25, mem_used=(1 << 30) + (100 << 20)) == []
    for changed in ({"util": 0.9}, {"util": None}, {"mem_used": 3 << 30}, {"index": 1}, {"name": "H100"}):
        (moved,) = again(**changed)
        assert moved.since == NOW, changed
    assert len(recorded(with_nodes(first), seen(**said), now=NOW + 2_000)) == 1, "it fell off"
    assert len(recorded(with_nodes(first), seen(devices=[gpu], **said | {"vram_gb": 4.0}), now=NOW + 2_000)) == 1
