"""The pages in a real Chromium, over a real server: every page, every action, every way back after something broke.

One browser and two servers for all of them; nothing may be told on the console, or fail to load, in any test.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import a_champion
from dashboard_browser import CHROMIUM, Server, Tab, until
from dashboard_home import BEGAN, N_TRIALS, REFINE, LivingHome, a_living_home, told_home, write_champion, write_trials

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="install Chromium: apt-get install chromium"),
    pytest.mark.xdist_group("dashboard in a browser"),
]
PAGES = ["/", "/assets", "/champion", "/search", "/incidents", "/time", "/inbox"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    second = {"id": "ETHUSDT_5m", "symbol": "ETHUSDT", "oos_annual_sharpe": 2.4, "path": "champions/ETHUSDT_5m.json"}
    home = told_home(
        tmp_path_factory.mktemp("told"),
        n_lanes=1_000,
        more=(a_champion(at=BEGAN, since=BEGAN, checksum="c2", **second),),
    )
    write_champion(home, "ETHUSDT", first_day=10, parameters={"L_fast": 7, "sl": 0.04, "tp": 0.1})
    server = Server(home).begin()
    yield server
    server.end()


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingHome]:
    with a_living_home(tmp_path_factory.mktemp("living")) as home:
        yield home


@pytest.fixture(scope="module")
def alive(living: LivingHome) -> Iterator[Server]:
    server = Server(living.home).begin()
    yield server
    server.end()


def test_without_the_token_the_browser_sees_how_to_come_in_and_nothing_else(chromium: Any, told: Server) -> None:
    page = chromium.new_page()
    page.goto(told.address.url)
    assert "swarmd status" in page.inner_text("body")
    assert "majors" not in page.content()
    page.close()


@pytest.mark.parametrize("looks", [
    {"color_scheme": "light"}, {"color_scheme": "dark"},
    {"viewport": {"width": 380, "height": 740}, "reduced_motion": "reduce"},
], ids=["light", "dark", "phone"])  # fmt: skip
def test_every_page_shows_the_home_and_nothing_is_wider_than_the_screen(
    tab: Callable[..., Tab], told: Server, looks: dict[str, Any]
) -> None:
    one = tab(told, **looks)
    assert "token" not in one.page.url
    said = {
        "/": "Stuck with cpu", "/assets": "ETHUSDT.balanced.refine",
        "/champion": "Sharpe to expect", "/search": f"{N_TRIALS} trials", "/incidents": "Crash",
        "/time": "Last decisions", "/inbox": "The daemon is gone",
    }  # fmt: skip
    assert list(said) == PAGES
    for path, text in said.items():
        page = one.go(path)
        one.sees(text)
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], path
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button, a, input, select')].filter((e) => !(e.textContent.trim() || "
            "e.getAttribute('aria-label') || e.labels?.length || e.title)).map((e) => e.outerHTML)"
        )
        assert unnamed == [], path


def test_a_thousand_lanes_are_drawn_a_screen_at_a_time(tab: Callable[..., Tab], told: Server) -> None:
    page = tab(told).page
    page.wait_for_selector("[aria-label=lanes] .line")
    assert page.get_attribute("[aria-label=lanes]", "aria-rowcount") == "1001"
    assert page.locator("[aria-label=lanes] .line").count() < 40
    page.eval_on_selector("[aria-label=lanes] .scroll", "(e) => { e.scrollTop = e.scrollHeight; }")
    page.wait_for_selector("[aria-label=lanes] .line:has-text('fill0')")
    assert page.locator("[aria-label=lanes] .line").count() < 40


def test_a_table_is_sorted_filtered_and_walked_with_the_keyboard(tab: Callable[..., Tab], told: Server) -> None:
    one = tab(told, path="/assets")
    page = one.page
    page.wait_for_selector("[aria-label=jobs] .line")
    page.keyboard.press("/")
    page.keyboard.type("ETH")
    until(page, "document.querySelectorAll('[aria-label=assets] .line').length === 1")
    page.keyboard.press("Escape")
    page.click("[aria-label=jobs] button:has-text('Status')")
    page.wait_for_selector("[aria-label=jobs] [aria-sort=descending]")
    page.wait_for_selector("[aria-label=jobs] .line[aria-rowindex='1']:has-text('running')")
    page.focus("[aria-label=jobs] .line[tabindex='0']")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")


def test_pages_are_a_key_away_and_the_keys_are_told(tab: Callable[..., Tab], told: Server) -> None:
    page = tab(told).page
    for key, path in zip(
        "acsitxn", ["/assets", "/champion", "/search", "/incidents", "/time", "/inbox", "/"], strict=True
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        until(page, f"location.pathname === '{path}' && document.querySelector('#nav [aria-current]')"
                               f".getAttribute('href') === '{path}'")  # fmt: skip
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]:has-text('filter the table')")


def test_an_incident_is_told_from_its_evidence_to_its_outcome(tab: Callable[..., Tab], told: Server) -> None:
    one = tab(told, path="/incidents")
    one.page.click("[aria-label=incidents] .line:has-text('Crash')")
    for text in ("killed by SIGKILL", "Decision by worker sentry", "rung: relaunch", "attempt 2 has done 40 of 100"):
        one.sees(text, ".story")


def test_the_handle_of_time_shows_what_was_known_then(tab: Callable[..., Tab], told: Server) -> None:
    one = tab(told, path="/time")
    one.sees("Stuck with cpu")
    one.page.focus("input[type=range]")
    one.page.keyboard.press("Home")
    one.sees("2026-01-31 09:30:00 UTC")
    until(one.page, "!document.body.innerText.includes('Stuck with cpu')")
    one.page.click("button:has-text('+1 min')")
    one.sees("start run")


def test_a_champion_shows_its_fills_and_names_who_draws_them(tab: Callable[..., Tab], told: Server) -> None:
    one = tab(told, path="/champion")
    one.sees("the last 12 of 20 trades")
    assert one.page.locator(".chart canvas").count() >= 3
    assert one.page.get_attribute("a:has-text('TradingView')", "href") == "https://www.tradingview.com/"


def test_champions_are_set_side_by_side_the_better_figure_in_bold_and_their_curves_over_each_other(
    tab: Callable[..., Tab], told: Server
) -> None:
    one = tab(told, path="/champion")
    page = one.page
    page.click("button:has-text('Side by side')")
    one.sees("from 1 on 2021-01-11, the first day all have", "[aria-label=Equity]")
    page.wait_for_selector("[aria-label=Equity] canvas")
    assert "compare=BTCUSDT_5m,ETHUSDT_5m" in page.url
    row = "[aria-label=Figures] tr:has-text('Annual Sharpe, vault')"
    assert page.locator(f"{row} td").all_inner_texts() == ["Annual Sharpe, vault", "1.10", "2.40"]
    assert page.locator(f"{row} b").all_inner_texts() == ["2.40"]
    parameters = [line.split("\t") for line in page.locator("[aria-label=Parameters] tbody tr").all_inner_texts()]
    assert parameters == [["L_fast", "7", "7"], ["sl", "0.02", "0.04"], ["tp", "–", "0.1"]]
    assert page.locator("[aria-label=Parameters] b").all_inner_texts() == ["0.02", "0.04", "–", "0.1"]
    # Taken out, put in, and alone again; an address may be kept and come back to.
    page.click("button[aria-pressed]:has-text('ETHUSDT')")
    one.sees("Choose two champions or more")
    page.go_back()
    one.sees("the better one of a row is bold")
    page.click("button:has-text('One alone')")
    one.sees("Sharpe to expect")
    page.wait_for_selector(".chart.tall canvas")


def test_a_search_is_drawn_read_and_grows(tab: Callable[..., Tab], told: Server) -> None:
    one = tab(told, path="/search")
    one.sees(f"{N_TRIALS} of {N_TRIALS} shown")
    box = one.page.locator("canvas.parallel").bounding_box()
    one.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    for part in range(40):
        one.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * (0.3 + part / 100))
        if "score" in one.page.inner_text(".card [role=status]"):
            break
    one.sees("score", ".card [role=status]")
    write_trials(told.home, f"{REFINE}-a1", range(N_TRIALS, N_TRIALS + 5))
    one.go("/")
    one.go("/search")
    one.sees(f"{N_TRIALS + 5} of {N_TRIALS + 5} shown")


def test_what_was_read_stays_read(tab: Callable[..., Tab], told: Server) -> None:
    one = tab(told, path="/inbox")
    one.sees("A job was given up")
    assert one.page.locator("#nav .count").last.inner_text() != "0"
    one.page.click("button:has-text('Mark all read')")
    until(one.page, "document.querySelectorAll('.mail:not(.read)').length === 0")
    one.go("/inbox")
    until(one.page, "document.querySelectorAll('.mail.read').length > 2")


def test_every_action_asks_first_and_shows_at_once_what_came_of_it(
    tab: Callable[..., Tab], alive: Server, living: LivingHome
) -> None:
    one = tab(alive)
    page = one.page
    one.sees("live", "#top")
    page.click("#top button:has-text('Pause')")
    page.click("dialog button:has-text('Leave it')")
    page.wait_for_selector("dialog", state="detached")
    assert living.swarm.projection.view().requests == {}
    for verb, status in (("Pause", "paused"), ("Resume", "active")):
        page.click(f"#top button:has-text('{verb}')")
        page.click(f"dialog button[type=submit]:has-text('{verb}')")
        page.wait_for_selector("dialog", state="detached")
        assert page.inner_text("#top .pill") == status
    page.click("[aria-label=lanes] .line:has-text('cpu0')")
    page.wait_for_selector("dialog[open]:has-text('Lane cpu0')")
    assert page.locator("dialog button:has-text('Kill')").count() == 0  # nothing runs in it
    page.keyboard.press("Escape")
    for path, line, verb in (
        ("/assets", "[aria-label=jobs] .line:has-text('quarantined')", "Retry job"),
        ("/assets", "[aria-label=assets] .line:has-text('BTCUSDT')", "Prioritise asset"),
    ):
        one.go(path)
        page.click(line)
        page.click(f"dialog button:has-text('{verb}')")
        page.click(f"dialog button[type=submit]:has-text('{verb}')")
        one.sees(verb, ".toast")
    page.click("button:has-text('Actions…')")
    page.click("dialog button:has-text('Kill run')")
    page.fill("dialog input", "cpu9")
    page.click("dialog button[type=submit]")
    one.sees("Kill run: ", ".toast.bad")
    asked = [request.verb.value for request in living.swarm.projection.view().requests.values()]
    assert asked == ["pause", "resume", "retry", "prioritise", "kill"]


def test_the_page_comes_back_by_itself_after_the_server_died_and_misses_nothing(
    tab: Callable[..., Tab], alive: Server
) -> None:
    one = tab(alive)
    one.sees("live", "#top")
    one.expects_loss = True
    alive.end()
    one.sees("connection lost", "#top")
    alive.begin()
    one.sees("live", "#top")
    one.page.click("#top button:has-text('Pause')")
    one.page.click("dialog button[type=submit]")
    one.sees("paused", "#top .pill")
    one.sees("dashboard asks to pause", ".log")
    one.page.click("#top button:has-text('Resume')")
    one.page.click("dialog button[type=submit]")
    one.sees("active", "#top .pill")


def test_an_answer_that_is_cut_in_the_middle_is_no_answer_and_what_was_shown_stays(
    tab: Callable[..., Tab], told: Server
) -> None:
    one = tab(told, path="/assets")
    page = one.page
    page.wait_for_selector("[aria-label=jobs] .line")
    # What a server leaves that is killed after its first bytes.
    page.route(
        "**/api/table/jobs*", lambda route: route.fulfill(status=200, content_type="application/json", body='{"t')
    )
    with page.expect_response("**/api/table/jobs*"):
        page.click("[aria-label=jobs] button:has-text('Status')")
    page.unroute("**/api/table/jobs*")
    with page.expect_response("**/api/table/jobs*") as asked:
        page.click("[aria-label=jobs] button:has-text('Status')")
    assert "NaN" not in asked.value.url
    page.wait_for_selector("[aria-label=jobs] .line[aria-rowindex='1']:has-text('done')")


def test_a_page_outlives_its_daemon_says_so_and_sees_the_next_one(
    tab: Callable[..., Tab], alive: Server, living: LivingHome
) -> None:
    one = tab(alive)
    one.sees("live", "#top")
    living.end()
    one.sees("daemon not running", "#top")
    one.sees("No daemon runs. This is what the journal last knew", ".banner")
    assert one.page.locator("#top button").count() == 0
    living.begin()
    one.sees("live", "#top")
    one.page.wait_for_selector(".banner", state="detached")


def test_cancel_and_stop_are_asked_in_red(tab: Callable[..., Tab], alive: Server, living: LivingHome) -> None:
    one = tab(alive)
    page = one.page
    page.click("button:has-text('Actions…')")
    page.click("dialog button:has-text('Cancel campaign')")
    assert page.input_value("dialog input") == "majors"
    page.click("dialog button.danger")
    one.sees("Cancel campaign: ", ".toast")
    for verb in ("Stop", "Stop now"):
        page.click("button:has-text('Actions…')")
        page.get_by_role("button", name=verb, exact=True).click()
        page.click("dialog button.danger")
        one.sees(f"{verb}: ", ".toast")
    asked = [request.verb.value for request in living.swarm.projection.view().requests.values()]
    assert asked[-3:] == ["cancel", "stop", "stop_now"]


def test_who_may_only_look_is_offered_no_action(tab: Callable[..., Tab], living: LivingHome, alive: Server) -> None:
    words = [sys.executable, "-P", "-m", "swarmd", "serve", "--home", str(living.home.root), "--read-only", "--json",
             "--port", "0"]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            told = b""
            while b"}" not in told:
                told += process.stdout.readline()
            url = json.loads(told)["url"]
            one = tab(alive)
            one.page.goto(f"{url}?token={alive.address.token}")
            one.page.wait_for_selector(".goal")
            assert one.page.locator("#top button").count() == 0
            one.expects_loss = True
        finally:
            process.kill()


def test_the_log_of_a_server_holds_no_token(alive: Server, living: LivingHome, tmp_path: Path) -> None:
    texts = [path.read_text(errors="replace") for path in living.home.logs.rglob("*") if path.is_file()]
    assert all(alive.address.token not in text for text in texts)
