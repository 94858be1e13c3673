"""``swarmd query --at``: the past as it was known then, whatever was learned, forgotten or restarted since."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import RUN, SESSION, a_job, a_lane, a_request, a_result, a_run, a_session, a_source, an_action
from click.testing import CliRunner, Result
from scenarios.recorded import a_turbulent_world

from swarmd.state.errors import OperatorError
from swarmd.state.query import TOPICS
from swarmd.state.records.record import Record
from swarmd.state.store.codec import decode
from swarmd.state.store.compaction import compact, removable
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.store.publishers import AGENTS, state_file
from swarmd.state.store.raw import reaches_back_to
from swarmd.state.units import iso
from swarmd.supervisor.commands.query import query


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return a_home(tmp_path)


def a_home(folder: Path) -> Home:
    home = Home(folder)
    home.prepare()
    return home


def record(home: Home, *records: Record, snapshot_every: int = 5_000) -> None:
    journal, _ = Journal.open(home.journal, snapshot_every=snapshot_every)
    with journal:
        for begin in range(0, len(records), 100):
            journal.append(records[begin : begin + 100])
            journal.commit()


def asked(home: Home, *words: str) -> Result:
    return CliRunner().invoke(query, ["--home", str(home.root), *words], catch_exceptions=False)


def document(home: Home, *words: str) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(asked(home, *words, "--json").stdout)
    return told


def then(home: Home, at: int, *words: str) -> dict[str, Any]:
    return document(home, *words, "--at", iso(at))


LIVES: tuple[Record, ...] = (
    a_session(at=1_000, pid=11),
    a_lane(at=1_000),
    a_job(at=1_000),
    a_run(at=2_000),
    # Killed at some time after 2 s; the next life begins at 9 s.
    a_session(at=9_000, pid=11, status="lost"),
    a_session(id="bt-2", at=9_000, pid=22),
    a_run(at=10_000, status="done", exit_code=0),
    a_job(at=10_000, status="done"),
    a_session(id="bt-2", at=12_000, pid=22, status="closed"),
)


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[int, Home]]:
    """A few minutes in which much happened, with snapshots in between; and homes whose journals end at an instant."""
    folder = tmp_path_factory.mktemp("cuts")
    home = a_home(folder / "whole")
    records = [decode(line.said) for line in a_turbulent_world(1).book.lines]
    record(home, *records, snapshot_every=100)
    ended = {}
    for share in (0.2, 0.6, 0.9):
        # All records of one instant are known together.
        at = records[int(len(records) * share)].at
        ended[at] = a_home(folder / str(at))
        record(ended[at], *(each for each in records if each.at <= at))
    return home, ended


@pytest.mark.parametrize("topic", [*(name for name in TOPICS if name != "agents"), "events", ""])
def test_every_topic_tells_what_a_journal_that_ended_then_tells(cuts: tuple[Home, dict[int, Home]], topic: str) -> None:
    home, ended = cuts
    words = [topic] if topic else []
    for at, cut in ended.items():
        past, was = then(home, at, *words), document(cut, *words)
        for told in (past, was):
            told.pop("daemon", None)
            told.pop("agents", None)
        assert past == was
        assert past["as_of"] == iso(at)


@pytest.mark.parametrize(
    ("at", "run_id", "pid", "queued"),
    [
        (1_500, SESSION, 11, 1),
        (5_000, SESSION, None, 1),  # nothing of that session was written after it: it had been killed
        (9_500, "bt-2", 22, 1),
        (11_000, "bt-2", 22, 0),
        (13_000, "bt-2", None, 0),
    ],
)
def test_across_restarts_it_tells_whose_session_it_was_and_whether_its_daemon_lived(
    home: Home, at: int, run_id: str, pid: int | None, queued: int
) -> None:
    record(home, *LIVES)
    told = then(home, at)
    assert (told["run_id"], told["source"]) == (run_id, "journal")
    assert (told["daemon"]["alive"], told["daemon"]["pid"]) == (pid is not None, pid)
    assert told["jobs"]["queued"] + told["jobs"]["running"] == queued
    words = asked(home, "--at", iso(at)).stdout.splitlines()[0]
    assert (f"daemon was alive, pid {pid}" if pid else "daemon was not running") in words


def test_what_the_tables_have_forgotten_since_is_still_told(home: Home) -> None:
    actions = [an_action(f"a{n}-0", at=n) for n in range(1, 1_501)]
    journal, _ = Journal.open(home.journal, segment_bytes=100_000)
    with journal:
        for begin in range(0, len(actions), 100):
            journal.append(actions[begin : begin + 100])
            journal.commit()
        journal.snapshot()
    assert "a7-0" not in [row["id"] for row in document(home, "actions")["rows"]]
    assert [row["id"] for row in then(home, 7, "actions")["rows"]] == [f"a{n}-0" for n in range(1, 8)]


def test_what_was_removed_cannot_be_shown_and_what_came_after_is_shown_as_before(home: Home) -> None:
    journal, _ = Journal.open(home.journal, segment_bytes=10_000)
    with journal:
        for at in range(1, 200):
            journal.append([a_job(at=at, attempt=at, reason=f"attempt {at}"), a_lane(f"cpu{at}", at=at)])
            journal.commit()
        journal.snapshot()
    whole = then(home, 199)
    compact(home.journal, removable(home.journal, "9999"))
    begin = reaches_back_to(home.journal)
    assert iso(1) < begin < iso(199)
    assert {row["id"]: row for row in then(home, 199)["lanes"]} == {row["id"]: row for row in whole["lanes"]}
    assert then(home, 199, "jobs")["rows"][0]["reason"] == "attempt 199"
    with pytest.raises(OperatorError, match=rf"what was before {begin} was removed by `swarmd clean`; name a later"):
        then(home, 1)


def test_a_request_is_known_from_when_it_was_read_and_not_from_its_date(home: Home) -> None:
    record(home, a_session(at=5_000), a_request(at=4_999), a_lane(at=6_000))
    assert [row["kind"] for row in then(home, 4_999, "events")["rows"]] == []
    assert [row["kind"] for row in then(home, 5_000, "events")["rows"]] == ["session", "request"]


def test_before_the_first_record_nothing_was_known(home: Home) -> None:
    record(home, *LIVES)
    told = asked(home, "--at", iso(999), "--json")
    assert told.exit_code == 0
    assert told.stderr == f"journal: it begins at {iso(1_000)}; nothing was known at {iso(999)}\n"
    past = orjson.loads(told.stdout)
    assert (past["run_id"], past["lanes"], past["campaign"], past["daemon"]["alive"]) == (None, [], None, False)
    assert "no session yet" in asked(home, "--at", iso(999)).stdout


def test_an_agents_file_was_what_the_sensors_saw_of_it(home: Home) -> None:
    name, lost, *_ = AGENTS
    record(
        home,
        a_session(at=1_000),
        a_source(f"state/{state_file(name)}", status="fresh", at=1_000),
        a_source(f"state/{state_file(lost)}", status="missing", at=1_000),
        a_lane(at=2_000),
    )
    agents = then(home, 1_500)["agents"]
    assert (agents[name]["fresh"], agents[name]["status"], agents[name]["age_s"]) == (True, "unknown", None)
    assert (agents[lost]["fresh"], agents[lost]["status"]) == (False, "missing")


def test_trials_are_those_told_by_then(home: Home) -> None:
    # The wall clock was an hour ahead of the steady one.
    record(home, a_session(at=1_000, wall=3_601_000), a_result(at=3_000), a_lane(at=9_000))
    outbox = home.outbox_of(RUN)
    outbox.mkdir()
    lines = [{"number": 0, "wall": 3_602_000}, {"number": 1, "wall": 3_604_000}, {"number": 2}]
    (outbox / "trials.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    for at, numbers in ((1_500, []), (2_000, [0]), (3_000, [0, 2]), (5_000, [0, 1, 2])):
        assert [row["number"] for row in then(home, at, "trials")["rows"]] == numbers, at


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("yesterday", r"--at 'yesterday' is not a time; write it like 2026-01-31T09:30:00Z"),
        ("", r"--at '' is not a time"),
        ("1969-12-31T23:59:59Z", r"is before 1970"),
        ("0001-01-01T00:00:00+14:00", r"--at '0001-01-01T00:00:00\+14:00' is "),
        ("2999-01-01", r"--at 2999-01-01T00:00:00\.000Z is still to come: it is 20.*; leave --at out for the present"),
    ],
)
@pytest.mark.parametrize("more", [(), ("lanes",), ("events", "--json")])
def test_what_is_no_time_of_the_past_is_an_error_of_the_operator(
    home: Home, text: str, error: str, more: tuple[str, ...]
) -> None:
    record(home, *LIVES)
    with pytest.raises(OperatorError, match=error):
        asked(home, *more, "--at", text)


def test_the_present_instant_may_be_asked_for(home: Home) -> None:
    record(home, *LIVES)
    now = time.time_ns() // 1_000_000
    assert then(home, now)["jobs"]["done"] == 1
