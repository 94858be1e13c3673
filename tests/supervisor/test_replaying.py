"""A journal decided again differs where somebody decides otherwise, and nowhere else; what cannot be seen is told."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from builders import JOB, a_job, a_result, a_session, a_source, an_action_wished
from scenarios.recorded import RecordedWorld, a_turbulent_world
from scenarios.test_scenarios import STORIES, told
from swarm_builders import Wisher

from swarmd.agents.contract import Agent
from swarmd.state.actions import Action
from swarmd.state.records.record import Record
from swarmd.state.store.codec import encode
from swarmd.state.store.raw import Line, line_of, put, sealed
from swarmd.state.store.tables import Tables
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.redeciding import Difference
from swarmd.supervisor.replay_report import Report
from swarmd.supervisor.replaying import Replay, Snapshot
from swarmd.supervisor.roster import ROSTER

SEEDS = range(12)


def replayed(lines: Sequence[Line], agents: Sequence[Agent] = ROSTER, **options: Any) -> Report:
    replaying = Replay(agents, **options)
    for line in lines:
        replaying.feed(line)
    return replaying.finish()


def edited(line: Line, change: Callable[[dict[str, Any]], None]) -> Line:
    said = copy.deepcopy(line.said)
    change(said["data"])
    said.pop("crc")
    return line_of(sealed(orjson.dumps(said)).rstrip(b"\n"))


def as_lines(records: Sequence[Record], after: int) -> list[Line]:
    return [line_of(encode(record, seq).rstrip(b"\n")) for seq, record in enumerate(records, after + 1)]


def only(report: Report) -> Difference:
    assert report.n_differences == 1, report.differences
    return report.differences[0].difference


def action_lines(lines: Sequence[Line]) -> list[int]:
    return [at for at, line in enumerate(lines) if line.said["kind"] == "action"]


class Standin:
    """An agent of the roster whose wishes are changed on the way."""

    def __init__(self, agent: Agent, change: Callable[[list[Action]], list[Action]]) -> None:
        self._agent, self._change = agent, change

    @property
    def NAME(self) -> str:
        return self._agent.NAME

    def decide(self, view: View, now: Millis) -> list[Action]:
        return self._change(self._agent.decide(view, now))


def instead_of(name: str, change: Callable[[list[Action]], list[Action]]) -> list[Agent]:
    return [Standin(agent, change) if name == agent.NAME else agent for agent in ROSTER]


# -- nothing differs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_simulated_journal_is_decided_again_to_the_last_word(seed: int) -> None:
    world = a_turbulent_world(seed)
    report = replayed(world.book.lines)
    assert report.differences == []
    assert report.unseen == report.cut_off == 0
    assert report.stretches == []
    assert report.cycles + report.quiet == world.cycle - len(world.book.quiet)
    assert report.decisions > 20
    assert report.quiet > 0


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_the_journal_of_every_story_is_decided_again_to_the_last_word(story: Path) -> None:
    given, steps = told(story)
    world, now = RecordedWorld(), -SECOND
    world.given(given)
    for step in steps:
        while step.is_quiet and now + SECOND < step.at:
            now += SECOND
            world.step(now)
        now = step.at
        for event in step.events:
            world.happens(event, now)
        world.step(now)
    report = replayed(world.book.lines)
    assert report.differences == []
    assert report.cycles > 0


def test_a_journal_from_before_cycles_said_what_they_saw_is_decided_again_too() -> None:
    world = a_turbulent_world(1)

    def without(data: dict[str, Any]) -> None:
        data.pop("seen", None)
        data.pop("quiet", None)

    report = replayed([edited(line, without) for line in world.book.lines])
    assert report.differences == []
    assert report.quiet == 0
    assert report.unseen == world.cycle - report.cycles - len(world.book.quiet)


def test_what_an_agent_wished_before_it_failed_is_lost_then_as_now() -> None:
    def sometimes(view: View) -> list[Action]:
        if len(view.actions) % 3 == 1:
            raise ZeroDivisionError("a fault of ours")
        return [an_action_wished("say", topic="count", reason=f"{len(view.actions) % 3} actions")]

    agents = [*ROSTER, Wisher(sometimes)]
    world = a_turbulent_world(3, agents=agents)
    assert any(line.said["data"].get("signature") == "agent_failed" for line in world.book.lines)
    assert replayed(world.book.lines, agents).differences == []


def test_an_action_that_means_nothing_for_the_records_is_dropped_then_as_now() -> None:
    crown = a_job(phase="crown", attempt=1)
    said = a_result(f"{crown.id}-a1", job=crown.id, phase="crown")  # without the figures a champion is made of
    settle = an_action_wished("settle_job", job=crown.id, status="done", run=said.id, reason="pass")
    other = an_action_wished("settle_job", job=JOB, status="failed", reason="2 of 3")
    agents = [Wisher(lambda view: [settle, other])]
    world = RecordedWorld(agents=agents)
    world.given("campaign=yes")
    world.record(crown, said, a_job())
    for now in (1_000, 2_000, 3_000):
        world.step(now)
    report = replayed(world.book.lines, agents)
    assert report.differences == []
    assert report.decisions == 1


# -- something differs -------------------------------------------------------------------------------------------------


def test_an_agent_that_says_it_in_other_words_is_found_with_both_reasons() -> None:
    world = a_turbulent_world(4)

    def reworded(wishes: list[Action]) -> list[Action]:
        return [wish.model_copy(update={"reason": "because"}) for wish in wishes]

    report = replayed(world.book.lines, instead_of("auto_scheduler", reworded))
    starts = [found.difference for found in report.differences if found.difference.what == "action"]
    assert {each.how for each in starts} == {"words"}
    assert {each.agent for each in starts} == {"auto_scheduler"}
    assert "is free" in starts[0].reason_then
    assert (starts[0].reason_now, starts[0].fields) == ("because", ("reason",))
    assert starts[0].then == starts[0].now
    assert starts[0].then.startswith("start_run job=majors.BTCUSDT.preflight lane=cpu0 attempt=1")


def test_an_agent_that_wishes_nothing_any_more_is_found_each_time() -> None:
    world = a_turbulent_world(4)
    report = replayed(world.book.lines, instead_of("worker_sentry", lambda wishes: []))
    was = [line for line in world.book.lines if line.said["data"].get("agent") == "worker_sentry"]
    n_decisions = sum(line.said["kind"] in ("action", "refusal") for line in was)
    missing = [found for found in report.differences if found.difference.agent == "worker_sentry"]
    assert len(missing) == n_decisions > 0
    assert {found.difference.how for found in missing} == {"only then"}


def test_what_would_now_be_decided_in_a_quiet_cycle_is_found_there() -> None:
    world = a_turbulent_world(5)
    eager = Wisher(lambda view: [an_action_wished("say", topic="t", reason="1 word")], NAME="eager")
    report = replayed(world.book.lines, [*ROSTER, eager])
    quiet = [found for found in report.differences if found.is_quiet]
    assert len(quiet) == report.quiet
    assert quiet[0].difference == Difference(
        agent="eager", what="action", how="only now", now="say topic=t", reason_now="1 word"
    )


def test_an_edited_journal_is_found_at_the_very_decision() -> None:
    lines = list(a_turbulent_world(6).book.lines)
    at = next(at for at in action_lines(lines) if lines[at].said["data"]["action"]["kind"] == "start_run")
    lines[at] = edited(lines[at], lambda data: data["action"].update(lane="cpu7"))
    found = only(replayed(lines))
    assert (found.how, found.fields) == ("changed", ("lane",))
    assert "lane=cpu7" in found.then
    assert "lane=cpu0" in found.now


def test_an_action_taken_out_and_put_elsewhere_is_found() -> None:
    lines = list(a_turbulent_world(6).book.lines)
    first, second, *_ = (at for at in action_lines(lines) if lines[at].said["data"]["action"]["kind"] == "set_step")
    one, other = lines[first].said["data"], lines[second].said["data"]
    lines[first] = edited(lines[first], lambda data: data.update(copy.deepcopy(other)))
    lines[second] = edited(lines[second], lambda data: data.update(copy.deepcopy(one)))
    assert {found.difference.how for found in replayed(lines).differences} == {"order"}


def test_a_refusal_in_other_words_is_found() -> None:
    greedy = Wisher(lambda view: [an_action_wished(lane="cpu9")], NAME="greedy")
    world = a_turbulent_world(7, cycles=5, agents=[*ROSTER, greedy])
    lines = list(world.book.lines)
    at = next(at for at, line in enumerate(lines) if line.said["kind"] == "refusal")
    lines[at] = edited(lines[at], lambda data: data.update(because="5 reasons"))
    found = replayed(lines, [*ROSTER, greedy]).differences[0].difference
    assert (found.what, found.how, found.fields) == ("refusal", "words", ("because",))
    assert found.reason_then.startswith("5 reasons")


def test_a_standing_refusal_that_stands_no_more_shows_in_the_count() -> None:
    greedy = Wisher(lambda view: [an_action_wished(lane="cpu9")], NAME="greedy")
    world = a_turbulent_world(7, cycles=40, agents=[*ROSTER, greedy])
    found = [found.difference for found in replayed(world.book.lines).differences]
    assert next(each.what for each in found if each.agent == "greedy") == "refusal"
    counted = [each for each in found if each.what == "count"]
    assert counted
    assert counted[0].then.endswith("1 of them refused")
    assert counted[0].now.endswith("0 of them refused")


def test_an_agent_that_fails_now_or_failed_then_is_found() -> None:
    def failing(view: View) -> list[Action]:
        raise ZeroDivisionError("a fault of ours")

    good, bad = [*ROSTER, Wisher(lambda view: [])], [*ROSTER, Wisher(failing)]
    now = replayed(a_turbulent_world(8).book.lines, bad).differences
    assert {(each.difference.what, each.difference.how) for each in now} == {("failure", "only now")}
    assert now[0].difference.reason_now == "ZeroDivisionError: a fault of ours"
    then = only(replayed(a_turbulent_world(8, agents=bad).book.lines, good))
    assert (then.what, then.how, then.agent) == ("failure", "only then", "wisher")


# -- what cannot be seen -----------------------------------------------------------------------------------------------


def test_a_cycle_that_was_cut_off_is_compared_as_far_as_it_was_written() -> None:
    lines = list(a_turbulent_world(9).book.lines)
    cut = next(at for at in action_lines(lines) if lines[at].said["id"].endswith("-2"))
    head = lines[: cut + 1]
    tail = as_lines([a_session(id="bt-2", at=10**9)], len(head))
    report = replayed([*head, *tail])
    assert (report.cut_off, report.differences) == (1, [])
    head[cut] = edited(head[cut], lambda data: data["action"].update(reason="another"))
    assert only(replayed([*head, *tail])).how == "words"


def a_hole(lines: Sequence[Line]) -> tuple[list[Line], int]:
    """The journal without one line that mattered, and where that was."""
    at = next(at for at, line in enumerate(lines) if line.said["kind"] == "run" and at > len(lines) // 3)
    return [*lines[:at], *lines[at + 1 :]], at


def test_after_a_lost_line_nothing_is_claimed() -> None:
    lines, at = a_hole(a_turbulent_world(10).book.lines)
    report = replayed(lines)
    assert report.differences == []
    (stretch,) = report.stretches
    assert (stretch.first_seq, stretch.last_seq) == (at + 1, lines[-1].seq)
    assert stretch.because == f"line {at + 1} is lost"
    assert stretch.cycles > 0
    assert report.cycles > 0


def test_after_a_lost_line_the_replay_goes_on_from_the_snapshot() -> None:
    whole = a_turbulent_world(10).book.lines
    lines, at = a_hole(whole)
    # A snapshot is taken between two cycles.
    end = next(line.seq for line in whole[at:] if line.said["kind"] == "cycle")
    tables: Tables[Line] = Tables()
    for line in whole[:end]:
        put(tables, line)
    report = replayed(lines, snapshots=[Snapshot(end, [*tables])])
    assert report.differences == []
    (stretch,) = report.stretches
    assert (stretch.first_seq, stretch.last_seq) == (at + 1, end)
    assert report.cycles > replayed(lines).cycles


def test_after_a_lost_line_the_replay_goes_on_with_the_session_that_knew_of_it() -> None:
    """It began with what is left, as we do, and decided from that."""
    lines, at = a_hole(a_turbulent_world(10, cycles=80).book.lines)
    world = RecordedWorld(cycle=1_000)
    world.book.lines = list(lines)
    world.projection.apply_lines(lines)
    world.record(a_session(id="bt-2", at=10**9))
    world.record(a_source(f"journal/000001.jsonl:{at + 1}@9", status="damaged", at=10**9))
    for second in range(1, 20):
        world.step(10**9 + second * SECOND)
    unknown = replayed(world.book.lines, damages=frozenset({"000001.jsonl:999"}))
    assert unknown.stretches[0].last_seq == world.book.seq
    known = replayed(world.book.lines, damages=frozenset({f"000001.jsonl:{at + 1}"}))
    assert known.differences == []
    assert lines[-1].seq <= known.stretches[0].last_seq < world.book.seq
    assert known.cycles > unknown.cycles


def test_a_line_that_does_not_fit_its_shape_is_a_line_that_is_lost() -> None:
    lines = list(a_turbulent_world(11).book.lines)
    at = next(at for at, line in enumerate(lines) if line.said["kind"] == "beat")
    lines[at] = edited(lines[at], lambda data: data.pop("cpu_time"))
    report = replayed(lines)
    assert report.differences == []
    assert "does not fit its shape" in report.stretches[0].because


@pytest.mark.parametrize("seed", [1, 3, 9])
def test_wherever_it_is_cut_robbed_or_bridged_nothing_false_is_claimed(seed: int) -> None:
    lines = a_turbulent_world(seed, cycles=60).book.lines
    tables: Tables[Line] = Tables()
    chance = Random(seed)
    places = {*chance.sample(range(2, len(lines)), 12)}
    for at, line in enumerate(lines):
        if at in places:
            reopened = as_lines([a_session(id="bt-2", at=10**9)], at)
            snapshot = Snapshot(at, [*tables])
            for told in (
                replayed([*lines[:at], *reopened]),
                replayed([*lines[:at], *lines[at + 1 :]]),
                replayed(lines[at:]),
                replayed([*lines[: at // 2], *lines[at:]], snapshots=[snapshot]),
                replayed(lines[at:], snapshots=[Snapshot(at, [*tables], is_base=True)]),
            ):
                assert told.differences == [], at
        put(tables, line)


def test_removed_history_is_no_loss_and_the_rest_is_decided_again() -> None:
    lines = a_turbulent_world(3).book.lines
    end = next(line.seq for line in lines[len(lines) // 2 :] if line.kind == "cycle")
    tables: Tables[Line] = Tables()
    for line in lines[:end]:
        put(tables, line)
    report = replayed(lines[end:], snapshots=[Snapshot(end, [*tables], is_base=True)])
    assert (report.differences, report.stretches) == ([], [])
    assert report.cycles == sum(line.kind == "cycle" for line in lines[end:])
    assert report.sessions == replayed(lines).sessions


# -- a part of it ------------------------------------------------------------------------------------------------------


def test_only_the_cycles_of_a_session_or_about_a_run_are_decided_again() -> None:
    world = a_turbulent_world(2)
    whole = replayed(world.book.lines)
    assert replayed(world.book.lines, session="bt-other").cycles == 0
    session = next(iter(world.view().sessions))
    assert replayed(world.book.lines, session=session).cycles == whole.cycles
    run = next(iter(world.view().runs))
    about = replayed(world.book.lines, run=run)
    assert 0 < about.cycles < whole.cycles
    assert (about.quiet, about.unseen, about.differences) == (0, 0, [])
    idle = instead_of("auto_scheduler", lambda wishes: [])
    assert replayed(world.book.lines, idle, run=run).n_differences > 0


def test_the_code_that_decided_is_told_beside_each_difference() -> None:
    world = a_turbulent_world(4, cycles=20)
    report = replayed(world.book.lines, instead_of("auto_scheduler", lambda wishes: []))
    found = report.differences[0]
    assert (found.session, found.code_version) == next(iter(report.sessions.items()))
    assert found.code_version
