"""``swarmd query`` over real journals, with a daemon's lock held and without."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import (
    CAMPAIGN,
    JOB,
    RUN,
    SESSION,
    a_beat,
    a_campaign,
    a_champion,
    a_cycle,
    a_fastest,
    a_finding,
    a_gauge,
    a_job,
    a_lane,
    a_mark,
    a_policy,
    a_request,
    a_run,
    a_session,
    a_speed,
    a_step,
    a_throughput,
    an_action,
    an_incident,
    the_scores,
)
from click.testing import CliRunner, Result

from swarmd.state.errors import OperatorError
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home, lock_file
from swarmd.state.store.journal import Journal
from swarmd.state.store.published import DaemonFacts, publish, published_views
from swarmd.state.store.publishers import AGENTS
from swarmd.supervisor.clock import boot_id, boot_millis
from swarmd.supervisor.commands.query import query

STORY: tuple[Record, ...] = (
    a_session(),
    a_policy(),
    a_campaign(),
    a_lane("cpu0"),
    a_lane("cpu1", status="held", reason="memory is short"),
    a_gauge("host.cpu_util", 0.5),
    a_gauge("host.load1", 1.5),
    a_gauge("host.psi_memory", 0.01),
    a_job("BTCUSDT", "preflight", status="done"),
    a_job("ETHUSDT", "preflight", status="quarantined", reason="5 losses"),
    a_job("SOLUSDT", "preflight", status="skipped"),
    a_job("BTCUSDT", "prescreen", attempt=1),
    a_job("BTCUSDT", "refine", after=(JOB,)),
    an_action("a3-0", caused_by=("host.cpu_util",)),
    an_action("a4-0", caused_by=("cpu0",)),
    a_run(status="starting", caused_by=("a4-0",)),
    a_run(),
    a_beat(done=40, total=100, rate=20.0, heartbeat_at=4_000),
    a_step(),
    a_step(id="old", status="met"),
    an_incident(),
    an_incident("r0", status="closed", outcome="attempt 2 went on"),
    a_finding(),
    a_champion(),
    the_scores(),
    a_cycle(4, at=5_000),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


def record(home: Home, *records: Record) -> None:
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append(records)


def asked(home: Home, *words: str) -> Result:
    return CliRunner().invoke(query, ["--home", str(home.root), *words], catch_exceptions=False)


def document(home: Home, *words: str) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(asked(home, *words, "--json").stdout)
    return told


def test_the_state_document_has_the_shape_of_the_interface(home: Home) -> None:
    record(home, *STORY)
    told = document(home)
    assert list(told) == [
        "schema", "as_of", "source", "run_id", "daemon", "campaign", "goal", "next_steps", "lanes", "jobs", "hardware",
        "agents", "scores", "incidents", "actions_last_cycle", "champions",
    ]  # fmt: skip
    assert told["schema"] == "swarmd.query/1"
    assert (told["source"], told["run_id"], told["as_of"]) == ("journal", SESSION, "1970-01-01T00:00:05.000Z")
    assert told["daemon"] == {
        "alive": False, "pid": None, "cycle": 4, "cycle_ms": {"p50": None, "p99": None}, "uptime_s": None
    }  # fmt: skip
    assert told["campaign"] == {"name": CAMPAIGN, "status": "active", "stage": "prescreen"}
    assert told["goal"] == {"reached": False, "remaining": [JOB, a_job(phase="refine").id]}
    assert told["next_steps"] == [
        {
            "id": a_step().id,
            "agent": "session_state_manager",
            "what": "prescreen BTCUSDT",
            "expected_outcome": "a result with 500 kept",
            "due": "1970-01-01T00:01:00.000Z",
            "status": "pending",
        }
    ]
    assert told["jobs"] == {"queued": 1, "running": 1, "done": 1, "failed": 0, "quarantined": 1, "skipped": 1}
    assert told["hardware"] == {
        "cpu_util": 0.5, "load": 1.5, "mem_used": None, "psi": {"cpu": None, "memory": 0.01, "io": None}, "gpus": []
    }  # fmt: skip
    assert set(told["agents"]) == set(AGENTS)
    assert told["agents"]["util_controller"] == {
        "fresh": False, "age_s": None, "status": "missing", "findings": ["no GPU"]
    }  # fmt: skip
    assert told["scores"]["adherence"] == 1.0
    assert [row["id"] for row in told["incidents"]["open"]] == [f"{RUN}/crash"]
    assert [row["outcome"] for row in told["incidents"]["closed_last"]] == ["attempt 2 went on"]
    assert [row["id"] for row in told["actions_last_cycle"]] == ["a4-0"]
    assert [row["id"] for row in told["champions"]] == ["BTCUSDT_5m"]


def test_a_lane_shows_its_run_and_how_far_it_is(home: Home) -> None:
    record(home, *STORY)
    busy, held = document(home)["lanes"]
    assert busy == {
        "id": "cpu0",
        "device": "cpu",
        "kind": "cpu",
        "node": "",
        "status": "open",
        "run": RUN,
        "job": JOB,
        "pid": 100,
        "progress": {"done": 40, "total": 100, "unit": "combos", "rate": 20.0, "eta_s": 3.0},
        "heartbeat_age_s": 1.0,
    }
    assert (held["status"], held["run"], held["progress"], held["heartbeat_age_s"]) == ("held", None, None, None)


def test_with_the_daemon_alive_its_facts_and_the_present_count(home: Home) -> None:
    now = boot_millis()
    record(home, *STORY, a_session(boot_id=boot_id(), anchor=0, at=now), a_beat(heartbeat_at=now - 60_000))
    view = Projection.from_journal(home.journal).view()
    facts = DaemonFacts(pid=1, cycle=9, cycle_ms_p50=1.0, cycle_ms_p99=2.0, uptime_s=3.0)
    publish(home, published_views(view, boot_millis(), daemon=facts))
    held = lock_file(home.daemon_lock, {"pid": 4321})
    assert held is not None
    try:
        told = document(home)
    finally:
        os.close(held)
    assert told["source"] == "daemon"
    assert told["daemon"] == {
        "alive": True, "pid": 4321, "cycle": 9, "cycle_ms": {"p50": 1.0, "p99": 2.0}, "uptime_s": 3.0
    }  # fmt: skip
    assert told["lanes"][0]["heartbeat_age_s"] >= 60
    assert all(agent["fresh"] for agent in told["agents"].values())
    assert document(home)["source"] == "journal"


def test_an_empty_journal_is_an_answer_and_a_missing_one_is_not(home: Home, tmp_path: Path) -> None:
    told = document(home)
    assert (told["run_id"], told["campaign"], told["lanes"]) == (None, None, [])
    with pytest.raises(OperatorError, match=r"there is no journal in .*swarmd start"):
        asked(Home(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("topic", "ids"),
    [
        ("lanes", ["cpu0", "cpu1"]),
        ("runs", [RUN]),
        ("champions", ["BTCUSDT_5m"]),
        ("incidents", [f"{RUN}/crash", "r0/crash"]),
        ("actions", ["a3-0", "a4-0"]),
    ],
)
def test_a_topic_gives_its_rows(home: Home, topic: str, ids: list[str]) -> None:
    record(home, *STORY)
    told = document(home, topic)
    assert (told["schema"], told["topic"], told["total"]) == ("swarmd.query/1", topic, len(ids))
    assert [row["id"] for row in told["rows"]] == ids
    assert all(id in asked(home, topic).stdout for id in ids)


def test_jobs_tell_which_one_runs(home: Home) -> None:
    record(home, *STORY)
    rows = {row["id"]: row for row in document(home, "jobs")["rows"]}
    assert (rows[JOB]["status"], rows[JOB]["run"]) == ("running", RUN)
    assert [row["status"] for row in rows.values()] == ["done", "quarantined", "skipped", "running", "queued"]


def test_events_leave_the_measurements_out(home: Home) -> None:
    record(home, *STORY)
    rows = document(home, "events")["rows"]
    assert {row["kind"] for row in rows}.isdisjoint({"gauge", "beat", "cycle", "scores"})
    assert f"run {RUN} in cpu0 (attempt 1) was ordered" in [row["text"] for row in rows]
    assert "decided: start run job=" in asked(home, "events").stdout


def test_trials_come_from_the_outboxes_and_a_torn_line_is_left_out(home: Home) -> None:
    record(home, *STORY)
    outbox = home.outbox_of(RUN)
    outbox.mkdir()
    (outbox / "trials.jsonl").write_bytes(b'{"trial":0,"value":1.5}\n{"trial":1,"val')
    assert document(home, "trials")["rows"] == [{"run": RUN, "trial": 0, "value": 1.5}]


def test_throughput_shows_each_prescreen_beside_the_record(home: Home) -> None:
    slow = a_speed(cpu_seconds=14.0, wall_seconds=14.0, runqueue_wait=15_000)
    record(home, a_fastest(mark=a_mark(run="r1")), a_throughput("r1", mark=None), a_throughput("r2", speed=slow))
    first, second = document(home, "throughput")["rows"]
    assert (first["id"], first["cpu_share"], first["wall_share"], first["holds_record"]) == ("r1", None, None, True)
    assert (second["id"], second["cpu_share"], second["wall_share"], second["holds_record"]) == ("r2", 0.5, 0.25, False)
    assert (second["combo_bars_per_cpu_s"], second["combo_bars_per_thread_s"]) == (2.5e9, 1.25e9)
    assert (second["record_run"], second["runqueue_wait"], second["throttles"]) == (a_mark().run, 15_000, None)
    assert "older.BTCUSDT.balanced.prescreen-a1" in asked(home, "throughput").stdout


def test_the_past_is_shown_as_it_was(home: Home) -> None:
    record(home, a_session(at=1_000), a_job(at=1_000), a_job(status="done", at=9_000))
    told = document(home, "--at", "1970-01-01T00:00:05Z")
    assert (told["as_of"], told["jobs"]["queued"], told["jobs"]["done"]) == ("1970-01-01T00:00:05.000Z", 1, 0)
    assert document(home)["jobs"]["done"] == 1
    with pytest.raises(OperatorError, match="--at 'yesterday' is not a time; write it like"):
        asked(home, "--at", "yesterday")


def test_people_get_the_state_as_text(home: Home) -> None:
    record(home, *STORY)
    told = asked(home).stdout
    for words in (f"campaign {CAMPAIGN}: active", "daemon not running", "40/100 combos, 20/s, 3 s left", "BTCUSDT_5m"):
        assert words in told


def test_damage_is_told_on_stderr_and_the_rest_is_answered(home: Home) -> None:
    record(home, *STORY)
    segment = home.journal / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"held"', b'"hold"'))
    told = asked(home, "lanes", "--json")
    assert "000001.jsonl line 5: its checksum is wrong" in told.stderr
    assert [row["id"] for row in orjson.loads(told.stdout)["rows"]] == ["cpu0"]


def test_following_prints_new_events_until_it_is_interrupted(home: Home) -> None:
    record(home, *STORY)
    call = f"from swarmd.supervisor.commands.query import query; query(['--home', {str(home.root)!r}, '--follow'])"
    with subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        journal, _ = Journal.open(home.journal)
        told = ""
        with journal:
            for number in range(200):  # it sees only what comes after it began, so we go on until it says something
                journal.append([a_gauge(), a_request("stop", id=f"{number}-stop")])
                journal.commit()
                if select.select([child.stdout], [], [], 0.1)[0]:
                    told += os.read(child.stdout.fileno(), 1 << 16).decode()
                    break
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        assert child.returncode == 0
    assert "cli asks to stop: pending" in told
    assert "host.cpu_util" not in told
    with pytest.raises(OperatorError, match="--follow prints new events"):
        asked(home, "lanes", "--follow")


def test_it_starts_without_the_heavy_libraries() -> None:
    call = (
        "import sys; from swarmd.supervisor.commands import query, explain;"
        "print([name for name in ('pydantic', 'numba', 'numpy', 'rich', 'optuna', 'pyarrow') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
