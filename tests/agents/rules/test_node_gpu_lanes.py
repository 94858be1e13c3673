"""Lanes of the devices of nodes: how many stand where, when they are held and filled, and which job takes which."""

from typing import Any

import pytest
from builders import (
    JOB,
    a_device,
    a_gauge,
    a_job,
    a_lane,
    a_node,
    a_policy,
    a_result,
    a_run,
    a_speed,
    a_throughput,
    a_view,
    an_incident,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.agents import auto_scheduler, util_controller, worker_sentry
from swarmd.agents.rules.gpu_lanes import about_gpu_lanes
from swarmd.agents.rules.gpu_rest import REST_FIRST
from swarmd.agents.rules.node_gpu_lanes import about_node_gpu_lanes
from swarmd.agents.rules.node_lanes import fill_nodes, held_for_nodes, put_on_nodes
from swarmd.agents.rules.nodes import carries_on_gpus
from swarmd.state.actions import OpenIncident, Say, SetLane, StartRun
from swarmd.state.records.incident import Signature
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.view import View

NOW = 100_000
GIB = 1 << 30
OPEN, HELD = LaneStatus.OPEN, LaneStatus.HELD


def a_gpu(index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "name": "A100", "util": 0.3, "mem_used": GIB, "mem_total": 8 * GIB, **fields}


def a_gpu_lane(name: str = "n1.gpu0a", status: str = "held", **fields: Any) -> Lane:
    node, _, device = name.partition(".")
    slot = "abcdefgh".index(device[-1])
    return a_lane(name, device=device[:-1], node=node, slot=slot, is_fill=slot > 0, status=status, **fields)


def cluster(**fields: Any) -> View:
    """Two nodes of four processors with a device each, lanes of half a device, and a lane of processors on each."""
    policy = a_policy(on_nodes=True, **{"max_lanes": 8, "gpu_lanes": 2, "lane_gpus": 0.5, **fields.pop("limits", {})})
    nodes = [a_node(name, gpus=1, devices=[a_gpu()]) for name in ("n1", "n2")]
    return a_view(**{"policy": policy, "nodes": nodes, **fields})


def set_to(view: View, now: int = NOW, *, may_open: bool = True) -> list[tuple[str, LaneStatus]]:
    return [(wish.lane, wish.status) for wish in about_node_gpu_lanes(view, now, may_open=may_open)]


def started(view: View, now: int = NOW) -> dict[str, str]:
    found = [wish for wish in auto_scheduler.decide(view, now) if isinstance(wish, StartRun)]
    return {wish.job.split(".")[1]: wish.lane for wish in found}


FIRST, FILL = a_gpu_lane("n1.gpu0a", "open"), a_gpu_lane("n1.gpu0b")
PRESCREENS = [a_job(symbol) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
REFINE = a_job("XRPUSDT", "refine")


# -- opened and held --------------------------------------------------------------------------------------------------


def test_a_lane_opens_while_its_node_is_there_and_says_what_the_node_lends() -> None:
    (wish,) = about_node_gpu_lanes(cluster(lanes=[a_gpu_lane()]), NOW, may_open=True)
    assert (wish.lane, wish.status, wish.node, wish.caused_by) == ("n1.gpu0a", OPEN, None, ("n1.gpu0a", "n1"))
    assert wish.reason == "gpu0 of node n1 (A100) is there, and has room: the node lends 1, a lane takes 0.5"
    assert set_to(cluster(lanes=[a_gpu_lane()]), may_open=False) == []
    untold = [a_node("n1", gpus=1)]
    assert set_to(cluster(lanes=[a_gpu_lane()], nodes=untold)) == [("n1.gpu0a", OPEN)], "by its number"
    unheard = [a_node("n1", gpus=1, trouble="not heard")]
    assert set_to(cluster(lanes=[a_gpu_lane()], nodes=unheard)) == []
    assert set_to(cluster(lanes=[FIRST], nodes=unheard)) == [], "what is open stays: the network may be to blame"
    full = [a_node("n1", gpus=1, memory_bytes=8 * GIB, mem_used_bytes=8 * GIB - (1100 << 20))]
    assert set_to(cluster(lanes=[a_gpu_lane()], nodes=full)) == []


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            {"nodes": [a_node("n1", gpus=1, is_alive=False, trouble="health check failed")]},
            "node n1 (10.0.0.1) is gone (health check failed); prescreens go elsewhere",
        ),
        ({"nodes": []}, "node n1 is not there; prescreens go elsewhere"),
        (
            {"incidents": [an_incident("n1", "node_rests", cause="node n1 lost 5 runs")]},
            "node n1 rests: node n1 lost 5 runs; prescreens go elsewhere",
        ),
        (
            {"nodes": [a_node("n1", gpus=1, cpus=0.5)]},
            "node n1 carries no lane (0.5 processors); prescreens go elsewhere",
        ),
        (
            {"nodes": [a_node("n1", gpus=1, devices=[a_gpu(1)])]},
            "gpu0 of node n1 does not answer: NVML there tells of gpu1; prescreens go to other lanes",
        ),
        (
            {"limits": {"on_nodes": False}},
            "n1 is a node of a cluster, and lanes are on this machine; prescreens go elsewhere",
        ),
    ],
)
def test_it_is_held_with_its_node_and_with_its_device(tables: dict[str, Any], said: str) -> None:
    limits = {"on_nodes": True, "max_lanes": 8, "gpu_lanes": 2, "lane_gpus": 0.5} | tables.pop("limits", {})
    other = a_gpu_lane("n2.gpu0a")
    nodes = [*tables.pop("nodes", [a_node("n1", gpus=1, devices=[a_gpu()])]), a_node("n2", gpus=1)]
    both = [FIRST, a_gpu_lane("n1.gpu0b", "open")]
    view = a_view(policy=a_policy(**limits), lanes=[*both, other], nodes=nodes, **tables)
    wishes = about_node_gpu_lanes(view, NOW, may_open=False)
    assert [(wish.lane, wish.status, wish.reason) for wish in wishes] == [
        ("n1.gpu0a", HELD, said),
        ("n1.gpu0b", HELD, said),
    ]
    closed = [a_gpu_lane("n1.gpu0a"), a_gpu_lane("n1.gpu0b")]
    assert set_to(a_view(policy=a_policy(**limits), lanes=closed, nodes=nodes, **tables)) == []


