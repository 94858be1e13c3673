"""The daemon's side of the monitors: it ends when it is told to, in whatever moment that is."""

import asyncio
import time
from pathlib import Path

import pytest

from swarmd.state.store.files import Home
from swarmd.supervisor.monitors.desk import MonitorDesk

WITHIN_S = 20.0


@pytest.mark.parametrize("steps", range(8))
async def test_a_desk_that_is_ended_in_the_moment_of_an_answer_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without tmux every answer is there at once
    desk = MonitorDesk(Home(tmp_path), is_on=True)
    desk.begin()
    for _ in range(3):
        await asyncio.sleep(0)  # until the thread that asks is at work
    # It has its answer while the loop stands still: the next step hears of it, and later ones act on it.
    time.sleep(0.1)
    for _ in range(steps):
        await asyncio.sleep(0)
    ending = asyncio.ensure_future(desk.end())
    done, _ = await asyncio.wait({ending}, timeout=WITHIN_S)
    assert done
