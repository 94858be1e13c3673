"""What goes with a node, where lanes may stand, which node rests, and what nodes cost."""

from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_beat,
    a_campaign,
    a_job,
    a_lane,
    a_node,
    a_policy,
    a_result,
    a_run,
    a_session,
    a_view,
    an_incident,
    the_settings,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.agents import auto_scheduler, budget_guard, operation_hang_guard, util_controller, worker_sentry
from swarmd.agents.rules.breaker import everywhere
from swarmd.agents.rules.budget import settled
from swarmd.agents.rules.losses import FORGIVEN_WITH_NODES, asked_to_stop, losses_of, losses_since
from swarmd.agents.rules.node_costs import cost_per_hour, nodes_cost
from swarmd.agents.rules.node_lanes import fill_nodes, held_for_nodes, put_on_nodes
from swarmd.agents.rules.nodes import carries, went_with_node
from swarmd.agents.rules.quarantine import about_quarantine, may_try
from swarmd.state.actions import CloseIncident, HoldJob, OpenIncident, SetCampaign, SetLane, StartRun, StopRun
from swarmd.state.records.incident import Signature
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.run import RunEnded, run_id
from swarmd.state.units import HOUR, MINUTE, Millis
from swarmd.state.view import View


def cluster(**fields: Any) -> View:
    """Two nodes of four processors and a policy for them; anything may be given by name."""
    policy = a_policy(on_nodes=True, **{"max_lanes": 8, **fields.pop("limits", {})})
    return a_view(**{"policy": policy, "nodes": [a_node("n1"), a_node("n2")], "lanes": [], **fields})


def ended_on(node: str, number: int, **fields: Any) -> RunEnded:
    job = job_id("majors", f"S{number}", "balanced", Phase.PRESCREEN)
    run = a_run(job, node=node, **{"status": "failed", "exit_code": 1, "ended_at": 1_000, **fields})
    assert isinstance(run, RunEnded)
    return run


# -- what goes with a node --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "node", "went"),
    [
        ({"exit_code": 6}, {}, True),
        ({"exit_code": 1}, {}, False),
        ({"exit_code": 1}, {"is_alive": False, "since": 20_000, "trouble": "gone"}, True),
        ({"exit_code": 1}, {"is_alive": False, "since": 200_000, "trouble": "gone"}, False),
        ({"exit_code": 1, "ordered_at": 0}, {"life_since": 20_000}, True),
        ({"exit_code": 1, "ordered_at": 30_000}, {"life_since": 20_000}, False),
        ({"exit_code": 1, "node": ""}, {"is_alive": False, "trouble": "gone"}, False),
    ],
)
def test_a_run_went_with_its_node_by_its_own_word_or_by_the_nodes(
    run: dict[str, Any], node: dict[str, Any], went: bool
) -> None:
    where = run.get("node", "n1")
    rest = {name: value for name, value in run.items() if name != "node"}
    lost = ended_on(where, 1, **{"ended_at": 40_000, **rest})
    assert went_with_node(a_view(nodes=[a_node("n1", **node)], runs=[lost]), lost) is went


def test_a_nodes_loss_is_one_signature_with_its_name_and_counts_against_no_job() -> None:
    job = a_job(attempt=1)
    run = a_run(node="n1", status="failed", exit_code=6, ended_at=1_000, reason="exited with code 6")
    gone = a_node("n1", is_alive=False, since=900, trouble="health check failed")
    view = cluster(nodes=[gone, a_node("n2")], jobs=[job], runs=[run])
    told = [wish for wish in worker_sentry.decide(view, 1_500) if isinstance(wish, OpenIncident)]
    assert [wish.signature for wish in told] == [Signature.NODE_LOST]
    assert told[0].reason.startswith("node n1 (10.0.0.1) was lost, and the run with it (health check failed)")
    assert losses_of(view, job, asked_to_stop(view), 1_500) == []
    assert not [wish for wish in worker_sentry.decide(view, 1_500) if isinstance(wish, HoldJob)]