def test_a_device_rests_after_runs_that_could_not_use_it_and_that_of_another_node_does_not() -> None:
    job = "majors.R{}.balanced.prescreen"
    runs = [
        a_run(job.format(n), lane="n1.gpu0a", engine="auto", node="n1", status="done", exit_code=0, ended_at=n * 1_000)
        for n in (1, 2)
    ]
    told = [a_throughput(run.id, speed=a_speed(engine="cpu")) for run in runs]
    lanes = [FIRST, a_gpu_lane("n2.gpu0a", "open"), a_lane("gpu0a", device="gpu0", slot=0, status="open")]

    def view(n: int, **tables: Any) -> View:
        own = [a_device()]
        return cluster(lanes=lanes, devices=own, runs=runs[:n], throughputs=told[:n], **tables)

    (once,) = about_node_gpu_lanes(view(1), 999 + REST_FIRST, may_open=True)
    assert (once.lane, once.status) == ("n1.gpu0a", HELD)
    assert once.reason == (
        "gpu0 of node n1 rests for 10 min 0 s: majors.R1.balanced.prescreen-a1 fell back on the processor, 1 of its "
        "runs in a row; prescreens go to other lanes"
    )
    assert set_to(view(1), 1_000 + REST_FIRST) == []
    (twice,) = about_node_gpu_lanes(view(2), 1_000 + REST_FIRST, may_open=True)
    assert "rests for 20 min 0 s" in twice.reason
    worked = a_run(job.format(3), lane="n1.gpu0a", engine="auto", node="n1", status="done", exit_code=0, ended_at=3_000)
    speeds = [*told, a_throughput(worked.id, speed=a_speed(engine="gpu"))]
    after = cluster(lanes=lanes, runs=[*runs, worked], throughputs=speeds, results=[a_result(worked.id)])
    assert set_to(after, 4_000) == []
    # The daemon's own gpu0 is another one, and in a cluster it has no lanes.
    (own,) = about_gpu_lanes(view(1), 2_000, may_open=True)
    assert (own.lane, own.reason) == ("gpu0a", "lanes are on the nodes of the cluster")


