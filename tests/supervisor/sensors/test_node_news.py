"""What a node's list says that is worth a line, and what is not."""

from typing import Any

import pytest
from builders import a_node, a_session, a_view

from swarmd.state.records.node import Node
from swarmd.state.units import MINUTE
from swarmd.supervisor.sensors.node_news import NodeSeen, node_records


def seen(**fields: Any) -> dict[str, NodeSeen]:
    figures = {"cpus": 4, "memory_bytes": 16 << 30, "cpu_util": 0.5, "mem_used_bytes": 4 << 30, "heard_at": 100_000}
    node = NodeSeen(**{"id": "n1", "name": "n1", "address": "10.0.0.1", **figures, **fields})
    return {node.id: node}


def told(before: dict[str, Any] | None = None, now: int = 100_000, **fields: Any) -> list[Node]:
    known = [] if before is None else [a_node(**{"at": 90_000, **before})]
    return node_records(a_view(nodes=known, sessions=[a_session(at=0)]), seen(**fields), now=now)


def test_a_node_that_comes_is_told_once_and_its_small_moves_are_not() -> None:
    (came,) = told()
    assert (came.is_alive, came.since, came.life_since, came.lent) == (True, 100_000, 100_000, 0)
    assert told({}) == []
    assert told({}, now=140_000, heard_at=140_000, cpu_util=0.55) == []
    (moved,) = told({}, now=140_000, heard_at=140_000, cpu_util=0.8)
    assert (moved.cpu_util, moved.since, moved.lent) == (0.8, 0, 50_000)
    assert told({}, cpu_util=0.8) == []  # not so soon after the last


def test_silence_is_told_as_that_before_the_node_counts_as_gone() -> None:
    (unheard,) = told({}, heard_at=85_000)
    assert (unheard.is_alive, unheard.since, unheard.is_heard) == (True, 100_000, False)
    (gone,) = told({}, heard_at=100_000 - MINUTE - 1)
    assert (gone.is_alive, gone.cpu_util) == (False, None)
    (given_up,) = told({}, trouble="health check failed")
    assert (given_up.is_alive, given_up.trouble, given_up.lent) == (False, "health check failed", 10_000)


def test_another_life_begins_now_and_the_same_one_began_when_it_did() -> None:
    (again,) = told({"life": "a", "life_since": 7}, life="b")
    assert (again.life_since, again.since) == (100_000, 100_000)
    (healed,) = told({"life": "a", "life_since": 7, "is_alive": False, "trouble": "gone"}, life="a")
    assert (healed.life_since, healed.since) == (7, 100_000)


def test_who_is_no_longer_listed_is_gone_and_told_once() -> None:
    view = a_view(nodes=[a_node("n2", at=5), a_node("n3", is_alive=False)])
    (gone,) = node_records(view, {}, now=50)
    assert (gone.id, gone.is_alive, gone.trouble) == ("n2", False, "the cluster no longer lists it")


@pytest.mark.parametrize(("at", "alive", "lent"), [(40_000, True, 60_000), (40_000, False, 0), (80_000, True, 25_000)])
def test_a_nodes_account_is_of_this_session(at: int, alive: bool, lent: int) -> None:
    before = a_node(at=at, is_alive=alive, lent=5_000, trouble="" if alive else "gone")
    view = a_view(nodes=[before], sessions=[a_session(at=40_001 if at < 50_000 else 0)])
    (record,) = node_records(view, seen(life="b"), now=100_001 if at < 50_000 else 100_000)
    assert record.lent == lent
