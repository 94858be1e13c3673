"""Between two turns: an event ends it, so does the next look or a glance with news, and what was overslept is told."""

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builders import a_beat, a_policy, a_run, a_view

from swarmd.state.beats import BeatsPage
from swarmd.state.view import View
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.glances import GLANCE_EVERY_S, STILL_GLANCE_EVERY_S, Glances
from swarmd.supervisor.glancing_loop import run, running_loop
from swarmd.supervisor.resting import _Pause, rest
from swarmd.supervisor.vigil import Vigil

CLOCK = SteadyClock(1_000_000)
NEVER = 10**9
PATIENT = {"silent_after": NEVER, "stuck_after": NEVER, "first_result_within": NEVER, "run_timeout": NEVER}


@dataclass(frozen=True)
class Between:
    page: BeatsPage
    glances: Glances
    view: View

    async def rest(self, wake: asyncio.Event, *, began_ago: int = 0, is_still: bool = False) -> int:
        """How long was overslept when the next turn begins."""
        vigil = Vigil(CLOCK.now() - began_ago, every=self.view.policy.cycle_every)
        async with asyncio.timeout(60):
            await rest(vigil, CLOCK, wake, self.glances, self.view, {}, is_still=is_still)
        vigil.look(CLOCK.now())
        return vigil.late


@pytest.fixture
def between(tmp_path: Path) -> Iterator[Between]:
    """One run that works, and a cycle every half second."""
    policy = a_policy(cycle_every=500, start_within=NEVER, **PATIENT)
    view = a_view(policy=policy, runs=[a_run(status="running")], beats=[a_beat(is_ready=True)])
    with BeatsPage(tmp_path / "beats", create=True) as page:
        glances = Glances(page)
        glances.expect(view.live_runs(), {}, {})
        glances.look(CLOCK.now())
        yield Between(page, glances, view)


def test_without_any_event_it_ends_when_the_next_look_is_due(between: Between) -> None:
    before = CLOCK.now()
    assert run(between.rest(asyncio.Event())) == 0
    assert CLOCK.now() - before >= 500


def test_an_event_that_is_there_already_or_comes_ends_it(between: Between) -> None:
    async def woken(*, at_once: bool) -> int:
        wake = asyncio.Event()
        if at_once:
            wake.set()
        else:
            asyncio.get_running_loop().call_later(0.01, wake.set)
        return await between.rest(wake)

    assert run(woken(at_once=True)) == 0
    assert run(woken(at_once=False)) == 0


def test_a_lane_that_says_ready_ends_it(between: Between) -> None:
    async def ready() -> None:
        wake = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, between.page.writer(0, 1).ready)
        await between.rest(wake, is_still=True)
        assert wake.is_set(), "found by a glance, long before the look that is due when all is still"

    run(ready())


def test_progress_that_moves_quickens_a_still_pace_and_is_dated(between: Between) -> None:
    async def moving() -> None:
        asyncio.get_running_loop().call_later(0.01, between.page.writer(0, 1).advance)
        before = CLOCK.now()
        await between.rest(asyncio.Event(), is_still=True)
        [moved_at] = between.glances.moved_at.values()
        assert before < moved_at <= CLOCK.now()

    run(moving())


@pytest.mark.parametrize(
    ("is_still", "adopted", "moves", "every_s"),
    [
        (True, {}, False, STILL_GLANCE_EVERY_S),
        (True, {}, True, GLANCE_EVERY_S),
        (True, {"cpu0-1": os.getpid()}, False, GLANCE_EVERY_S),
        (False, {}, False, GLANCE_EVERY_S),
    ],
)
def test_it_glances_more_rarely_where_nothing_moves_and_every_stop_of_a_run_is_told_by_a_signal(
    between: Between, is_still: bool, adopted: dict[str, int], moves: bool, every_s: float
) -> None:
    async def paces() -> float:
        wake, loop, seen = asyncio.Event(), running_loop(), []

        def look() -> None:
            assert isinstance(loop.glancing.pause, _Pause)
            seen.append(loop.glancing.pause.glance_every_s)
            wake.set()

        if moves:
            loop.call_later(0.01, between.page.writer(0, 1).advance)
        loop.call_later(0.4, look)
        patient = replace(between.view, policy=a_policy(cycle_every=60_000, start_within=NEVER, **PATIENT))
        vigil = Vigil(CLOCK.now(), every=60_000)
        await rest(vigil, CLOCK, wake, between.glances, patient, adopted, is_still=is_still)
        return seen[0]

    assert run(paces()) == every_s


@pytest.mark.parametrize("is_woken", [True, False])
def test_what_the_daemon_itself_overslept_is_told_whoever_wakes_it(between: Between, is_woken: bool) -> None:
    async def held_up() -> int:
        wake = asyncio.Event()

        def hold_up() -> None:
            time.sleep(1.5)  # the whole process, as when it is stopped or starved
            if is_woken:
                wake.set()

        asyncio.get_running_loop().call_later(0.01, hold_up)
        return await between.rest(wake, is_still=True)

    assert run(held_up()) >= 900, "all of it but the half second in which a look was due"


def test_what_is_overslept_while_events_gather_is_told_too(between: Between) -> None:
    async def held_up() -> int:
        wake = asyncio.Event()
        wake.set()
        asyncio.get_running_loop().call_soon(time.sleep, 2)  # runs as soon as the rest waits for what gathers
        # A turn that begins a second from now gathers until then, however slow the machine is.
        return await between.rest(wake, began_ago=-1_000)

    assert run(held_up()) >= 1_400, "the second of gathering alone would be half of it"


def test_a_turn_that_took_long_was_overslept_too(between: Between) -> None:
    wake = asyncio.Event()
    wake.set()
    assert run(between.rest(wake, began_ago=10_000)) >= 9_500


@pytest.mark.parametrize("is_woken", [True, False])
def test_a_glance_that_fails_costs_a_turn_and_nothing_else(
    between: Between, caplog: pytest.LogCaptureFixture, is_woken: bool
) -> None:
    off_the_page = a_run(status="running", slot=10**6)
    between.glances.expect([], {}, {})
    broken = replace(between, view=a_view(policy=between.view.policy, runs=[off_the_page], beats=[a_beat()]))

    async def resting() -> bool:
        wake = asyncio.Event()
        if is_woken:
            asyncio.get_running_loop().call_later(0.01, wake.set)
        await broken.rest(wake, is_still=True)
        return wake.is_set()

    assert run(resting())
    assert "a glance failed" in caplog.text


def test_a_rest_in_another_loop_is_refused(between: Between) -> None:
    with pytest.raises(TypeError, match="need a GlancingLoop"):
        asyncio.run(between.rest(asyncio.Event()))
