"""The simulation's own footing: its world refuses a second copy, its ledger loses what a power cut would lose."""

from random import Random

import pytest
from builders import a_campaign, a_job, a_lane, a_policy, a_run, a_session

from simulation.laws import LawBroken, Laws
from simulation.ledger import Ledger
from simulation.world import World
from swarmd.state.errors import OutsideError
from swarmd.state.projection import Projection
from swarmd.state.records.run import RunOrdered
from swarmd.supervisor.roster import ROSTER


def ordered(**fields: object) -> RunOrdered:
    run = a_run(**{"job": a_job().id, "status": "starting", **fields})  # type: ignore[arg-type]
    assert isinstance(run, RunOrdered)
    return run


def test_the_world_refuses_a_second_living_process_for_a_job_or_a_lane() -> None:
    world, job = World(1, fault_rate=0.0), a_job()
    world.launch(ordered(), job)
    with pytest.raises(AssertionError, match="second live process for one job"):
        world.launch(ordered(attempt=2, lane="cpu1", id="other"), job)
    elsewhere = a_job("ETHUSDT")
    with pytest.raises(AssertionError, match="second live process for one lane"):
        world.launch(ordered(job=elsewhere.id, id="third"), elsewhere)


def test_a_healthy_run_works_to_its_end_and_reports_once() -> None:
    world, job = World(1, fault_rate=0.0), a_job()
    process = world.launch(ordered(), job)
    world.advance(1 << 40)
    assert not process.is_alive
    assert process.exit.code == 0
    assert [*world.outbox] == [process.run]


def test_work_rests_while_a_process_is_frozen() -> None:
    world, other, job = World(1, fault_rate=0.0), World(1, fault_rate=0.0), a_job()
    ends = []
    for each, rest in ((world, 0), (other, 60_000)):
        process = each.launch(ordered(), job)
        each.at(50_000, lambda each=each, process=process: each.freeze(process, starving=False))  # type: ignore[misc]
        each.at(50_000 + rest, lambda each=each, process=process: each.thaw(process))  # type: ignore[misc]
        each.advance(1 << 40)
        ends.append(process.ended_at)
    assert ends[1] - ends[0] == 60_000


def test_a_power_cut_takes_only_what_was_not_committed() -> None:
    ledger = Ledger()
    ledger.append([a_job()])
    ledger.commit()
    ledger.append([a_job("ETHUSDT"), a_job("XRPUSDT")])
    ledger.power_failed(Random(1))
    left = [*ledger.opened().view().jobs]
    assert left[0] == a_job().id
    assert ledger.seq == len(left) <= 3


def test_a_full_disk_refuses_the_line_and_keeps_the_rest() -> None:
    ledger = Ledger()
    ledger.append([a_job()])
    ledger.is_full = True
    with pytest.raises(OutsideError, match="no space"):
        ledger.append([a_job("ETHUSDT")])
    ledger.is_full = False
    ledger.commit()
    assert [*ledger.opened().view().jobs] == [a_job().id]


def test_a_daemon_that_believes_otherwise_than_its_journal_is_found_out() -> None:
    ledger, running = Ledger(), Projection()
    ledger.append([a_job()])
    ledger.commit()
    running.apply(a_job())
    Laws().reads_the_same(running, ledger, 0)
    running.apply(a_job("ETHUSDT"))
    with pytest.raises(LawBroken, match="another story of jobs"):
        Laws().reads_the_same(running, ledger, 0)


def test_two_open_runs_of_one_lane_or_job_or_slot_are_found_out() -> None:
    laws, running = Laws(), Projection()
    running.apply(ordered())
    laws._one_each(running.view(), 0)
    running.apply(ordered(id="other", job="another", slot=1))
    with pytest.raises(LawBroken, match="share a lane"):
        laws._one_each(running.view(), 0)


def test_a_decision_that_the_tables_alone_would_not_bring_is_found_out() -> None:
    laws, running = Laws(decides_again_every=1), Projection()
    for record in (a_policy(), a_session(), a_campaign(), a_lane(), a_job(phase="preflight")):
        running.apply(record)
    view = running.view()
    wishes = [(agent.NAME, wish) for agent in ROSTER for wish in agent.decide(view, 1_000)]
    assert len(wishes) > 1
    laws.decided(view, wishes, 1_000, 0)
    with pytest.raises(LawBroken, match="from the tables alone"):
        laws.decided(view, wishes[1:], 1_000, 0)


def test_what_is_asked_again_of_the_same_tables_is_worked_out_once() -> None:
    running, asked = Projection(), list[int]()

    def answer() -> int:
        asked.append(1)
        return len(running.view().jobs)

    running.apply(a_job())
    first = running.view()
    assert first is running.view()
    assert first.while_same("n", (first.jobs,), answer) == 1
    running.apply(ordered())
    other = running.view()
    assert other.while_same("n", (other.jobs,), answer) == 1
    assert len(asked) == 1
    running.apply(a_job("ETHUSDT"))
    last = running.view()
    assert last.while_same("n", (last.jobs,), answer) == 2
    assert len(first.jobs) == 1
