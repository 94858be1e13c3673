"""The monitors with keys, driven by keys: headless over a journal on disk, and once in a real tmux."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import RUN, a_beat, a_campaign, a_job, a_lane, a_policy, a_result, a_run, a_session, an_incident
from textual.pilot import Pilot

from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.supervisor.monitors import app as app_module
from swarmd.supervisor.monitors.app import VIEWS, Monitors, Told, View
from swarmd.supervisor.monitors.tmux import detach_command, socket_name
from swarmd.supervisor.watching import Watching

WITHIN_S = 20.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    lanes = [a_lane(f"cpu{number}") for number in range(3)]
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append([
            a_session(), a_policy(), *lanes, a_campaign(), a_job(attempt=1), a_job("ETHUSDT", attempt=1),
            a_run(), a_beat(done=620, total=1000, rate=10.0), an_incident(cause="exit code 139"),
            a_result("eth-a1", job=a_job("ETHUSDT").id, headline="17 of 250000 combinations meet the constraints"),
        ])  # fmt: skip
    home.lane_logs.mkdir(parents=True, exist_ok=True)
    home.log_path(RUN).write_text("working\nTraceback: no memory\n")
    return home


async def until(pilot: Pilot[None], condition: Any) -> None:
    """Until it is so, or the test's own time is up."""
    for _ in range(round(WITHIN_S / 0.02)):
        await pilot.pause(0.02)
        if condition():
            return
    raise AssertionError("it never came to be so")


def rows(app: Monitors) -> list[list[str]]:
    table = app._table
    return [[cell.plain for cell in table.get_row_at(number)] for number in range(table.row_count)]


