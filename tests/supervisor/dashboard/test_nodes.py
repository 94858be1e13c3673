"""The machines of a cluster on the first page: how each stands, how busy it is, what it costs."""

from typing import Any

import pytest
from builders import a_campaign, a_lane, a_node, a_policy, a_run, an_incident, the_settings
from dashboard_home import BEGAN, Client, told_home

from swarmd.state.units import HOUR
from swarmd.supervisor.dashboard.reader import Reader

N1 = {
    "cpus": 4, "cpu_util": 0.5, "gpus": 1, "mem_used_bytes": 4 << 30, "memory_bytes": 16 << 30,
    "devices": [{"index": 0, "util": 0.3, "mem_used": 1 << 30, "mem_total": 4 << 30}, {"index": 1}],
}  # fmt: skip


def told_cluster(folder: Any, *, prices: dict[str, Any]) -> Any:
    """Four nodes: one at work, one gone after an hour, one that rests, one that is not heard."""
    at = BEGAN + HOUR
    settings = the_settings(backend={"kind": "ray"} | prices)
    return told_home(folder, more=(
        a_campaign(at=BEGAN, settings=settings, started_at=BEGAN, spent={"nodes_cost": 1.5}),
        a_policy(at=BEGAN, lane_cpus=2.0, cpu_util_target=0.9, gpu_lanes=2, lane_gpus=0.5),
        a_node("n1", at=BEGAN, **N1), a_node("n3", at=BEGAN), a_node("n4", at=BEGAN, trouble="not heard"),
        a_node("n2", at=at, is_alive=False, since=at, lent=HOUR, trouble="health check failed", cpu_util=None),
        a_lane("on0", at=at, node="n1"), a_lane("on1", at=at, node="n1"),
        a_run("majors.BTCUSDT.balanced.validate", at=at, lane="on0", node="n1", ordered_at=at, launched_at=at),
        an_incident("n3", "node_rests", id="n3@0/node_rests", at=at, opened_at=at, cause="node n3 lost 5 runs"),
    ))  # fmt: skip


async def test_each_node_tells_its_standing_its_load_against_the_targets_and_its_cost(
    client: Client, tmp_path: Any
) -> None:
    prices = {"cost_per_hour": 2.0, "nodes": [{"name": "n1", "cost_per_hour": 0.5}]}
    home = told_cluster(tmp_path, prices=prices)
    one = client(home=home)
    rows = (await one.get("/api/table/nodes")).json()["rows"]
    # Those that want a person come first.
    assert [(row["id"], row["standing"]) for row in rows] == [
        ("n2", "gone"), ("n4", "unheard"), ("n3", "resting"), ("n1", "there")
    ]  # fmt: skip
    gone, _, rests, works = rows
    assert (works["lanes"], works["carries"], works["runs"]) == (2, 2 + 2, 1)
    assert (works["cpu_util"], works["cpu_target"], works["mem_used"]) == (0.5, 0.9, 0.25)
    assert (works["gpu_util"], works["gpu_mem_used"]) == (0.3, 0.25)
    assert (gone["trouble"], gone["carries"], gone["cpu_util"]) == ("health check failed", 0, None)
    assert rests["trouble"] == "node n3 lost 5 runs"
    # Nobody runs: until the last line, an hour after the begin.
    assert [row["cost"] for row in rows] == pytest.approx([2.0, 2.0, 2.0, 0.5])
    assert [row["price_per_hour"] for row in rows] == [2.0, 2.0, 2.0, 0.5]
    short = (await one.get("/api/now")).json()["nodes"]
    assert short["standing"] == {"gone": 1, "unheard": 1, "resting": 1, "there": 1}
    assert (short["total"], short["price_per_hour"], short["cost"]) == (4, 4.5, pytest.approx(6.5 + 1.5))
    reader = Reader(home)
    reader.look()
    past = (await one.get("/api/at", params={"at": reader.last_at})).json()
    assert (past["nodes"], len(past["node_rows"])) == (short, 4)


async def test_nodes_without_a_price_are_told_without_money(client: Client, tmp_path: Any) -> None:
    one = client(home=told_cluster(tmp_path, prices={}))
    rows = (await one.get("/api/table/nodes")).json()["rows"]
    assert {(row["price_per_hour"], row["cost"]) for row in rows} == {(None, None)}
    short = (await one.get("/api/now")).json()["nodes"]
    assert (short["price_per_hour"], short["cost"]) == (None, None)


async def test_one_machine_is_told_nothing_of_nodes(client: Client) -> None:
    assert (await client().get("/api/now")).json()["nodes"] is None
    assert (await client().get("/api/table/nodes")).json()["rows"] == []
