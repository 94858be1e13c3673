"""A budget of seconds: what runs drains, the page is written, a start is refused, and a raised one goes on."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome, wait

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")


def test_a_spent_budget_drains_hands_over_and_goes_on_when_it_is_raised(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    text = campaign_text(bars)
    swarm = swarm_of(_with_budget(text, "2h"))
    held = swarm.order("prescreen-a1@20.wait")
    began = time.monotonic()
    swarm.start()
    swarm.reached(held.name)

    # In the middle of the prescreen the daemon dies, and the next one is given less than was spent already.
    wait("the budget to be spent", lambda: time.monotonic() - began > 12)
    swarm.kill_daemon()
    swarm.campaign.write_text(_with_budget(text, "10s"))
    swarm.start(str(swarm.campaign), "--checked")

    # Nothing new begins, and what runs may end by itself.
    incident = swarm.incident("budget_spent")
    cause = r"budget spent: wall time \d+ s of 10 s, with 4 jobs still to do and 1 run open"
    assert re.fullmatch(cause, incident["cause"])
    assert swarm.run_of("prescreen-a1")["status"] == "running"
    held.unlink()
    swarm.finish()
    assert swarm.run_of("prescreen-a1")["status"] == "done"
    assert swarm.records("job")["faults.EDGE.aggressive.prescreen"]["status"] == "done"
    assert swarm.run_of("refine-a1") == {}
    campaign = swarm.records("campaign")["faults"]
    assert (campaign["status"], campaign["reason"][:13]) == ("stopped", "budget spent:")
    assert swarm.closed("budget_spent")["outcome"].startswith("0 runs open")
    page = (swarm.home.docs / "HANDOFF_LATEST.md").read_text()
    assert "the budget was spent: `faults`" in page
    assert "Why it ended: budget spent: wall time " in page
    claim = swarm.records("hypothesis")["faults.EDGE.aggressive"]
    assert (claim["status"], claim["threshold"]) == ("stated", 0.8)
    assert "## budget_guard" in (swarm.home.docs / "AGENT_REGISTRY.md").read_text()

    # A start says what a person can do; the file with more of it goes on where the work stood.
    refused = swarm.run("start", "--no-monitors")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: campaign 'faults' has spent its budget (wall time ")
    assert f"raise limits.budget in {swarm.campaign} and give that file to `swarmd start`" in refused.stderr
    swarm.campaign.write_text(_with_budget(text, "30m"))
    swarm.start(str(swarm.campaign), "--checked")
    assert swarm.finish() == 0
    assert json.loads(swarm.run("query", "--json").stdout)["campaign"]["status"] == "done"
    assert _answers(outcome(swarm)) == _answers(undisturbed)
    jobs = swarm.records("job")
    assert {jobs[f"faults.EDGE.aggressive.{phase}"]["attempt"] for phase in ("prescreen", "refine")} == {1}
    claim = swarm.records("hypothesis")["faults.EDGE.aggressive"]
    assert claim["status"] == "supported"
    assert claim["measured"] > 0.8
    spent = swarm.records("campaign")["faults"]["spent"]
    assert 10_000 <= spent["wall"] < 1_800_000
    assert "supported" in (swarm.home.docs / "KNOWLEDGE_BASE_BACKTEST.md").read_text()


def _answers(found: dict[str, Any]) -> dict[str, Any]:
    """Without the commit of the checkout, which may move while this runs."""
    return {
        path: {key: value for key, value in document.items() if key not in ("git_sha", "git_commit")}
        if isinstance(document, dict)
        else document
        for path, document in found.items()
    }


def _with_budget(text: str, wall: str) -> str:
    return text.replace("limits: {", f"limits: {{budget: {{wall: {wall}, grace: 1.0}}, ")
