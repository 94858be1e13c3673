"""``swarmd explain``: from anything back to what was observed."""

from pathlib import Path

import orjson
import pytest
from builders import (
    RUN,
    a_beat,
    a_champion,
    a_gauge,
    a_job,
    a_refusal,
    a_request,
    a_result,
    a_run,
    an_action,
    an_incident,
)
from click.testing import CliRunner

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.supervisor.commands.explain import explain

STORY = [
    a_gauge(at=1),
    an_action("a1-0", at=2, caused_by=("host.cpu_util",)),
    a_job(at=2, attempt=1, caused_by=("a1-0",)),
    a_run(at=2, status="starting", caused_by=("a1-0",)),
    a_run(at=3, caused_by=(RUN,)),
    a_beat(at=4, caused_by=(RUN,)),
    a_beat(at=5, done=7, caused_by=(RUN,)),
    a_gauge(at=6, value=0.9),
    a_run(at=7, status="failed", exit_code=1, reason="it raised", caused_by=(RUN,)),
    an_action("a9-0", at=8, agent="worker_sentry", caused_by=(RUN,)),
    an_incident(at=8, caused_by=("a9-0",)),
    a_refusal(at=9, caused_by=(f"{RUN}/crash",)),
    a_result(at=10, caused_by=(RUN,)),
    a_champion(at=11, caused_by=(RUN,)),
    a_request(at=12),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append(STORY)
    return home


def seqs(home: Home, id: str) -> list[int]:
    told = CliRunner().invoke(explain, ["--home", str(home.root), id, "--json"], catch_exceptions=False)
    document = orjson.loads(told.stdout)
    assert (document["schema"], document["id"]) == ("swarmd.explain/1", id)
    return [step["seq"] for step in document["chain"]]


def test_an_incident_leads_back_to_the_observations_newest_first(home: Home) -> None:
    # incident, its action, the run's end, the newest beat, the run alive and ordered, the action, the gauge of then.
    assert seqs(home, f"{RUN}/crash") == [11, 10, 9, 7, 5, 4, 2, 1]


@pytest.mark.parametrize(
    ("id", "chain"),
    [
        ("a1-0", [2, 1]),
        (a_job().id, [3, 2, 1]),
        (a_refusal().id, [12, 11, 10, 9, 7, 5, 4, 2, 1]),
        (RUN, [13, 9, 7, 5, 4, 2, 1]),
        ("BTCUSDT_5m", [14, 13, 9, 7, 5, 4, 2, 1]),
        ("0001-stop", [15]),
        ("host.cpu_util", [8]),
    ],
)
def test_everything_can_tell_its_story(home: Home, id: str, chain: list[int]) -> None:
    assert seqs(home, id) == chain


def test_the_story_is_told_in_plain_words_with_time_and_agent(home: Home) -> None:
    told = CliRunner().invoke(explain, ["--home", str(home.root), f"{RUN}/crash"], catch_exceptions=False).stdout
    story, _, chain = told.partition("\n\n")
    assert story.startswith(f"crash of {RUN}, open\n")
    lines = chain.splitlines()
    assert lines[0].startswith("1970-01-01T00:00:00.008Z  worker_sentry")
    assert "incident" in lines[0]
    assert "remedy: a new run" in lines[0]
    assert "ended as failed, exit code 1: it raised" in lines[2]
    assert "cpu0 is free" in lines[-2]
    assert lines[-1].endswith("host.cpu_util is 0.5")


def test_an_unknown_id_names_the_nearest(home: Home) -> None:
    with pytest.raises(OperatorError, match=r"nothing in the journal is called 'a1-1'; did you mean a1-0"):
        seqs(home, "a1-1")
