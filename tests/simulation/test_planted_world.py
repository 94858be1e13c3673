"""What the simulated world itself refuses: work on a node that is gone, a second copy of a page, a play without end.

Each law is seen to fail on a planted state, and to hold on the nearest lawful one.
"""

from dataclasses import replace
from typing import Any

import pytest
from builders import (
    CAMPAIGN,
    RUN,
    SESSION,
    a_campaign,
    a_job,
    a_lane,
    a_node,
    a_policy,
    a_run,
    a_session,
    a_view,
    an_action,
    the_settings,
)
from chain_builders import a_climb, ended

from simulation.champions import Champions
from simulation.cluster import Assumptions, ClusterWorld
from simulation.cluster_play import ClusterDay, ClusterLaws, play_cluster
from simulation.daemon import Daemon
from simulation.errands import Errands
from simulation.laws import LawBroken, Laws
from simulation.ledger import CodecBroken, Ledger
from simulation.play import Day, _bounded, _patience, begun
from simulation.world import NEVER, World
from swarmd.state.records.run import RunOrdered
from swarmd.state.units import MINUTE, SECOND

NOW = 100_000


def ordered(**fields: Any) -> RunOrdered:
    run = a_run(status="starting", **fields)
    assert isinstance(run, RunOrdered)
    return run


# -- nodes --------------------------------------------------------------------------------------------------------


def starts_on(node: Any, run: str = "n1", *, others: int = 0, **tables: Any) -> None:
    """In cpu0, which stands on n1, beside so many others there."""
    one = ordered(node=run)
    runs = [one, *(a_run(id=f"r{n}", lane=f"l{n}", job=f"j{n}", slot=n, node="n1") for n in range(1, others + 1))]
    known = {"lanes": [a_lane(node="n1")], "nodes": [node], "runs": runs, "jobs": [a_job(attempt=1)]}
    ClusterLaws().starts(a_view(**known | tables), one, NOW, World(1))


def test_a_start_where_no_node_is_or_on_another_than_its_lanes_is_found_out() -> None:
    starts_on(a_node())
    starts_on(a_node(), "")
    for node in (a_node(is_alive=False), a_node("n2")):
        with pytest.raises(LawBroken, match=f"{RUN} starts in cpu0 on n1, which is not there"):
            starts_on(node)
    with pytest.raises(LawBroken, match=f"{RUN} starts in cpu0 on no node, which is not there"):
        starts_on(a_node(), lanes=[a_lane()])
    with pytest.raises(LawBroken, match=f"{RUN} starts on n2, its lane stands on n1"):
        starts_on(a_node(), "n2")
    with pytest.raises(LawBroken, match="which is held"):  # and what holds on one machine holds here
        starts_on(a_node(), lanes=[a_lane(node="n1", status="held")])


@pytest.mark.parametrize(("cpus", "most"), [(4, 6), (5, 7), (1, 2)])
def test_half_as_many_again_as_a_node_carries_is_found_out(cpus: int, most: int) -> None:
    starts_on(a_node(cpus=cpus), others=most - 1)
    with pytest.raises(LawBroken, match=f"{most + 1} runs on n1, which carries {cpus}"):
        starts_on(a_node(cpus=cpus), others=most)


def test_a_start_on_a_device_of_what_computes_elsewhere_or_of_one_too_many_is_found_out() -> None:
    lanes = [a_lane(f"n1.gpu0{letter}", device="gpu0", node="n1", slot=n) for n, letter in enumerate("abc")]

    def starts(run: RunOrdered, *others: Any, phase: str = "prescreen") -> None:
        job = a_job(id=run.job, phase=phase, attempt=1)
        tables: dict[str, Any] = {"lanes": lanes, "nodes": [a_node(gpus=1)], "jobs": [job], "runs": [run, *others]}
        view = a_view(policy=a_policy(on_nodes=True, gpu_lanes=3, lane_gpus=0.5), **tables)
        ClusterLaws().starts(view, run, NOW, World(1))

    lawful = ordered(lane="n1.gpu0a", node="n1", engine="auto")
    beside = [
        a_run(id=f"r{n}", job=f"j{n}", slot=n, lane=lane.id, node="n1", engine="auto") for n, lane in enumerate(lanes)
    ]
    starts(lawful, beside[1])
    with pytest.raises(LawBroken, match="3 runs on the GPUs of n1, which carries 2"):
        starts(lawful, *beside[1:])
    for run, phase in (
        (ordered(lane="n1.gpu0a", node="n1", engine="cpu"), "prescreen"),
        (ordered(lane="n1.gpu0a", node="", engine="auto"), "prescreen"),
        (lawful, "refine"),
    ):
        with pytest.raises(LawBroken, match=r"starts in n1\.gpu0a, a lane of a GPU of n1"):
            starts(run, phase=phase)


def test_a_lane_that_is_open_where_no_node_is_is_found_out() -> None:
    def looked(*nodes: Any, lane: Any) -> None:
        ClusterLaws().looked(a_view(lanes=[lane], nodes=nodes), [], NOW, World(1))

    looked(a_node(), lane=a_lane(node="n1"))
    looked(a_node(is_alive=False), lane=a_lane(node="n1", status="held"))
    for nodes, lane, name in (
        ([a_node(is_alive=False)], a_lane(node="n1"), "n1"),
        ([a_node("n2")], a_lane(node="n1"), "n1"),
        ([a_node()], a_lane(), "no node"),
    ):
        with pytest.raises(LawBroken, match=f"1 lanes are open on {name}, which is not there"):
            looked(*nodes, lane=lane)
    twice = [an_action(id=f"a1-{n}", action={**QUEUE, "job": "j"}) for n in (1, 2)]
    with pytest.raises(LawBroken, match="queued a second time"):
        ClusterLaws().looked(a_view(lanes=[]), twice, NOW, World(1))


