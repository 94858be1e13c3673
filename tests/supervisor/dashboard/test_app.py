"""What the addresses answer: tables in pages, documents, the past, a champion's files; and errors a person can mend."""

import json
import os
from typing import Any

import pytest
from builders import JOB, RUN, a_lane
from dashboard_home import BEGAN, N_TRIALS, REFINE, Client, told_home

from swarmd.state.store.files import Home, lock_file
from swarmd.supervisor.dashboard.app import PAGES
from swarmd.supervisor.notices import ledger


async def asked(client: Client, path: str, **params: Any) -> Any:
    answer = await client().get(path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def test_the_first_document_tells_goal_stages_lanes_and_why_they_wait(client: Client) -> None:
    now = await asked(client, "/api/now")
    assert (now["source"], now["daemon"]["alive"]) == ("journal", False)
    assert (now["campaign"]["name"], now["campaign"]["settled"], now["campaign"]["total"]) == ("majors", 2, 5)
    assert {stage["phase"]: stage["running"] for stage in now["stages"]}["prescreen"] == 1
    assert (now["lanes"]["busy"], now["lanes"]["free"], now["lanes"]["held"]) == (2, 1, 1)
    assert {row["reason"] for row in now["lanes"]["why_idle"]} == {"no daemon runs", "kept"}
    assert [row["signature"] for row in now["incidents"]["newest"]] == ["stuck_with_cpu"]
    assert (now["incidents"]["closed"], now["champions"], now["host"]["cpu_util"]) == (1, 1, 0.7)
    assert now["rates"] == {"combos": 5.0, "trials": 0.5}


async def test_a_lane_tells_its_work_its_progress_and_what_is_left(client: Client) -> None:
    rows = {row["id"]: row for row in (await asked(client, "/api/table/lanes"))["rows"]}
    busy = rows["cpu0"]
    assert (busy["run"], busy["symbol"], busy["phase"]) == (f"{JOB}-a2", "BTCUSDT", "prescreen")
    assert (busy["done"], busy["total"], busy["share"], busy["rate"], busy["eta_s"]) == (40, 100, 0.4, 5.0, 12.0)
    assert (rows["fill0"]["standing"], rows["fill0"]["waits"]) == ("held", "kept")


async def test_a_job_tells_whom_it_waits_for(client: Client) -> None:
    rows = {row["id"]: row for row in (await asked(client, "/api/table/jobs"))["rows"]}
    waits = {row["phase"]: row["waits"] for row in rows.values() if row["status"] == "queued"}
    assert waits == {"screen": "after ETHUSDT.balanced.refine"}


async def test_tables_come_in_pages_that_follow_each_other(client: Client, tmp_path_factory: Any) -> None:
    home = told_home(tmp_path_factory.mktemp("many"), more=tuple(a_lane(f"gpu{n}", slot=n) for n in range(1000)))
    seen: list[str] = []
    cursor: str | None = "0"
    asking = client(home=home)
    while cursor is not None:
        page = (await asking.get("/api/table/lanes", params={"cursor": cursor, "limit": 300})).json()
        assert page["total"] == 1004
        seen += [row["id"] for row in page["rows"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 1004


async def test_a_table_is_sorted_both_ways_with_the_unknown_last_and_filtered_by_every_word(client: Client) -> None:
    rising = (await asked(client, "/api/table/lanes", sort="done"))["rows"]
    falling = (await asked(client, "/api/table/lanes", sort="-done"))["rows"]
    assert [row["done"] for row in rising] == [12, 40, None, None]
    assert [row["done"] for row in falling] == [40, 12, None, None]
    found = await asked(client, "/api/table/jobs", filter="ETHusdt quarantined")
    assert [row["phase"] for row in found["rows"]] == ["preflight"]
    assert (await asked(client, "/api/table/jobs", filter="nothing such"))["rows"] == []


async def test_trials_are_told_newest_first_and_a_search_by_its_lines(client: Client) -> None:
    page = await asked(client, "/api/table/trials", cursor=10, limit=5)
    assert (page["total"], page["next"]) == (N_TRIALS, "15")
    assert [row["number"] for row in page["rows"]] == [49, 48, 47, 46, 45]
    study = await asked(client, "/api/search", job=REFINE)
    assert (study["total"], study["shown"]) == (N_TRIALS, N_TRIALS)
    assert [(axis["name"], axis["words"]) for axis in study["parameters"]] == [("L_fast", None), ("kind", ["a", "b"])]
    assert study["best_so_far"][-1] == [58, 58.0]  # number 59 is not valid
    assert [row["best"] for row in (await asked(client, "/api/table/studies"))["rows"]] == [58.0]
    assert (await asked(client, "/api/ledger"))["rows"][0]["tried"] == N_TRIALS


async def test_an_incident_tells_its_story(client: Client) -> None:
    told = await asked(client, "/api/explain", id=f"{RUN}/crash")
    story = told["incident"]
    assert story["evidence"]["files"] == ["logs/lanes/x.log"]
    assert (story["decision"]["agent"], story["remedy"]["rung"]) == ("worker_sentry", "relaunch")
    assert story["outcome"]["is_verified"]
    assert told["chain"]


async def test_the_past_is_told_as_it_was_known_then(client: Client) -> None:
    span = await asked(client, "/api/time")
    assert (span["from"], span["to"]) == (BEGAN, BEGAN + 180_000)
    assert {mark["kind"] for mark in span["marks"]} == {"session", "incident", "champion"}
    then = await asked(client, "/api/at", at="2026-01-31T09:31:30Z")
    assert (then["champions"], then["incidents"]["open"], then["lanes"]["busy"]) == (0, 0, 2)
    assert {row["id"]: row["run"] for row in then["lane_rows"]}["cpu0"] == RUN
    assert then["stages"][0]["done"] == 1
    again = await asked(client, "/api/at", at=BEGAN + 90_000)
    assert again == then


async def test_a_champion_is_told_from_its_own_files(client: Client) -> None:
    told = await asked(client, "/api/champions/BTCUSDT_5m")
    assert told["parameters"] == {"L_fast": 7, "sl": 0.02}
    assert told["certificate"]["evidence"]["forecast"]["shrunken_annual_sharpe"] == 0.9
    assert (told["has_fills"], told["missing"], told["pine"]) == (True, [], None)
    drawn = await asked(client, "/api/champions/BTCUSDT_5m/bars", limit=100)
    assert (drawn["bars_each"], len(drawn["bars"]), len(drawn["fills"])) == (40, 100, 20)
    first = drawn["bars"][0]
    assert first[0] == 1_609_459_200
    assert first[3] < first[4] < first[2]
    part = await asked(client, "/api/champions/BTCUSDT_5m/bars", **{"from": "2021-01-01T01:00:00Z", "limit": 500})
    assert part["bars"][0][0] == 1_609_459_200 + 3600


async def test_the_fills_in_the_vault_follow_those_of_the_search(client: Client, tmp_path_factory: Any) -> None:
    home = told_home(tmp_path_factory.mktemp("vault"))
    kept = next(home.results.glob("*/*/*/*/trades.csv"))
    rows = kept.read_text().splitlines(keepends=True)
    (kept.parent.parent / "vault_trades.csv").write_text("".join(rows[:4]).replace("2021-", "2022-"))
    drawn = (await client(home=home).get("/api/champions/BTCUSDT_5m/bars")).json()["fills"]
    assert len(drawn) == 23
    assert [fill["entry_time"][:4] for fill in (drawn[0], drawn[19], drawn[20])] == ["2021", "2021", "2022"]


async def test_an_exported_script_is_told_with_its_parity(client: Client, tmp_path_factory: Any) -> None:
    home = told_home(tmp_path_factory.mktemp("pine"))
    folder = home.exports / "pine"
    folder.mkdir(parents=True)
    (folder / "BTCUSDT_5m.pine").write_text("//@version=6\n")
    (folder / "BTCUSDT_5m.parity.json").write_text(json.dumps({"trades": 68, "agree": True}))
    told = (await client(home=home).get("/api/champions/BTCUSDT_5m")).json()
    assert told["pine"] == {"script": "exports/pine/BTCUSDT_5m.pine", "parity": {"trades": 68, "agree": True}}


async def test_a_certificate_that_a_damaged_champion_names_outside_the_home_is_not_read(
    client: Client, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("outside")
    home = told_home(folder)
    (folder / "secret.json").write_text('{"verdict": "champion"}')
    file = home.champions / "BTCUSDT_5m.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"certificate": "../secret.json"}))
    told = (await client(home=home).get("/api/champions/BTCUSDT_5m")).json()
    assert told["certificate"] == {}
    assert "outside the home" in told["missing"][0]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/table/nonsense", "there is no table 'nonsense'; there are: actions"),
        ("/api/table/lanes?limit=9999", "limit '9999' is not a whole number from 1 to 500"),
        ("/api/table/lanes?cursor=-1", "cursor '-1'"),
        ("/api/table/lanes?limit=²", "limit '²'"),
        ("/api/explain", "say which"),
        ("/api/explain?id=nobody", "nothing in the journal is called 'nobody'"),
        ("/api/at", "say which instant"),
        ("/api/at?at=yesterday", "'yesterday' is not a time"),
        ("/api/at?at=9999999999999999999999", "is not a time"),
        ("/api/at?at=253402300799999", "is still to come"),
        ("/api/champions/DOGE_5m", "there is no champion 'DOGE_5m'; there are: BTCUSDT_5m"),
        ("/api/champions/DOGE_5m/bars", "there is no champion"),
        ("/certificate/DOGE_5m", "there is no champion"),
        ("/api/search?job=nobody", "there is no job 'nobody'"),
        (f"/api/search?job={JOB}", "phase0_top500.json is not there (yet)"),
        (f"/api/search?job={JOB.replace('prescreen', 'preflight').replace('balanced.', '')}", "no trial of"),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong_with_it(client: Client, path: str, said: str) -> None:
    answer = await client().get(path)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


async def test_every_page_is_the_same_shell_and_is_not_sent_twice(client: Client) -> None:
    shells = [await client().get(path) for path in PAGES]
    assert {answer.text for answer in shells} == {shells[0].text}
    again = await client().get("/", headers={"if-none-match": shells[0].headers["etag"]})
    assert (again.status_code, again.text) == (304, "")


async def test_an_empty_home_is_shown_as_what_it_is(client: Client, tmp_path_factory: Any) -> None:
    home = Home(tmp_path_factory.mktemp("empty"))
    home.prepare()
    asking = client(home=home)
    now = (await asking.get("/api/now")).json()
    assert (now["campaign"], now["stages"], now["lanes"]["total"]) == (None, [], 0)
    for topic in ("lanes", "jobs", "tracker", "incidents", "champions", "trials", "inbox", "studies", "events"):
        assert (await asking.get(f"/api/table/{topic}")).json()["rows"] == [], topic
    assert (await asking.get("/api/time")).json()["from"] is None
    assert (await asking.get("/metrics")).status_code == 200


async def test_the_latest_instant_of_a_home_that_is_alive_is_the_present(client: Client, tmp_path_factory: Any) -> None:
    """With nothing written since, only the lock tells that somebody still works."""
    home = told_home(tmp_path_factory.mktemp("alive"))
    at = BEGAN + 180_000
    asking = client(home=home)
    assert not (await asking.get("/api/at", params={"at": at})).json()["daemon"]["alive"]
    held = lock_file(home.daemon_lock, {"pid": 4242})
    assert held is not None
    then = (await client(home=home).get("/api/at", params={"at": at})).json()
    assert then["daemon"]["alive"]
    assert {row["id"] for row in then["lane_rows"]} >= {"cpu0", "fill0"}
    os.close(held)


async def test_a_message_that_no_channel_took_is_in_the_inbox(client: Client, tmp_path_factory: Any) -> None:
    home = told_home(tmp_path_factory.mktemp("notices"))
    told = {
        "channel": "json://desk",
        "at": "2026-01-31T10:00:00.000Z",
        "title": "A crash",
        "text": "r1",
        "why": "refused",
    }
    lost = [told | {"notice": "n1", "status": "given_up"}, told | {"notice": "n2", "status": "sent"}]
    ledger.append(home, lost)
    rows = (await client(home=home).get("/api/table/inbox", params={"filter": "delivered"})).json()["rows"]
    assert [(row["id"], row["level"]) for row in rows] == [("notice/json/n1", "act")]
    assert "refused" in rows[0]["text"]
    assert "desk" not in str(rows)  # an address of a channel may hold its secret
