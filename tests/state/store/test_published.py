"""The published views: one file per agent of the roster, each with what the interface promises."""

from pathlib import Path

import orjson
from builders import (
    a_beat,
    a_finding,
    a_refusal,
    a_run,
    a_source,
    a_step,
    a_view,
    an_action,
    an_incident,
    the_scores,
)

from swarmd.agents import orchestration_consensus
from swarmd.state.store.files import Home
from swarmd.state.store.published import DaemonFacts, publish, published_views
from swarmd.state.store.publishers import AGENTS
from swarmd.supervisor.roster import ROSTER

FACTS = DaemonFacts(pid=42, cycle=7, cycle_ms_p50=1.25, cycle_ms_p99=9.0, uptime_s=60.0)
VIEW = a_view(
    runs=[a_run()],
    beats=[a_beat()],
    incidents=[an_incident(), an_incident("r0", status="closed", outcome="attempt 2 went on")],
    findings=[a_finding(), a_finding("util_controller/old", text="")],
    actions=[an_action("a6-0"), an_action("a7-0")],
    refusals=[a_refusal()],
    steps=[a_step(), a_step(id="s2", status="met")],
    sources=[a_source(), a_source("monitor/gpu", status="missing")],
    scores=the_scores(adherence=0.75),
)


def test_the_publishers_are_the_roster_and_the_arbiter() -> None:
    names = [agent.NAME for agent in ROSTER]
    assert [*names, orchestration_consensus.NAME] == list(AGENTS)


def test_every_file_says_who_when_and_what() -> None:
    documents = published_views(VIEW, 1000, daemon=FACTS)
    assert set(documents) == {
        *(f"{agent}_state.json" for agent in AGENTS), "swarm_control_state.json", "session_latest.json"
    }  # fmt: skip
    for document in documents.values():
        assert {
            "schema", "agent", "run_id", "cycle", "updated_at", "status", "findings", "actions_last_cycle", "next_steps"
        } <= set(document)  # fmt: skip
        assert document["updated_at"] == "1970-01-01T00:00:01.000Z"
        assert document["cycle"] == 7
        assert document["run_id"] == "bt-20260131_093000Z"


def test_an_agent_shows_its_own_and_only_the_last_cycle() -> None:
    documents = published_views(VIEW, 1000, daemon=FACTS)
    scheduler = documents["auto_scheduler_state.json"]
    assert [action["id"] for action in scheduler["actions_last_cycle"]] == ["a7-0"]
    assert documents["util_controller_state.json"]["findings"] == ["no GPU"]
    sentry = documents["worker_sentry_state.json"]
    assert sentry["status"] == "attending"
    assert [incident["subject"] for incident in sentry["incidents_open"]] == [a_run().id]
    assert scheduler["status"] == "ok"
    session = documents["session_state_manager_state.json"]
    assert [step["id"] for step in session["next_steps"]] == [a_step().id]
    assert session["freshness"]["monitor/gpu"] == "missing"
    assert session["auto_resolutions"][0]["outcome"] == "attempt 2 went on"
    assert documents["orchestration_consensus_state.json"]["refusals_standing"][0]["because"] == a_refusal().because


def test_the_actions_of_a_cycle_are_told_in_their_order_and_of_a_cycle_without_any_none() -> None:
    view = a_view(actions=[an_action(id) for id in ("a6-0", "a7-0", "a7-1", "a70-0", "a70-1", "a70-2")])
    assert [taken.id for taken in view.actions_of_cycle(70)] == ["a70-0", "a70-1", "a70-2"]
    assert view.actions_of_cycle(7) == view.actions_of_cycle(71) == []


def test_the_control_file_tells_of_the_daemon() -> None:
    control = published_views(VIEW, 1000, daemon=FACTS)["swarm_control_state.json"]
    assert control["daemon"] == {"pid": 42, "cycle": 7, "cycle_ms": {"p50": 1.25, "p99": 9.0}, "uptime_s": 60.0}
    assert control["scores"]["adherence"] == 0.75
    assert control["sources_not_fresh"] == ["monitor/gpu"]
    assert control["status"] == "active"


def test_an_empty_swarm_publishes_as_well() -> None:
    view = a_view(campaigns=[], sessions=[], lanes=[])
    assert published_views(view, 0, daemon=FACTS)["swarm_control_state.json"]["status"] == "idle"


def test_the_files_are_written_and_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    documents = published_views(VIEW, 1000, daemon=FACTS)
    publish(home, documents)
    publish(home, documents)
    read = {path.name: orjson.loads(path.read_bytes()) for path in home.state.glob("*.json")}
    assert read == documents