def test_a_run_lost_on_a_nodes_device_is_not_blamed_on_this_machines() -> None:
    lost = a_run(lane="n1.gpu0a", engine="auto", node="n1", status="failed", exit_code=1, ended_at=2_000)
    away = a_device(is_there=False, trouble="GPU is lost", since=1_000)
    view = cluster(lanes=[FIRST], devices=[away], runs=[lost], jobs=[a_job(attempt=1)])
    told = [wish for wish in worker_sentry.decide(view, 3_000) if isinstance(wish, OpenIncident)]
    assert [wish.signature for wish in told] == [Signature.CRASH]


# -- how many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lent", "asked", "carried"),
    [
        ({"gpus": 2}, {"lane_gpus": 1}, 2),
        ({"gpus": 2}, {"lane_gpus": 0.5}, 4),
        ({"gpus": 0.3}, {"lane_gpus": 0.1}, 3),
        ({"gpus": 4}, {"lane_gpus": 2}, 2),
        ({"gpus": 1}, {"lane_gpus": 2}, 0),
        ({"gpus": 2, "vram_gb": 24}, {"lane_gpus": 0.5, "lane_vram_gb": 10}, 2),
        ({"gpus": 2, "vram_gb": 0}, {"lane_gpus": 0.5, "lane_vram_gb": 10}, 0),
        ({"gpus": 2, "vram_gb": None}, {"lane_gpus": 0.5, "lane_vram_gb": 10}, 4),
        ({"gpus": 2, "vram_gb": 0}, {"lane_gpus": 0.5}, 4),
        ({"gpus": 2, "is_alive": False}, {}, 0),
        ({"gpus": 2}, {"gpu_lanes": 0}, 0),
    ],
)
def test_a_node_carries_as_many_as_its_devices_and_their_memory_have_shares(
    lent: dict[str, Any], asked: dict[str, Any], carried: int
) -> None:
    assert carries_on_gpus(a_policy(**{"gpu_lanes": 8, **asked}), a_node("n1", **lent)) == carried


def test_what_a_node_does_not_carry_is_held_those_that_fill_first_and_with_the_figures() -> None:
    lanes = [a_gpu_lane(f"n1.gpu{n}{letter}", "open") for n in (0, 1) for letter in "ab"]
    node = a_node("n1", gpus=2, vram_gb=24, devices=[a_gpu(0), a_gpu(1)])
    view = cluster(lanes=lanes, nodes=[node], limits={"lane_vram_gb": 10})
    wishes = about_node_gpu_lanes(view, NOW, may_open=True)
    assert [(wish.lane, wish.status) for wish in wishes] == [("n1.gpu0b", HELD), ("n1.gpu1b", HELD)]
    assert wishes[0].reason == (
        "node n1 carries 2 lanes of GPUs: it lends 2 with 24 GB, a lane takes 0.5 with 10 GB (gpu_lanes 2)"
    )
    one = cluster(lanes=lanes, nodes=[node], limits={"gpu_lanes": 1})
    assert set_to(one) == [("n1.gpu0b", HELD), ("n1.gpu1b", HELD)]
    assert len(set_to(cluster(lanes=lanes, nodes=[node], limits={"gpu_lanes": 0}))) == 4


def test_what_still_works_in_a_held_lane_takes_its_share_until_it_has_ended() -> None:
    lanes = [a_gpu_lane("n1.gpu0a"), a_gpu_lane("n1.gpu1a")]
    node = a_node("n1", gpus=1, devices=[a_gpu(0), a_gpu(1)])
    draining = a_run(PRESCREENS[0].id, lane="n1.gpu0a", node="n1", engine="auto")
    limits = {"lane_gpus": 1.0}
    assert set_to(cluster(lanes=lanes, nodes=[node], limits=limits, runs=[draining])) == []
    assert set_to(cluster(lanes=lanes, nodes=[node], limits=limits)) == [("n1.gpu0a", OPEN)]