def test_a_job_from_under_which_node_after_node_goes_is_counted_at_last() -> None:
    n = FORGIVEN_WITH_NODES + 2
    job = a_job(attempt=n)
    runs = [a_run(attempt=k, node="n1", status="failed", exit_code=6, ended_at=k) for k in range(1, n + 1)]
    view = cluster(jobs=[job], runs=runs)
    assert [run.attempt for run in losses_of(view, job, frozenset(), 10)] == [n - 1, n]


def test_fifty_runs_that_go_with_one_node_are_no_storm_and_not_everywhere() -> None:
    runs = [ended_on("n1", number, exit_code=6) for number in range(50)]
    view = cluster(runs=runs)
    assert losses_since(view, 0, 2_000) == []
    assert everywhere(view, 2_000) is None


def test_the_same_loss_on_one_node_of_two_is_that_nodes_and_on_both_it_is_everywhere() -> None:
    here = [ended_on("n1", number) for number in range(6)]
    there = [ended_on("n2" if number % 2 else "n1", number) for number in range(6)]
    assert everywhere(cluster(runs=here), 2_000) is None
    assert everywhere(cluster(runs=there), 2_000) is not None
    assert everywhere(cluster(runs=here, nodes=[a_node("n1")]), 2_000) is not None


# -- silence ----------------------------------------------------------------------------------------------------------


def hang_of(node: dict[str, Any], now: Millis = 60_000) -> list[Any]:
    run, beat = a_run(node="n1"), a_beat(heartbeat_at=10_000, progress_at=10_000)
    view = cluster(nodes=[a_node("n1", **node)], jobs=[a_job(attempt=1)], runs=[run], beats=[beat])
    return [(each.kind, getattr(each, "signature", "")) for each in operation_hang_guard.decide(view, now)]


def test_late_beats_are_the_networks_while_the_node_is_not_heard_and_when_it_is_heard_again() -> None:
    assert hang_of({"since": 20_000, "trouble": "not heard"}) == []
    assert hang_of({"since": 55_000}) == []
    silent = [("open_incident", Signature.SILENT), ("stop_run", "")]
    assert hang_of({"since": 0}) == silent
    assert hang_of({"since": 55_000}, now=80_000) == silent


def test_a_run_whose_node_is_gone_or_unheard_for_long_is_ended_as_that() -> None:
    lost = [("open_incident", Signature.NODE_LOST), ("stop_run", "")]
    assert hang_of({"is_alive": False, "since": 50_000, "trouble": "gone"}) == []
    assert hang_of({"is_alive": False, "since": 30_000, "trouble": "gone"}) == lost
    assert hang_of({"since": 20_000, "trouble": "not heard"}, now=160_000) == lost


def test_whom_the_guard_ended_for_its_node_goes_on_and_was_not_asked_by_a_person() -> None:
    run = a_run(node="n1", status="lost", signal=9, ended_at=1_000, was_stopped=True)
    view = cluster(runs=[run], jobs=[a_job(attempt=1)], incidents=[an_incident(signature="node_lost")])
    assert asked_to_stop(view) == frozenset()
    assert losses_of(view, view.jobs[JOB], frozenset(), 2_000) == []


# -- lanes ------------------------------------------------------------------------------------------------------------


def lanes(n: int, **fields: Any) -> list[Any]:
    return [a_lane(f"cpu{number}", **{"status": "held", **fields}) for number in range(n)]


def test_lanes_are_put_on_the_emptiest_nodes_as_many_as_they_carry() -> None:
    view = cluster(nodes=[a_node("n1", cpus=2), a_node("n2", cpus=4)], lanes=lanes(8))
    put = [(wish.lane, wish.node) for wish in put_on_nodes(view, 0)]
    assert len(put) == 6
    assert sorted(node or "" for _, node in put) == ["n1"] * 2 + ["n2"] * 4