def shown(app: Monitors) -> str:
    """All that is on the screen, as text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


async def seen(pilot: Pilot[None], app: Monitors, text: str) -> None:
    await until(pilot, lambda: text in shown(app))


async def test_lanes_incidents_and_results_are_walked_through_and_tell_why(home: Home) -> None:
    app = Monitors(home, "progress")
    async with app.run_test(size=(120, 30)) as pilot:
        await seen(pilot, app, "exit code 139")
        assert [row[0] for row in rows(app)] == ["cpu0", "cpu1", "cpu2", "incident", "result"]
        assert " 62%" in shown(app)
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Told))
        await seen(pilot, app, "crash")
        await pilot.press("escape")
        await pilot.press("up", "up", "up", "enter")
        await seen(pilot, app, "Traceback: no memory")  # of a lane the run's own log as well
        await pilot.press("q")
        assert not isinstance(app.screen, Told)


async def test_rows_are_filtered_and_sorted_by_keys(home: Home) -> None:
    app = Monitors(home, "progress")
    async with app.run_test(size=(160, 30)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 5)
        await pilot.press("slash", *"cpu", "enter")
        assert [row[0] for row in rows(app)] == ["cpu0", "cpu1", "cpu2"]
        await pilot.press("s", "S")
        assert [row[0] for row in rows(app)] == ["cpu2", "cpu1", "cpu0"]
        assert "▼what" in shown(app)
        await pilot.press("escape")
        assert len(rows(app)) == 5
        await pilot.press("slash", *"nothing has this", "enter")
        assert rows(app)[0][1] == "no lane yet"


async def test_numbers_and_tab_change_the_view_and_only_the_seen_one_is_read(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def told(view: View) -> View:
        return replace(view, read=lambda home: (read.append(view.name), view.read(home))[1])

    monkeypatch.setattr(app_module, "VIEWS", tuple(map(told, VIEWS)))
    app = Monitors(home, "progress")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app._n_looks > 0)
        for key, word in (("2", "load "), ("4", "Traceback: no memory"), ("1", "gpu"), ("tab", "load ")):
            read.clear()
            await pilot.press(key)
            await seen(pilot, app, word)
            assert set(read) == {app.view.name}
        await pilot.press("shift+tab")
        assert app.view.name == "gpu"


async def test_who_leaves_while_a_view_is_read_sees_no_traceback(home: Home) -> None:
    may_end, asked = threading.Event(), threading.Event()
    app = Monitors(home, "progress")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app._n_looks > 0)
        read, drawn = app.view.read, app._listing
        app.view = replace(app.view, read=lambda home: (asked.set(), may_end.wait(WITHIN_S), read(home))[2])
        looking, n_looks = asyncio.ensure_future(app.look()), app._n_looks
        await until(pilot, asked.is_set)
    assert app._n_looks == n_looks  # the places to draw in are gone, and the reading is still under way
    may_end.set()
    await looking
    assert app._n_looks == n_looks + 1
    assert app._listing is drawn


async def test_a_picture_held_still_does_not_move_until_it_is_let_go(home: Home) -> None:
    app = Monitors(home, "progress")
    async with app.run_test(size=(160, 30)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 5)
        await pilot.press("p")
        looks = app._n_looks
        await pilot.pause(1.3)
        assert app._n_looks == looks
        assert "held still" in shown(app)
        append(home, a_beat(done=900, total=1000, rate=10.0))
        await pilot.press("p")
        await seen(pilot, app, "90%")


async def test_the_cursor_stays_on_its_row_when_others_come(home: Home) -> None:
    app = Monitors(home, "progress")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 5)
        await pilot.press(*["down"] * 4)
        assert rows(app)[app._table.cursor_row][0] == "result"
        append(home, a_lane("cpu3"))
        await until(pilot, lambda: len(rows(app)) == 6)
        assert rows(app)[app._table.cursor_row][0] == "result"


async def test_a_home_that_is_not_there_is_waited_for_and_one_that_goes_is_outlived(home: Home, tmp_path: Path) -> None:
    later = Home(tmp_path / "later")
    app = Monitors(later, "progress")
    async with app.run_test(size=(120, 30)) as pilot:
        await seen(pilot, app, "no campaign yet")
        home.root.joinpath("state").rename(tmp_path / "kept")
        later.root.mkdir(exist_ok=True)
        (tmp_path / "kept").rename(later.root / "state")
        await seen(pilot, app, "exit code 139")
        shutil.rmtree(later.root)
        await seen(pilot, app, "no campaign yet")
        await pilot.press("enter")
        assert app.is_running


@pytest.mark.parametrize("size", [(30, 8), (80, 24), (200, 50)])
async def test_it_fits_any_terminal_and_a_narrow_one_leaves_out_the_least(home: Home, size: tuple[int, int]) -> None:
    app = Monitors(home, "progress")
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: len(rows(app)) == 5)
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: app._table.virtual_size.width <= size[0])
        assert len(rows(app)) == 5
        assert ("10.0/s" in shown(app)) == (size[0] == 200)
        assert size[0] < 80 or "62%" in shown(app)


async def test_help_tells_every_key_that_is_bound(home: Home) -> None:
    app = Monitors(home, "gpu")
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("question_mark")
        await seen(pilot, app, "walk through the rows")
        text = shown(app)
        for key in ("Enter", "1 2 3 4  Tab", "s  S", "/ ", "p ", "q "):
            assert key in text


def append(home: Home, *records: Any) -> None:
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append(list(records))


def test_what_is_watched_is_what_is_read_anew(home: Home) -> None:
    watching = Watching(home)
    first = watching.picture()
    append(home, a_lane("cpu3"), a_beat(done=700, total=1000, rate=9.0))
    seen, anew = watching.picture(), Watching(home).picture()
    assert [*seen.view.lanes] == [*anew.view.lanes] == ["cpu0", "cpu1", "cpu2", "cpu3"]
    assert seen.view == anew.view
    assert [*first.view.lanes] == ["cpu0", "cpu1", "cpu2"]
    shutil.rmtree(home.journal)
    assert not watching.picture().view.lanes
    home.journal.mkdir()
    append(home, a_lane("cpu9"))
    assert [*watching.picture().view.lanes] == ["cpu9"]


def test_only_in_a_window_of_the_swarms_own_tmux_who_leaves_is_let_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    mine = f"/tmp/tmux-0/{socket_name(home)},77,0"
    assert detach_command(home, mine)[-3:] == ["detach-client", "-s", "=swarmd"]
    assert detach_command(home, "/tmp/tmux-0/default,77,0") == []
    assert detach_command(home, "") == []


# -- in a real terminal -----------------------------------------------------------------------------------------------


@pytest.fixture
def terminal() -> Iterator[Any]:
    if shutil.which("tmux") is None:
        pytest.skip("no tmux on this machine; apt-get install tmux")
    sockets = tempfile.mkdtemp(prefix="swarmd-")
    # A runner of tests tells its own width so; a terminal's is asked of the terminal.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TMUX_TMPDIR": sockets}

    def tmux(*words: str) -> str:
        asked = ["tmux", "-L", "terminal", "-f", "/dev/null", *words]
        return subprocess.run(asked, env=environment, capture_output=True, text=True).stdout

    yield tmux
    tmux("kill-server")
    shutil.rmtree(sockets)


def shows(tmux: Any, text: str, *, is_gone: bool = False, colours: bool = False) -> str:
    until = time.monotonic() + WITHIN_S
    while True:
        screen: str = tmux("capture-pane", "-p", *(["-e"] if colours else []))
        if (text in screen) != is_gone or time.monotonic() > until:
            return screen
        time.sleep(0.1)


@pytest.mark.parametrize("no_colour", [False, True])
def test_in_a_terminal_keys_resizing_and_no_color_are_honoured(terminal: Any, home: Home, no_colour: bool) -> None:
    words = [sys.executable, "-P", "-m", "swarmd", "monitor", "progress", "--home", str(home.root)]
    more = ["-e", "NO_COLOR=1"] if no_colour else []
    terminal("new-session", "-d", "-x", "100", "-y", "24", *more, *words)
    screen = shows(terminal, "exit code 139", colours=True)
    assert "exit code 139" in screen
    assert ("\x1b[31m" in screen) != no_colour
    terminal("resize-window", "-x", "70", "-y", "12")
    terminal("send-keys", "?")
    assert "walk through the rows" in shows(terminal, "walk through the rows")
    terminal("send-keys", "q")
    assert "q leave" in shows(terminal, "q leave")
    terminal("send-keys", "2")
    assert "load " in shows(terminal, "load ")
    terminal("send-keys", "q")
    for _ in range(100):
        if not terminal("list-sessions"):
            break
        time.sleep(0.1)
    assert terminal("list-sessions") == ""
