"""Real lanes that are slow: one comes to no first result, one computes far below what this machine has done before."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.swarm import Swarm, campaign_text, state_of, wait

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")

# Forty combinations take a fraction of the processor time that is judged otherwise.
# By the clock, a busy machine tells little of so little work; processor time tells dear work from cheap on any.
# One after the other, in the order of the queue: a lane filled meanwhile may set a record before the slow one is done.
JUDGED = {"throughput_judged_from": 20, "throughput_cpu_min": 0.3, "throughput_wall_min": 0.001, "fill_lanes": 0}
# Longer than a beat takes to be renewed: on a busy machine a healthy run's waiting must be on record to be excused.
GATE = {"first_result_within": 7_000, "term_grace": 2_000}
# Nothing trades so often: the prescreen's answer is no, and the campaign is soon over.
OFTEN = "{min_trades: 1000000, max_drawdown: 0.6}"


def short_campaign(bars: Path, *symbols: str, name: str) -> str:
    text = campaign_text(bars, *symbols).replace("{min_trades: 30, max_drawdown: 0.6}", OFTEN)
    assert OFTEN in text
    return text.replace("name: faults", f"name: {name}")


def test_a_prescreen_far_below_the_record_of_an_earlier_campaign_is_an_incident_until_the_next_is_fast_again(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    swarm = swarm_of(short_campaign(bars, name="first"))
    # The gate: a worker that stands before its first backtest is replaced, with its stack as evidence.
    swarm.order("first.EDGE.aggressive.prescreen-a1@1.wait")
    swarm.start(limits=JUDGED | GATE)
    (barren,) = swarm.reached("first.EDGE.aggressive.prescreen-a1@1.wait")
    incident = swarm.incident("no_first_result")
    assert incident["subject"] == "first.EDGE.aggressive.prescreen-a1"
    assert "(limit 7000 ms" in incident["cause"]
    wait("the end of the barren lane", lambda: not state_of(barren))
    assert "_obey (" in (swarm.home.root / incident["evidence"][0]).read_text()
    assert swarm.finish() == 0
    assert swarm.run_of("first.EDGE.aggressive.prescreen-a1")["signal"] == signal.SIGKILL
    assert swarm.closed("no_first_result")["outcome"]
    (record,) = swarm.records("fastest").values()
    first = record["mark"]["run"]
    assert first.startswith("first.EDGE.aggressive.prescreen-a")
    assert first != "first.EDGE.aggressive.prescreen-a1"
    assert swarm.incidents("throughput_regression") == {}

    # Another campaign in another session: the record stands. Its first prescreen burns processor time.
    second = swarm.folder / "second.yaml"
    second.write_text(short_campaign(bars, "EDGE", "NOISE", name="second"))
    swarm.order("second.EDGE.aggressive.prescreen-a1@1.burn")
    swarm.start(str(second), "--checked", limits=JUDGED)
    assert swarm.finish() == 0
    ((name, slow),) = swarm.incidents("throughput_regression").items()
    assert slow["subject"] == record["work"]
    assert "x slower per combo-bar: EDGE made" in slow["cause"]
    assert f"of {first} (limit 30%)" in slow["cause"]
    assert slow["status"] == "closed"
    assert slow["outcome"].startswith("second.NOISE.aggressive.prescreen-a1 reached")
    run = swarm.run_of("second.EDGE.aggressive.prescreen-a1")
    assert (run["status"], run["exit_code"]) == ("done", 0), "a slow run is no lost run"
    assert swarm.records("job")["second.EDGE.aggressive.prescreen"]["attempt"] == 1

    rows = json.loads(swarm.run("query", "throughput", "--json").stdout)["rows"]
    assert [row["id"] for row in rows] == [
        first,
        "second.EDGE.aggressive.prescreen-a1",
        "second.NOISE.aggressive.prescreen-a1",
    ]
    assert rows[0]["cpu_share"] is None
    assert rows[1]["cpu_share"] < 0.3 <= rows[2]["cpu_share"]
    story = swarm.run("explain", name).stdout
    assert "is closed: second.NOISE.aggressive.prescreen-a1 reached" in story
    opened = swarm.run("explain", "second.EDGE.aggressive.prescreen-a1").stdout
    assert f"of the record of {first}" in opened
