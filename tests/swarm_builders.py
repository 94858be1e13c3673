"""A swarm in a home of its own, with real files, real processes and agents that wish what a test tells them to."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builders import a_campaign, a_lane, a_policy, a_session

from swarmd.state.actions import Action
from swarmd.state.beats import BeatsPage
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.chronicle import Chronicle
from swarmd.supervisor.clock import SteadyClock, boot_id
from swarmd.supervisor.cycle import Turn, turn
from swarmd.supervisor.monitors.desk import MonitorDesk
from swarmd.supervisor.processes import state_of
from swarmd.supervisor.swarm import Swarm
from swarmd.supervisor.vigil import Vigil

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@dataclass
class Wisher:
    """An agent that wishes whatever its function says of the View."""

    wish: Callable[[View], Sequence[Action]]
    NAME: str = "wisher"

    def decide(self, view: View, now: Millis) -> list[Action]:
        return list(self.wish(view))


@contextmanager
def a_swarm(home: Home, *records: Record) -> Iterator[Swarm]:
    """Open session, one lane, one active campaign, and whatever else is given."""
    journal, _ = Journal.open(home.journal)
    with journal, BeatsPage(home.beats_path, create=True) as page:
        swarm = Swarm(
            home=home,
            clock=SteadyClock(1_000_000),
            boot=boot_id(),
            session="here",
            journal=journal,
            projection=Projection(),
            page=page,
            backend=LocalBackend(home, page, lambda pidfd: None, lambda pidfd: None),
            monitors=MonitorDesk(home, is_on=False),
            chronicle=Chronicle(home, "here"),
            threads=1,
            pid=1,
            number=0,
            started_at=0,
        )
        swarm.record([a_policy(), a_session(id="here"), a_lane(), a_campaign(), *records])
        yield swarm
        swarm.backend.close()


def turned(swarm: Swarm, *wishes: Action, late: Millis = 0) -> Turn:
    return asyncio.run(turn(swarm, [Wisher(lambda view: wishes)], a_vigil(swarm, late=late)))


def a_vigil(swarm: Swarm, *, late: Millis = 0) -> Vigil:
    """One that looks now, and has overslept so long before."""
    vigil = Vigil(swarm.clock.now(), every=swarm.projection.view().policy.cycle_every)
    vigil.late = late
    return vigil


@contextmanager
def a_sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that leads its own session, as a run does."""
    with subprocess.Popen(SLEEPER, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


# Its first thread ends alone, without a word to the interpreter; the other lives until there is nothing more to read.
_HEADLESS = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@contextmanager
def a_headless_process() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours whose first thread has ended, a zombie by its state; another lives on until stdin ends."""
    command = [sys.executable, "-S", "-c", _HEADLESS]
    with subprocess.Popen(command, start_new_session=True, stdin=subprocess.PIPE) as process:
        try:
            until = time.monotonic() + 30
            while state_of(process.pid) != "Z":
                assert time.monotonic() < until
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def a_home(folder: Path) -> Home:
    made = Home(folder / "home")
    made.prepare()
    return made