def test_an_open_lane_on_a_node_that_is_gone_is_held_and_moves_only_when_nothing_runs_in_it() -> None:
    gone = a_node("n1", is_alive=False, since=5, trouble="health check failed")
    stood = [a_lane("cpu0", node="n1"), a_lane("cpu1", node="n1"), a_lane("cpu2", node="n2")]
    before = cluster(nodes=[gone, a_node("n2")], lanes=stood, runs=[a_run(lane="cpu0", node="n1")])
    held = held_for_nodes(before, 10)
    assert [(wish.lane, wish.status) for wish in held] == [("cpu0", LaneStatus.HELD), ("cpu1", LaneStatus.HELD)]
    assert held[0].reason == "node n1 (10.0.0.1) is gone (health check failed)"
    after = cluster(
        nodes=[gone, a_node("n2")], runs=[a_run(lane="cpu0", node="n1")],
        lanes=[a_lane("cpu0", node="n1", status="held"), a_lane("cpu1", node="n1", status="held"), stood[2]],
    )  # fmt: skip
    assert [(wish.lane, wish.node) for wish in put_on_nodes(after, 10)] == [("cpu1", "n2")]


def test_memory_of_a_node_holds_its_own_lanes_one_a_cycle() -> None:
    short = a_node("n1", memory_bytes=8 << 30, mem_used_bytes=(8 << 30) - (100 << 20))
    view = cluster(nodes=[short, a_node("n2")], lanes=[a_lane(f"cpu{k}", node=f"n{1 + k % 2}") for k in range(4)])
    wishes = held_for_nodes(view, 0)
    assert [wish.lane for wish in wishes] == ["cpu2"]
    assert wishes[0].reason == "node n1 (10.0.0.1) has 100 MiB of memory available (limit 1024 MiB)"
    assert all(wish.node != "n1" for wish in put_on_nodes(view, 0))


@pytest.mark.parametrize(("load", "status"), [(0.5, LaneStatus.OPEN), (0.85, None), (0.97, LaneStatus.HELD)])
def test_a_node_is_filled_by_its_own_load_with_the_hysteresis_of_one_machine(
    load: float, status: LaneStatus | None
) -> None:
    jobs = [a_job(f"S{number}USDT", phase="preflight") for number in range(3)]
    busy = [a_run(jobs[0].id, attempt=k, lane=f"cpu{k}", node="n1", slot=k) for k in range(2)]
    fill = a_lane("fill0", slot=8, is_fill=True, status="open" if status is LaneStatus.HELD else "held", node="n1")
    view = cluster(
        nodes=[a_node("n1", cpus=2, cpu_util=load)], lanes=[*(a_lane(f"cpu{k}", node="n1") for k in range(2)), fill],
        jobs=jobs, runs=[*busy, *([a_run(lane="fill0", node="n1", slot=9)] if fill.status is LaneStatus.OPEN else ())],
        limits={"fill_lanes": 1},
    )  # fmt: skip
    found = [(wish.lane, wish.status) for wish in fill_nodes(view, 60_000) if isinstance(wish, SetLane)]
    assert found == ([] if status is None else [("fill0", status)])


def test_a_lost_job_goes_to_another_node_and_none_to_a_lane_whose_node_is_gone() -> None:
    job = a_job(attempt=1, phase="preflight", id=JOB)
    lost = a_run(node="n1", status="failed", exit_code=6, ended_at=1_000)
    gone = a_node("n3", is_alive=False, trouble="gone")
    view = cluster(
        nodes=[a_node("n1"), a_node("n2"), gone], jobs=[job], runs=[lost],
        lanes=[a_lane(f"cpu{k}", node=f"n{node}") for k, node in enumerate((3, 1, 2))],
    )  # fmt: skip
    starts = [wish for wish in auto_scheduler.decide(view, 10_000) if isinstance(wish, StartRun)]
    assert [wish.lane for wish in starts] == ["cpu2"]