nodes_drawn = st.lists(
    st.tuples(st.sampled_from((0.0, 0.5, 1.0, 2.0, 4.0)), st.sampled_from((None, 0.0, 8.0, 40.0)), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60)
@given(
    nodes=nodes_drawn, lane_gpus=st.sampled_from((0.25, 0.5, 1.0, 2.0)), vram=st.sampled_from((0.0, 10.0)), of=st.data()
)
def test_whatever_stands_open_no_node_bears_more_than_it_carries(
    nodes: list[tuple[float, float | None, bool]], lane_gpus: float, vram: float, of: st.DataObject
) -> None:
    known = [
        a_node(f"n{n}", gpus=gpus, vram_gb=has, is_alive=alive, devices=[a_gpu(k, util=0.0) for k in range(4)])
        for n, (gpus, has, alive) in enumerate(nodes)
    ]
    names = [f"{node.id}.gpu{k}{letter}" for node in known for k in range(4) for letter in "ab"]
    lanes = {name: a_gpu_lane(name, of.draw(st.sampled_from(("open", "held")))) for name in names}
    runs = [
        a_run(f"majors.R{n}.balanced.prescreen", lane=name, node=lanes[name].node, engine="auto", slot=n)
        for n, name in enumerate(names)
        if of.draw(st.integers(0, 3)) == 0
    ]
    jobs = [a_job(f"S{n}USDT") for n in range(9)]
    limits = {"gpu_lanes": 2, "lane_gpus": lane_gpus, "lane_vram_gb": vram}
    for now in (NOW, 2 * NOW):
        view = cluster(nodes=known, lanes=[*lanes.values()], limits=limits, jobs=jobs, runs=runs)
        for wish in about_node_gpu_lanes(view, now, may_open=True):
            assert lanes[wish.lane].status is not wish.status, "nothing is said twice"
            lanes[wish.lane] = lanes[wish.lane].model_copy(update={"status": wish.status})
    policy = view.policy
    for node in known:
        here = [lane for lane in lanes.values() if lane.node == node.id and lane.status is OPEN]
        assert len(here) <= carries_on_gpus(policy, node)


# -- filling ----------------------------------------------------------------------------------------------------------


def filled(gpu: dict[str, Any] | None = None, **tables: Any) -> list[tuple[str, LaneStatus]]:
    node = a_node("n1", gpus=1, devices=[gpu or a_gpu()])
    busy = a_run(PRESCREENS[0].id, lane="n1.gpu0a", node="n1", engine="auto")
    given = {"lanes": [FIRST, FILL], "nodes": [node], "jobs": PRESCREENS, "runs": [busy]}
    return set_to(cluster(**given | tables))


def test_an_idle_device_gets_one_more_lane_and_a_busy_one_loses_it_again() -> None:
    assert filled() == [("n1.gpu0b", OPEN)]
    wish = about_node_gpu_lanes(
        cluster(lanes=[FIRST, FILL], jobs=PRESCREENS,
                runs=[a_run(PRESCREENS[0].id, lane="n1.gpu0a", node="n1", engine="auto")]),
        NOW, may_open=True,
    )[0]  # fmt: skip
    assert wish.reason == (
        "gpu0 of node n1 has 2 prescreens ready for busy lanes, it computes 0.30 of the time (target 0.80), 7.0 GiB of "
        "its memory are free (one lane takes 2.0)"
    )
    assert filled(a_gpu(util=0.75)) == []
    assert filled(a_gpu(util=None)) == [], "nobody tells"
    assert filled(a_gpu(mem_used=7 * GIB)) == []
    assert filled(limits={"lane_vram_gb": 7.6}) == [], "a lane takes what the campaign says"
    assert filled(runs=[]) == [], "its lane is free"
    assert filled(jobs=[REFINE]) == []
    free_elsewhere = [FIRST, FILL, a_gpu_lane("n2.gpu0a", "open")]
    nodes = [a_node(name, gpus=1, devices=[a_gpu()]) for name in ("n1", "n2")]
    assert filled(lanes=free_elsewhere, nodes=nodes, jobs=PRESCREENS[:2]) == [], "another device is free for it"
    both = [FIRST, a_gpu_lane("n1.gpu0b", "open")]
    assert filled(a_gpu(util=0.9), lanes=both) == [("n1.gpu0b", HELD)]
    assert filled(a_gpu(util=0.83), lanes=both) == []


def test_short_of_memory_a_node_loses_the_lanes_that_fill_then_those_of_processors_and_its_devices_last() -> None:
    node = a_node("n1", gpus=1, devices=[a_gpu()], memory_bytes=8 * GIB, mem_used_bytes=8 * GIB - (100 << 20))
    cpu = a_lane("cpu0", node="n1")
    lanes = [cpu, FIRST, a_gpu_lane("n1.gpu0b", "open")]
    assert set_to(cluster(lanes=lanes, nodes=[node])) == [("n1.gpu0b", HELD)]
    assert set_to(cluster(lanes=[cpu, FIRST, FILL], nodes=[node])) == []
    assert [wish.lane for wish in held_for_nodes(cluster(lanes=[cpu, FIRST, FILL], nodes=[node]), NOW)] == ["cpu0"]
    alone = [cpu.model_copy(update={"status": HELD}), FIRST, FILL]
    (last,) = about_node_gpu_lanes(cluster(lanes=alone, nodes=[node]), NOW, may_open=True)
    assert (last.lane, last.status) == ("n1.gpu0a", HELD)
    assert last.reason == "node n1 (10.0.0.1) has 100 MiB of memory available (limit 1024 MiB)"


# -- beside the lanes of processors -----------------------------------------------------------------------------------


def test_lanes_of_devices_take_no_place_of_those_of_processors_and_do_not_move() -> None:
    nodes = [a_node("n1", cpus=2, gpus=1, devices=[a_gpu()])]
    waiting = [a_lane(f"cpu{n}", status="held") for n in range(3)]
    held = put_on_nodes(cluster(nodes=nodes, lanes=[*waiting, FIRST, FILL]), NOW)
    assert [(wish.lane, wish.node) for wish in held] == [("cpu0", "n1"), ("cpu1", "n1")]
    full = [a_lane("cpu0", node="n1"), a_lane("cpu1", node="n1"), FIRST, a_gpu_lane("n1.gpu0b", "open")]
    view = cluster(nodes=nodes, lanes=full)
    assert held_for_nodes(view, NOW) == []
    draining = a_run(PRESCREENS[0].id, lane="n1.gpu0a", node="n1", engine="auto")
    after = cluster(nodes=nodes, lanes=[*waiting[:2], a_gpu_lane()], runs=[draining])
    assert len(put_on_nodes(after, NOW)) == 2


def test_processors_of_a_node_are_filled_by_work_for_processors_alone() -> None:
    node = a_node("n1", cpus=2, cpu_util=0.3, gpus=1, devices=[a_gpu()])
    refines = [a_job(f"S{n}USDT", "refine") for n in range(3)]
    runs = [a_run(job.id, lane=f"cpu{n}", node="n1", slot=n) for n, job in enumerate(refines[:2])]
    lanes = [
        *(a_lane(f"cpu{n}", node="n1") for n in range(2)), a_lane("fill0", slot=8, is_fill=True, status="held"),
        FIRST, FILL,
    ]  # fmt: skip
    for jobs, wanted in ((refines, [("fill0", OPEN)]), ([*refines[:2], *PRESCREENS], [])):
        view = cluster(nodes=[node], lanes=lanes, jobs=jobs, runs=runs, limits={"fill_lanes": 1})
        assert [(w.lane, w.status) for w in fill_nodes(view, NOW) if isinstance(w, SetLane)] == wanted


def test_the_controller_holds_and_opens_both_kinds_at_once() -> None:
    gone = a_node("n2", gpus=1, is_alive=False, trouble="gone")
    lanes = [a_lane("cpu0", status="held"), a_gpu_lane(), a_gpu_lane("n2.gpu0a", "open")]
    view = cluster(nodes=[a_node("n1", gpus=1, devices=[a_gpu()]), gone], lanes=lanes)
    found = {w.lane: (w.status, w.node) for w in util_controller.decide(view, NOW) if isinstance(w, SetLane)}
    assert found == {"cpu0": (OPEN, "n1"), "n1.gpu0a": (OPEN, None), "n2.gpu0a": (HELD, None)}


def test_that_there_is_no_gpu_is_said_only_where_no_node_lends_one() -> None:
    none_here = [a_gauge("host.gpu_count", 0.0)]
    for nodes, is_said in (([a_node("n1", gpus=1)], False), ([a_node("n1")], True)):
        wishes = util_controller.decide(cluster(nodes=nodes, gauges=none_here), NOW)
        assert ["gpu"] * is_said == [wish.topic for wish in wishes if isinstance(wish, Say) and wish.topic == "gpu"]


# -- what goes where --------------------------------------------------------------------------------------------------


def test_prescreens_take_the_lanes_of_devices_node_by_node_and_everything_else_stays_on_processors() -> None:
    lanes = [
        a_lane("cpu0", node="n1"), a_lane("cpu1", node="n2"), FIRST, a_gpu_lane("n1.gpu0b", "open"),
        a_gpu_lane("n2.gpu0a", "open"),
    ]  # fmt: skip
    view = cluster(lanes=lanes, jobs=[*PRESCREENS, REFINE])
    found = {wish.lane: wish for wish in auto_scheduler.decide(view, NOW) if isinstance(wish, StartRun)}
    assert sorted(found) == ["cpu0", "n1.gpu0a", "n1.gpu0b", "n2.gpu0a"]
    assert {lane: wish.engine for lane, wish in found.items() if lane != "cpu0"} == dict.fromkeys(
        ("n1.gpu0a", "n1.gpu0b", "n2.gpu0a"), "auto"
    )
    assert found["n2.gpu0a"].reason.endswith("; prescreens take a lane of gpu0 of node n2 while one is open")
    two = started(cluster(lanes=lanes, jobs=PRESCREENS[:2]))
    assert sorted(two.values()) == ["n1.gpu0a", "n2.gpu0a"], "the work spreads over the nodes"
    closed = [lanes[0], a_gpu_lane(reason="gpu0 of node n1 rests")]
    (plain,) = auto_scheduler.decide(cluster(lanes=closed, jobs=PRESCREENS[:1]), NOW)
    assert isinstance(plain, StartRun)
    assert (plain.lane, plain.engine) == ("cpu0", "cpu")
    assert plain.reason.endswith("; no lane of a GPU is open (n1.gpu0a: gpu0 of node n1 rests)")


def test_a_job_that_was_lost_on_a_node_goes_to_the_device_of_another() -> None:
    job = a_job(attempt=1)
    lost = a_run(JOB, lane="n1.gpu0a", node="n1", engine="auto", status="failed", exit_code=6, ended_at=1_000)
    lanes = [FIRST, a_gpu_lane("n2.gpu0a", "open")]
    assert started(cluster(lanes=lanes, jobs=[job], runs=[lost])) == {"BTCUSDT": "n2.gpu0a"}
    assert started(cluster(lanes=lanes[:1], jobs=[job], runs=[lost])) == {"BTCUSDT": "n1.gpu0a"}


def test_the_memory_of_its_own_node_is_asked() -> None:
    old = a_job("OLDUSDT", status="done", attempt=1)
    took = a_run(old.id, status="done", exit_code=0, ended_at=1, high_water_bytes=8 * GIB)
    small = a_node("n1", gpus=1, devices=[a_gpu()], memory_bytes=8 * GIB, mem_used_bytes=2 * GIB)
    busy = a_run(REFINE.id, lane="cpu0", node="n1")
    lanes = [a_lane("cpu0", node="n1"), FIRST, a_gpu_lane("n2.gpu0a", "open")]
    large = a_node("n2", gpus=1, devices=[a_gpu()], memory_bytes=64 * GIB)
    view = cluster(nodes=[small, large], lanes=lanes, jobs=[*PRESCREENS[:1], REFINE, old], runs=[took, busy])
    assert started(view) == {"BTCUSDT": "n2.gpu0a"}


def test_a_node_takes_no_more_runs_than_its_processors_are_for_those_on_devices_among_them() -> None:
    node = a_node("n1", cpus=1, gpus=1, devices=[a_gpu()])
    lanes = [a_lane("cpu0", node="n1"), FIRST]
    both = [PRESCREENS[0], REFINE]
    assert len(started(cluster(nodes=[node], lanes=lanes, jobs=both))) == 1
    busy = a_run(PRESCREENS[0].id, lane="n1.gpu0a", node="n1", engine="auto")
    assert started(cluster(nodes=[node], lanes=lanes, jobs=both, runs=[busy])) == {}
    wider = node.model_copy(update={"cpus": 2.0})
    assert started(cluster(nodes=[wider], lanes=lanes, jobs=both, runs=[busy])) == {"XRPUSDT": "cpu0"}


def test_a_hundred_free_lanes_of_processors_hide_no_lane_of_a_device() -> None:
    nodes = [a_node("n1", cpus=200, gpus=1, devices=[a_gpu()])]
    lanes = [*(a_lane(f"cpu{n}", node="n1") for n in range(120)), FIRST]
    assert started(cluster(nodes=nodes, lanes=lanes, jobs=PRESCREENS[:1])) == {"BTCUSDT": "n1.gpu0a"}
