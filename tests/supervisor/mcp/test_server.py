"""The MCP server as an agent meets it: the SDK's own client, over stdio, with a real process and a real campaign."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import planted_market
from swarmd.state.store.files import Home, is_locked

mcp = pytest.importorskip("mcp", reason="the extra is missing: pip install 'swarmd[mcp]'")

pytestmark = [pytest.mark.xdist_group("surroundings of a daemon"), pytest.mark.timeout(600)]

WITHIN_S = 300.0
CAMPAIGN = """\
name: tiny
data: {root: ../bars, interval: 5m}
assets: {tiers: {A: [EDGE]}}
strategy: {name: mtf_ema, modes: [aggressive]}
search: {prescreen: {combos: 40, seed: 42}, refine: {trials: 12, seed: 42}}
space:
  tf_fast: [15]
  tf_slow: [60]
  L_fast: {low: 8, high: 16, type: int}
  L_slow: {low: 15, high: 28, type: int}
  sl: {low: 0.03, high: 0.05}
  tp: {low: 0.05, high: 0.15}
constraints: {min_trades: 30, max_drawdown: 0.6}
validation: {crown_on: screen}
limits: {disk_free_min: 1MiB, max_lanes: 1, spares: 0}
"""


@asynccontextmanager
async def served(home: Path, *words: str, **environment: str) -> AsyncIterator[Any]:
    parts = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT", "SWARMD_HOME")
    known = {name: value for name, value in os.environ.items() if name not in parts}
    command = mcp.StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "swarmd", "mcp", "--home", str(home), *words],
        env={**known, **environment},
    )
    async with mcp.Client(command, read_timeout_seconds=WITHIN_S) as client:
        yield client


async def called(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    found: dict[str, Any] = answer.structured_content
    return found


async def refused(client: Any, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, answer.structured_content
    return str(answer.content[0].text)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    if is_locked(home.daemon_lock):
        command = [sys.executable, "-P", "-m", "swarmd", "stop", "--now", "--timeout", "60", "--home", str(home.root)]
        subprocess.run(command, check=False, capture_output=True)


async def test_an_agent_drafts_runs_polls_and_reads_a_champion(home: Home) -> None:
    edge, _ = planted_market(300, 7, 6.0, symbol="EDGE")
    (home.root / "bars").mkdir(parents=True)
    write_bars(home.root / "bars" / "EDGE.parquet", edge)
    async with served(home.root, "--allow-control") as client:
        wrong = await called(client, "campaign_draft", yaml=CAMPAIGN.replace("combos: 40", "combos: forty"))
        assert not wrong["is_valid"]
        assert wrong["id"] is None
        (problem,) = wrong["problems"]
        assert (problem["line"], problem["field"]) == (5, "search.prescreen.combos")

        draft = await called(client, "campaign_draft", yaml=CAMPAIGN)
        assert draft == await called(client, "campaign_draft", yaml=CAMPAIGN), "the same text is the same draft"
        assert (draft["campaign"], draft["jobs_planned"]) == ("tiny", 5)
        assert (await called(client, "campaign_poll", id=draft["id"]))["status"] == "not_started"
        assert "no daemon runs on" in await refused(client, "campaign_pause")

        started = await called(client, "campaign_run", id=draft["id"], until_done=False)
        assert started["campaign"] == "tiny"
        assert "a daemon runs here already" in await refused(client, "campaign_run", id=draft["id"])
        assert "none of the 1 assets" in await refused(client, "asset_prioritise", symbol="XRPUSDT")
        assert "nothing to kill: 'cpu9'" in await refused(client, "run_kill", target="cpu9")

        until = time.monotonic() + WITHIN_S
        while not (seen := await called(client, "campaign_poll", id=draft["id"]))["is_over"]:
            assert time.monotonic() < until, seen
            assert seen["total"] == 5
            await asyncio.sleep(0.3)
        assert seen["status"] == "done"
        assert seen["champions"] == ["EDGE_5m"]
        (verdict,) = seen["verdicts"]
        assert verdict["is_champion"]
        assert verdict["marks"] == ["pass"] * 5

        champion = await called(client, "champions_show", id="EDGE_5m")
        assert champion["file"]["checksum"] == champion["record"]["checksum"]
        assert champion["file"]["parameters"]["tf_fast"] == 15
        listed = await called(client, "champions_list")
        assert [row["id"] for row in listed["rows"]] == ["EDGE_5m"]
        why = await called(client, "explain", id="EDGE_5m")
        assert len(why["chain"]) > 1
        page = await called(client, "query", topic="jobs", limit=2)
        assert (page["total"], len(page["rows"]), page["next_offset"]) == (5, 2, 2)

        read = await client.read_resource("swarmd://champions/EDGE_5m")
        assert json.loads(read.contents[0].text)["file"]["symbol"] == "EDGE"
        state = json.loads((await client.read_resource("swarmd://state")).contents[0].text)
        assert state["campaign"]["status"] == "done"

        assert "nothing to cancel: tiny is done" in await refused(client, "campaign_cancel", campaign="tiny")
        stopped = await called(client, "campaign_stop")
        assert stopped["was_running"]
        assert not is_locked(home.daemon_lock)
        handed = await client.read_resource("swarmd://handoff")
        assert "tiny is done" in handed.contents[0].text
        assert await called(client, "campaign_stop") == {"was_running": False, "handoff": None}


async def test_read_only_there_is_no_tool_that_changes_anything_and_a_bad_word_is_an_answer(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "drafts").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("name: secret\n")
    async with served(home, MY_API_TOKEN="abcdef123456") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {
            "query", "explain", "knowledge_search", "champions_list", "champions_show", "campaign_check",
            "campaign_poll",
        }  # fmt: skip
        assert all(tool.annotations.read_only_hint and tool.output_schema for tool in tools.values())
        assert "Unknown tool" in await refused(client, "campaign_cancel", campaign="tiny")

        assert "there is no swarm in" in await refused(client, "query", topic="jobs")
        told = await refused(client, "query", topic="jabs")
        assert told.startswith("query cannot be called so: topic: Input should be 'lanes', 'runs', ")
        assert await refused(client, "query", topic="jobs", limit=100_000, offset=-1) == (
            "query cannot be called so: offset: Input should be greater than or equal to 0; "
            "limit: Input should be less than or equal to 200"
        )
        assert await refused(client, "explain") == "explain cannot be called so: id: Field required"
        assert "no champion '../../secret'" in await refused(client, "champions_show", id="../../secret")
        assert "no campaign '../secret'" in await refused(client, "campaign_poll", id="../secret")
        assert (await called(client, "knowledge_search", question="what fails"))["hits"] == []

        assert "at most 65,536 bytes" in await refused(client, "campaign_check", yaml="#" * 70_000)
        found = await called(client, "campaign_check", yaml=CAMPAIGN.replace("../bars", "/etc"))
        assert not found["is_valid"]
        assert {each["field"] for each in found["problems"]} == {"data.root"}
        told = await called(client, "campaign_check", yaml=CAMPAIGN.replace("mtf_ema", "/tmp/mine.py:Mine"))
        assert "only a person may start one" in json.dumps(told["problems"])
        hidden = await called(client, "campaign_check", yaml="name: abcdef123456\nx: 1\n")
        assert "abcdef123456" not in json.dumps(hidden)
        with pytest.raises(mcp.MCPError, match="no handoff page"):
            await client.read_resource("swarmd://handoff")
    assert [*(home / "drafts").iterdir()] == []
    assert not (home / "state" / "journal").exists()
