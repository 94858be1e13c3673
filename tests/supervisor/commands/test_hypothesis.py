"""``swarmd hypothesis``: stated before, refused after, shown with its verdict; ``swarmd learn``: what is kept of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import (
    a_campaign,
    a_champion,
    a_failure,
    a_hypothesis,
    a_job,
    a_lesson,
    a_session,
    an_authored_hypothesis,
)
from click.testing import CliRunner, Result
from swarm_builders import a_home

from swarmd.cli import cli
from swarmd.state.errors import OperatorError
from swarmd.state.projection import Projection
from swarmd.state.records.claim import Among, Comparison, Metric
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, Verb
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.supervisor.commands.claim_options import AMONG, BOUNDS, METRICS
from swarmd.supervisor.sensors.outbox import observe_inbox


def a_told_home(tmp_path: Path, *records: Record) -> Home:
    home = a_home(tmp_path)
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append([a_session(), a_campaign(), *records])
        journal.commit()
    return home


def asked(home: Home, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home.root), *words])


def test_the_words_of_the_options_are_those_of_the_records() -> None:
    assert [each.value for each in Metric] == [*METRICS]
    assert [each.value for each in Among] == [*AMONG]
    assert [each.value for each in Comparison] == [*BOUNDS]


@pytest.mark.parametrize("verb", [("hypothesis", "state"), ("knowledge", "add", "--hypothesis")])
def test_a_claim_waits_in_the_inbox_for_the_next_daemon_with_all_that_it_says(tmp_path: Path, verb: Any) -> None:
    home = a_told_home(tmp_path)
    words = ("--campaign", "majors", "--metric", "oos_max_drawdown", "--at-most", "0.2", "--asset", "BTCUSDT")
    said = asked(home, *verb, "it | stays\n**small**", *words, "--because", "stops", "--json")
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    assert document["is_stated"] is False
    assert "waits in the inbox" in document["answer"]
    view = Projection.from_journal(home.journal).view()
    requests, _ = observe_inbox(view, home, now=9)
    (request,) = requests
    assert isinstance(request, Request)
    assert (request.verb, request.subject) == (Verb.STATE, "majors")
    assert request.claim is not None
    assert (request.claim.metric, request.claim.comparison) == (Metric.OOS_MAX_DRAWDOWN, Comparison.AT_MOST)
    assert (request.claim.scope.assets, request.claim.threshold) == (("BTCUSDT",), 0.2)
    assert request.claim.claim == "it | stays\n**small**"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--above", "1"), "name it with --campaign"),
        (("--campaign", "majors"), "give one of --above"),
        (("--campaign", "majors", "--above", "1", "--below", "2"), "give one of --above"),
        (("--campaign", "majors", "--above", "nan"), "threshold: Input should be a finite number"),
        (("--campaign", "majors", "--above", "1", "--asset", "btc usdt"), "scope.assets.0"),
        (("--campaign", "majors", "--above", "1", "--asset", "DOGEUSDT"), "refused: DOGEUSDT is none of the 2 assets"),
        (("--campaign", "majors", "--above", "1"), "refused: 1 of 2 searches in its scope have begun"),
    ],
)
def test_what_cannot_be_judged_or_comes_late_is_refused_at_once(tmp_path: Path, words: Any, why: str) -> None:
    home = a_told_home(tmp_path, a_job(attempt=1))
    refused = asked(home, "hypothesis", "state", "x", *words)
    assert isinstance(refused.exception, OperatorError)
    assert why in str(refused.exception)
    assert [*home.inbox.iterdir()] == []


def test_the_ledger_shows_each_claim_and_one_of_them_whole(tmp_path: Path) -> None:
    figures = {"measured": 0.9, "held": 2, "n": 3, "evidence": ("r1",)}
    verdict = {"status": "supported", "verdict": "held in 2", **figures}
    home = a_told_home(tmp_path, a_hypothesis(), an_authored_hypothesis(), an_authored_hypothesis(at=9, **verdict))
    rows = json.loads(asked(home, "hypothesis", "list", "--json").stdout)["rows"]
    assert [(row["id"], row["origin"], row["status"]) for row in rows] == [
        ("majors.BTCUSDT.balanced", "standard", "stated"),
        ("majors/0123456789", "campaign", "supported"),
    ]
    assert len(json.loads(asked(home, "hypothesis", "list", "--stated-by", "person", "--json").stdout)["rows"]) == 0
    shown = asked(home, "hypothesis", "show", "majors/0123456789").stdout
    assert "verdict    held in 2" in shown
    assert "evidence   r1" in shown
    missing = asked(home, "hypothesis", "show", "majors/012345678")
    assert "did you mean 'majors/0123456789'?" in str(missing.exception)


def test_what_the_journal_has_taught_is_found_in_the_knowledge_base(tmp_path: Path) -> None:
    """Failures with what helped, lessons, claims, champions, each with its evidence; put twice, kept once."""
    failure = a_failure(
        "out_of_memory", "refine", count=4, remedies={"smaller": (3, 3)}, last_incidents=("r1/out_of_memory",)
    )
    gpu = a_failure("device_failed", "prescreen", count=2)
    home = a_told_home(tmp_path, failure, gpu, a_lesson(), a_hypothesis(), a_champion())
    first = json.loads(asked(home, "learn", "--json").stdout)
    assert (first["added"], first["same"]) == (5, 0)
    assert json.loads(asked(home, "learn", "--json").stdout)["same"] == 5
    found = json.loads(asked(home, "knowledge", "search", "out of memory", "--domain", "ops", "--json").stdout)
    hit = json.dumps(found)
    assert "failure:out_of_memory/refine" in hit
    printed = [json.loads(line) for line in asked(home, "learn", "--print").stdout.splitlines()]
    by_id = {entry["id"]: entry for entry in printed}
    oom = by_id["failure:out_of_memory/refine"]
    assert (oom["domain"], oom["kind"], oom["evidence"], oom["strength"]) == (
        "ops",
        "failure",
        ["r1/out_of_memory"],
        0.8,
    )
    assert "Remedies by verified success: smaller helped 3 of 3 times (likely to help: 80%)." in oom["text"]
    assert by_id["failure:device_failed/prescreen"]["domain"] == "gpu"
    assert by_id["lesson:majors/verdicts"]["evidence"] == ["majors.BTCUSDT.balanced.prescreen-a1"]
    assert "95% interval 5% to 70%" in by_id["lesson:majors/verdicts"]["text"]
    assert by_id["hypothesis:majors.BTCUSDT.balanced"]["strength"] == 0.1