nodes_drawn = st.lists(st.tuples(st.floats(0.5, 8), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=60)
@given(nodes=nodes_drawn, n_lanes=st.integers(0, 20), where=st.data())
def test_whatever_stands_where_after_two_rounds_no_node_bears_more_than_it_carries(
    nodes: list[tuple[float, bool]], n_lanes: int, where: st.DataObject
) -> None:
    there = [a_node(f"n{k}", cpus=cpus, is_alive=up, cpu_util=None) for k, (cpus, up) in enumerate(nodes)]
    names = ["", *(node.id for node in there)]
    table = {
        lane.id: lane.model_copy(
            update={
                "node": where.draw(st.sampled_from(names)), "status": where.draw(st.sampled_from([*LaneStatus])),
            }
        )
        for lane in lanes(n_lanes)
    }  # fmt: skip
    for _ in range(2):
        view = cluster(nodes=there, lanes=[*table.values()], limits={"max_lanes": 20})
        wishes = [wish for wish in util_controller.decide(view, 0) if isinstance(wish, SetLane)]
        assert len({wish.lane for wish in wishes}) == len(wishes)
        for wish in wishes:
            moved = {"node": wish.node} if wish.node is not None else {}
            table[wish.lane] = table[wish.lane].model_copy(update={"status": wish.status, **moved})
    view = cluster(nodes=there, lanes=[*table.values()], limits={"max_lanes": 20})
    opened = dict(view.open_lanes_on)
    assert all(opened.get(node.id, 0) <= carries(view, node) for node in there)
    assert sum(opened.values()) == min(n_lanes, sum(carries(view, node) for node in there))


# -- rest -------------------------------------------------------------------------------------------------------------


def lost_on(node: str, n: int) -> list[RunEnded]:
    return [ended_on(node, number) for number in range(n)]


def test_a_node_that_loses_runs_of_several_jobs_rests_and_says_why() -> None:
    found = about_quarantine(cluster(runs=lost_on("n1", 5)), 2_000)
    assert [(wish.signature, wish.subject) for wish in found if isinstance(wish, OpenIncident)] == [
        (Signature.NODE_RESTS, "n1")
    ]
    assert "lost 5 runs of 5 jobs within 10 min 0 s (limit 5; 0 did their work there), to crash" in found[0].reason


def test_neither_few_losses_nor_one_jobs_nor_a_nodes_that_works_make_it_rest() -> None:
    of_one_job = [a_run(attempt=k, node="n1", status="failed", exit_code=1, ended_at=k) for k in range(1, 8)]
    working = [ended_on("n1", number + 50, status="done", exit_code=0) for number in range(6)]
    results = [a_result(run.id, job=run.job) for run in working]
    for runs, found in ((lost_on("n1", 4), ()), (of_one_job, ()), ([*lost_on("n1", 5), *working], results)):
        assert about_quarantine(cluster(runs=runs, results=list(found)), 2_000) == []


def test_a_node_that_goes_and_comes_back_time_after_time_rests_though_each_time_is_one_loss() -> None:
    runs = [ended_on("n1", k, exit_code=6, ended_at=k * 2 * MINUTE) for k in range(1, 4)]
    (found,) = about_quarantine(cluster(runs=runs), 7 * MINUTE)
    assert "was gone 3 times within 10 min 0 s (limit 3), its runs with it" in found.reason


@settings(max_examples=30)
@given(n_nodes=st.integers(1, 9), n_bad=st.integers(0, 9))
def test_never_more_than_a_third_of_the_nodes_rest_and_never_the_last(n_nodes: int, n_bad: int) -> None:
    nodes = [a_node(f"n{k}") for k in range(n_nodes)]
    runs = [ended_on(f"n{k}", 10 * k + number) for k in range(min(n_bad, n_nodes)) for number in range(5)]
    found = about_quarantine(cluster(nodes=nodes, runs=runs), 2_000)
    assert len(found) <= (0 if n_nodes == 1 else max(1, n_nodes // 3))


def resting(**fields: Any) -> View:
    incident = an_incident("n1", "node_rests", id="n1@0/node_rests", agent="util_controller")
    earlier = fields.pop("earlier", [])
    return cluster(incidents=[*earlier, incident], jobs=[a_job()], **fields)


def test_a_resting_node_is_tried_with_one_lane_after_a_wait_that_doubles_with_each_rest() -> None:
    stood = [a_lane(f"cpu{k}", node="n1") for k in range(2)]
    assert [wish.lane for wish in held_for_nodes(resting(lanes=stood), 1_000)] == ["cpu0", "cpu1"]
    assert [wish.node for wish in put_on_nodes(resting(lanes=lanes(5), nodes=[a_node("n1")]), 61_000)] == ["n1"]
    before = an_incident("n1", "node_rests", id="n1@-1/node_rests", status="closed", at=0)
    for view, wait in ((resting(), MINUTE), (resting(earlier=[before]), 2 * MINUTE)):
        rest = view.incidents["n1@0/node_rests"]
        assert [may_try(view, rest, now) for now in (wait - 1, wait)] == [False, True]


def test_a_rest_ends_when_a_run_works_there_again() -> None:
    run = a_run(node="n1", ordered_at=100)
    view = resting(runs=[run], beats=[a_beat(done=3, progress_at=500)])
    (closed,) = [wish for wish in about_quarantine(view, 1_000) if isinstance(wish, CloseIncident)]
    assert (closed.is_verified, closed.reason) == (True, f"{RUN} works there, 1000 ms later")
    assert about_quarantine(resting(runs=[a_run(node="n1", ordered_at=100)]), 1_000) == []


# -- money ------------------------------------------------------------------------------------------------------------


def test_a_node_costs_what_the_file_says_of_it_else_what_it_says_else_what_the_file_says_of_all() -> None:
    backend = {"kind": "ray", "cost_per_hour": 1.0, "nodes": [{"name": "n1", "cost_per_hour": 5.0}]}
    campaign = a_campaign(settings=the_settings(backend=backend), started_at=1_000)
    nodes = [a_node("n1", at=1_000), a_node("n2", at=1_000, price_per_hour=2.0), a_node("n3", at=1_000)]
    nodes.append(a_node("n4", at=1_000 + HOUR, is_alive=False, lent=HOUR, trouble="gone"))
    view = cluster(nodes=nodes, campaigns=[campaign], sessions=[a_session(at=1_000)])
    assert cost_per_hour(view, campaign) == 8.0
    assert nodes_cost(view, campaign, 1_000 + 2 * HOUR) == pytest.approx(2 * 8.0 + 1.0)
    assert run_id(JOB, 1) == RUN


def test_a_total_is_spent_by_the_nodes_and_this_machine_together_and_the_next_session_knows() -> None:
    limits = {"budget": {"total": 10.0, "cost_per_hour": 1.0}}
    settings = the_settings(backend={"kind": "ray", "cost_per_hour": 4.0}, limits=limits)
    view = cluster(
        nodes=[a_node("n1")], campaigns=[a_campaign(settings=settings)], jobs=[a_job()], sessions=[a_session()]
    )
    assert [wish.kind for wish in budget_guard.decide(view, HOUR)] == []
    stopped = [wish for wish in budget_guard.decide(view, 2 * HOUR) if isinstance(wish, SetCampaign)]
    assert [wish.status.value for wish in stopped] == ["stopped"]
    assert "money 10.00 of 10.00" in stopped[0].reason
    closed = cluster(
        nodes=[a_node("n1")], campaigns=view.campaigns.values(), sessions=[a_session(status="closed", at=HOUR)]
    )
    account = settled(closed)
    assert account is not None
    assert account.spent.nodes_cost == pytest.approx(4.0)


def test_one_machine_is_decided_for_as_before_whatever_stands_in_the_fields_of_nodes() -> None:
    view = a_view(lanes=lanes(2), jobs=[a_job(phase="preflight")], policy=a_policy(max_lanes=2))
    wishes = util_controller.decide(view, 1_000)
    assert [(wish.lane, wish.node) for wish in wishes if isinstance(wish, SetLane)] == [("cpu0", None)]
    assert not [wish for wish in wishes if isinstance(wish, StopRun)]