QUEUE: Any = {
    "kind": "queue_job", "reason": "planned", "campaign": CAMPAIGN, "symbol": "BTCUSDT", "mode": "balanced",
    "phase": "prescreen", "priority": 1,
}  # fmt: skip


def test_the_world_refuses_work_on_no_node_and_on_one_that_is_known_to_be_gone() -> None:
    def launched(run: RunOrdered, phase: str = "prescreen", *, after: int = 0) -> ClusterWorld:
        world = ClusterWorld(1, fault_rate=0.0, faults_until=0)
        world.with_nodes(1, 1, Assumptions(noticed_within=15 * SECOND, back_within=61 * MINUTE, bad_nodes=0.0))
        world.advance(10 * MINUTE)
        if after:
            world.node_dies(world.nodes["n000"])
            world.advance(10 * MINUTE + after)
        world.launch(run, a_job(phase=phase))
        return world

    with pytest.raises(AssertionError, match=f"{RUN} is ordered onto no node"):
        launched(ordered())
    launched(ordered(), "screen")  # which stays with whoever owns the home
    assert launched(ordered(node="n000")).home_of[RUN].id == "n000"
    launched(ordered(node="n000"), after=30 * SECOND)
    with pytest.raises(AssertionError, match=f"{RUN} is put on n000, which is gone for 30001 ms"):
        launched(ordered(node="n000"), after=30 * SECOND + 1)


SMALL = ClusterDay(
    1, nodes=1, lanes=1, hours=0.5, pace=0.001, loses_at=NEVER, until_done=True,
    assumed=Assumptions(arrive_within=1, bad_nodes=0.0, muffled_per_day=0),
)  # fmt: skip


def test_a_day_on_a_cluster_that_does_not_come_to_its_end_is_found_out() -> None:
    report, _ = play_cluster(SMALL)
    assert report.jobs["queued"] == 0
    with pytest.raises(LawBroken, match="the campaign does not come to its end"):
        play_cluster(replace(SMALL, hours=0))


def test_a_day_that_ends_with_healthy_jobs_quarantined_is_found_out() -> None:
    with pytest.raises(LawBroken, match=r"\d+ healthy jobs are quarantined"):
        play_cluster(replace(SMALL, nodes=2, lanes=2, pace=0.01, until_done=False, hours=1, fault_rate=1.0))


# -- what there is only one of ------------------------------------------------------------------------------------


def test_a_second_monitoring_beside_the_first_is_found_out() -> None:
    champions = Champions(World(1), ends={"a1-0": (NOW, True)})
    with pytest.raises(LawBroken, match=r"monitoring a2-0 starts beside \['a1-0'\]"):
        champions.begin("a2-0", NOW - 1)
    champions.begin("a2-0", NOW)
    assert [*champions.ends] == ["a1-0", "a2-0"]


def test_a_second_errand_of_one_name_is_found_out() -> None:
    errands = Errands(World(1), ends={"a1-0": (NOW, True)}, names={"a1-0": "handoff"})
    with pytest.raises(LawBroken, match=r"errand a2-0 for handoff starts beside \['a1-0'\]"):
        errands.begin("handoff", "a2-0", NOW - 1)
    errands.begin("knowledge", "a2-0", NOW - 1)
    errands.begin("handoff", "a3-0", NOW)
    assert [*errands.names.values()] == ["handoff", "knowledge", "handoff"]


# -- what is read of it -------------------------------------------------------------------------------------------


def test_a_run_that_is_on_record_as_alive_and_never_was_is_found_out() -> None:
    def opened(world: World) -> None:
        world.launch(ordered(job=a_job("ETHUSDT").id, id="other", lane="cpu1"), a_job("ETHUSDT"))
        ledger = Ledger()
        alive = a_run(id="other", job=a_job("ETHUSDT").id, lane="cpu1", boot_id="boot1")
        ledger.append([a_session(id=SESSION, status="lost"), a_campaign(), a_lane("cpu1"), a_job("ETHUSDT"), alive])
        ledger.commit()
        daemon = Daemon(
            world, ledger, Laws(), Champions(world), Errands(world), a_policy(), the_settings(),
            until_done=True, beats_every=MINUTE, now=0,
        )  # fmt: skip
        if "other" not in kept:
            world.processes.clear()
        daemon._observe(1, 0)

    kept = {"other"}
    opened(World(1, fault_rate=0.0))
    kept.clear()
    with pytest.raises(AssertionError, match="other is on record as alive and never was"):
        opened(World(1, fault_rate=0.0))


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
def test_a_record_that_reads_differently_from_its_line_is_found_out() -> None:
    job = a_job(after=("a",))
    Ledger().append([job])
    with pytest.raises(CodecBroken, match=f"job {job.id} reads differently from its line"):
        Ledger().append([job.model_copy(update={"after": ["a"]})])


def test_a_session_that_stays_open_when_all_is_done_is_found_out() -> None:
    it = begun(Day(1, lanes=1, hours=1))
    chains = ended(a_climb())
    it.settings = chains.campaign.settings
    it.ledger.append([chains.campaign, *chains.jobs.values(), *chains.results.values()])
    it.ledger.commit()
    it.world.faults_until = 0
    bound = _patience(it, it.settings)
    _bounded(it, bound)
    with pytest.raises(LawBroken, match="the session still open 1 ms after its time"):
        _bounded(it, bound + 1)
    it.world.faults_until = NEVER
    _bounded(it, bound + 1)
    it.world.faults_until = 0
    it.ledger.append([a_campaign(settings=it.settings)])
    it.ledger.commit()
    with pytest.raises(LawBroken, match="the campaign has not come to its end"):
        _bounded(it, bound + 1)
