"""The loop that looks while it waits: asyncio's own in all else, and a busy loop puts off no look."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from swarmd.supervisor.glancing_loop import run, running_loop

EVERY_S = 0.02


@dataclass
class Looks:
    """Looks fifty times a second, until ``enough`` have been made; ``then`` is called by the last."""

    enough: int
    then: Callable[[], None]
    due: float = field(default_factory=time.monotonic)
    at: list[float] = field(default_factory=list)

    def is_over(self) -> bool:
        self.at.append(time.monotonic())
        assert self.at[-1] >= self.due, "a look before it was due"
        self.due = self.at[-1] + EVERY_S
        if len(self.at) == self.enough:
            self.then()
        return len(self.at) >= self.enough


def test_what_a_look_decides_is_done_at_once_though_nothing_else_happens() -> None:
    async def wait() -> Looks:
        wake = asyncio.Event()
        looks = running_loop().glancing.pause = Looks(5, wake.set)
        async with asyncio.timeout(60):
            await wake.wait()
        assert running_loop().glancing.pause is None, "a pause that is over is looked at no more"
        return looks

    assert len(run(wait()).at) == 5


def test_timers_readers_and_other_threads_are_heard_between_looks() -> None:
    async def hear() -> list[str]:
        loop, heard, done = running_loop(), list[str](), asyncio.Event()
        reading, writing = os.pipe()

        def hear(what: str) -> None:
            heard.append(what)
            if len(heard) == 3:
                done.set()

        def read() -> None:
            hear(os.read(reading, 9).decode())

        loop.glancing.pause = Looks(10**9, done.set)
        loop.add_reader(reading, read)
        loop.call_later(3.5 * EVERY_S, hear, "timer")
        other = threading.Timer(5.5 * EVERY_S, lambda: loop.call_soon_threadsafe(hear, "thread"))
        other.start()
        os.write(writing, b"reader")
        try:
            async with asyncio.timeout(60):
                await done.wait()
        finally:
            other.join()
            loop.remove_reader(reading)
            os.close(reading)
            os.close(writing)
        return heard

    assert run(hear()) == ["reader", "timer", "thread"]


def test_a_loop_that_is_never_idle_looks_all_the_same() -> None:
    async def spin() -> Looks:
        enough = asyncio.Event()
        looks = running_loop().glancing.pause = Looks(5, enough.set)
        async with asyncio.timeout(60):
            while not enough.is_set():
                await asyncio.sleep(0)
        return looks

    assert len(run(spin()).at) == 5


def test_without_a_pause_it_waits_as_any_loop_does() -> None:
    async def sleep() -> float:
        began = time.monotonic()
        await asyncio.sleep(3 * EVERY_S)
        return time.monotonic() - began

    assert run(sleep()) >= 3 * EVERY_S
