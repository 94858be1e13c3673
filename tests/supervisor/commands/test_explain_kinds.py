"""Everything that has an id can be explained: in a journal of its own making, kind by kind, incidents as stories."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import JOB, RUN, a_beat, a_job, a_run, a_session, an_action, an_action_wished, an_incident
from click.testing import CliRunner
from scenarios.recorded import a_turbulent_world
from swarm_builders import Wisher

from swarmd.state.errors import OperatorError
from swarmd.state.records.record import Record
from swarmd.state.store.codec import decode
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.supervisor.commands.explain import explain
from swarmd.supervisor.roster import ROSTER

KINDS = (
    "action", "refusal", "incident", "run", "job", "lane", "session", "step", "request", "result", "finding", "source",
    "cycle", "campaign", "beat", "gauge", "policy", "scores",
)  # fmt: skip


def a_home(folder: Path, *records: Record) -> Home:
    home = Home(folder)
    home.prepare()
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append(records)
    return home


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, str]]:
    """A home in which much happened, and an id of every kind."""
    greedy = Wisher(lambda view: [an_action_wished(lane="cpu9")], NAME="greedy")
    chatty = Wisher(lambda view: [an_action_wished("say", topic="t", reason="1 word")], NAME="chatty")
    records = [decode(line.said) for line in a_turbulent_world(1, agents=[*ROSTER, greedy, chatty]).book.lines]
    ids: dict[str, str] = {}
    for record in records:
        ids.setdefault(record.KIND, record.id)
    return a_home(tmp_path_factory.mktemp("lived"), *records), ids


def asked(home: Home, id: str) -> dict[str, Any]:
    told = CliRunner().invoke(explain, ["--home", str(home.root), id, "--json"], catch_exceptions=False)
    document: dict[str, Any] = orjson.loads(told.stdout)
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_id_is_explained_in_words(lived: tuple[Home, dict[str, str]], kind: str) -> None:
    home, ids = lived
    told = asked(home, ids[kind])
    assert kind in {step["kind"] for step in told["chain"] if step["id"] == ids[kind]}
    assert [step["seq"] for step in told["chain"]] == sorted((step["seq"] for step in told["chain"]), reverse=True)
    assert all(step["text"] for step in told["chain"])
    assert (told["incident"] is not None) == (kind == "incident")


def test_a_cycle_tells_all_that_it_decided_and_from_what(lived: tuple[Home, dict[str, str]]) -> None:
    home, _ = lived
    journal = [orjson.loads(line) for line in (home.journal / "000001.jsonl").read_bytes().splitlines()]
    cycles = [line for line in journal if line["kind"] == "cycle"]
    for cycle in (cycles[0], cycles[3], cycles[-1]):
        chain = asked(home, cycle["id"])["chain"]
        actions = [step for step in chain if step["id"].startswith(f"a{cycle['data']['number']}-")]
        assert len(actions) == cycle["data"]["actions"]
        refused = [step for step in chain if step["kind"] == "refusal" and step["at"] == cycle["at"]]
        assert len(refused) <= cycle["data"]["refusals"]
        assert chain[0]["id"] == cycle["id"]


def test_a_session_tells_what_ended_it(lived: tuple[Home, dict[str, str]], tmp_path: Path) -> None:

    end = an_action("a9-0", at=8, action=an_action_wished("end_session", reason="all done"))
    home = a_home(tmp_path, a_session(at=1), a_job(at=2), end, a_session(at=9, status="closed"))
    assert [step["id"] for step in asked(home, a_session().id)["chain"]] == [a_session().id, "a9-0"]


INCIDENT = f"{RUN}/crash"
NEXT = f"{JOB}-a2"
CRASH: tuple[Record, ...] = (
    a_job(at=1, attempt=1),
    a_run(at=2),
    a_beat(at=3, done=7, caused_by=(RUN,)),
    a_run(at=4, status="failed", exit_code=1, reason="it raised", caused_by=(RUN,)),
    an_action(
        "a9-0",
        at=5,
        agent="worker_sentry",
        caused_by=(RUN,),
        action=an_action_wished(
            "open_incident", incident=INCIDENT, signature="crash", subject=RUN, remedy="a new run", expected="e", due=9
        ),
    ),
    an_incident(at=5, opened_at=5, due=9_000, caused_by=("a9-0",), evidence=("logs/lanes/r.log",)),
    an_action("a9-1", at=5, action=an_action_wished("hold_job", job=JOB, not_before=900, reason="wait 900 ms")),
    an_action("a9-2", at=5, action=an_action_wished("say", topic=JOB, reason="not a deed")),
    an_action("a9-3", at=5, action=an_action_wished("start_run", job="another", reason="not about it")),
    an_action("a10-0", at=905, action=an_action_wished("start_run", attempt=2, reason="cpu0 is free")),
    a_run(attempt=2, at=906),
)
CLOSING: tuple[Record, ...] = (
    a_beat(NEXT, at=2_000, done=9, caused_by=(NEXT,)),
    an_action(
        "a11-0",
        at=2_005,
        agent="worker_sentry",
        caused_by=(INCIDENT, NEXT),
        action=an_action_wished("close_incident", incident=INCIDENT, reason="attempt 2 went on"),
    ),
    an_incident(at=2_005, opened_at=5, due=9_000, status="closed", outcome="attempt 2 went on", caused_by=("a11-0",)),
    an_action("a12-0", at=3_000, action=an_action_wished("hold_job", job=JOB, not_before=9_000, reason="later")),
)


def test_an_open_incident_tells_evidence_decision_remedy_and_what_is_expected(tmp_path: Path) -> None:
    told = asked(a_home(tmp_path, *CRASH), INCIDENT)["incident"]
    assert [(row["kind"], row["seq"]) for row in told["evidence"]["seen"]] == [("run", 4), ("beat", 3)]
    assert told["evidence"]["files"] == ["logs/lanes/r.log"]
    assert (told["decision"]["action"], told["decision"]["agent"]) == ("a9-0", "worker_sentry")
    assert [row["id"] for row in told["remedy"]["deeds"]] == ["a9-1", "a10-0"]
    assert told["expected"]["due"] == "1970-01-01T00:00:09.000Z"
    assert (told["status"], told["outcome"]) == ("open", None)


def test_a_closed_incident_tells_what_came_of_it_and_its_chain_has_both_ends(tmp_path: Path) -> None:
    home = a_home(tmp_path, *CRASH, *CLOSING)
    document = asked(home, INCIDENT)
    told = document["incident"]
    assert told["outcome"] == {
        "at": "1970-01-01T00:00:02.005Z", "text": "attempt 2 went on", "took_ms": 2_000, "in_time": True,
        "is_verified": False,
    }  # fmt: skip
    assert [row["id"] for row in told["remedy"]["deeds"]] == ["a9-1", "a10-0"]
    assert {"a11-0", "a9-0"} <= {step["id"] for step in document["chain"]}
    assert {step["seq"] for step in document["chain"] if step["id"] == INCIDENT} == {6, 14}
    lines = CliRunner().invoke(explain, ["--home", str(home.root), INCIDENT]).stdout.splitlines()
    parts = [line.split()[0] for line in lines[1 : lines.index("")]]
    assert parts == ["seen", "seen", "kept", "decided", "remedy", "done", "done", "expected", "outcome"]
    assert lines[lines.index("") - 1].endswith("attempt 2 went on (2 s, in time)")


@pytest.mark.parametrize(
    ("id", "error"),
    [
        ("a10-1", r"nothing in the journal is called 'a10-1'; did you mean a1?[01]-0"),
        (f"{RUN}/crush", rf"did you mean {RUN}/crash"),
        ("refine", r"nothing in the journal is called 'refine'"),
        ("c77", r"cycle 77 decided nothing that is on record"),
    ],
)
def test_an_unknown_id_names_near_ones(tmp_path: Path, id: str, error: str) -> None:
    with pytest.raises(OperatorError, match=error):
        asked(a_home(tmp_path, *CRASH, *CLOSING), id)


def test_an_unknown_cycle_names_the_nearest_that_decided(lived: tuple[Home, dict[str, str]]) -> None:
    with pytest.raises(OperatorError, match=r"cycle 999 decided nothing that is on record; the nearest that did are c"):
        asked(lived[0], "c999")
