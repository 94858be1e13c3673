"""A strategy that misbehaves when told to: `mtf_ema` with a folder of orders that it looks into at every backtest.

A file `refine-a1@5.wait` holds the run whose id ends so at its 5th backtest until the file is gone; `.spin` does so
with a busy processor; `.spawn` first starts children, in the group of the run and in sessions of their own. `.burn`
holds nobody: from that backtest on each costs 50 ms of processor time more. The others are in `_MISDEEDS`: ways to die
(`.signal11`, `.exit7`), to hang (`.mute`, `.fifo`, `.flock`, `.deadlock`, `.regex`) and to want memory (`.gorge`,
`.hog`). What was reached is told by `….reached` beside it, with the pids. Without orders it is `mtf_ema`, one vector at
a time.
"""

import fcntl
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import Columns, Params
from swarmd.engine.strategies.mtf_ema import MtfEma

FOLDER = "SWARMD_TEST_ORDERS"
_BURNT_SECONDS = 0.05
_CHILD = [sys.executable, "-S", "-c", "import time; time.sleep(120)"]
_GRANDCHILD = [sys.executable, "-S", "-c", "import os, time; os.fork(); os.setsid(); time.sleep(120)"]
# One ends at once, in a session of its own: a zombie that nobody waits for. The other lives on and is nobody's child.
_ORPHANS = "import os, time; os.setsid(); os.fork() or os._exit(0); os.fork() or os._exit(0); time.sleep(120)"
_BLOCK = 32 << 20


class Obedient:
    """By composition and without a batch, so that the prescreen comes by as well."""

    card = replace(MtfEma.card, name="obedient")

    def __init__(self) -> None:
        self._inner = MtfEma()
        self._calls = 0

    def events(self, bars: Bars, params: Params) -> Events:
        if bars.symbol != "WARMUP":
            self._calls += 1
            _obey(self._calls)
            _burn(self._calls)
        return self._inner.events(bars, params)

    def plan(self, params: Params) -> ExitPlan:
        return self._inner.plan(params)

    def admissible(self, columns: Columns) -> BoolArray:
        return self._inner.admissible(columns)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return self._inner.lookback_bars(params, interval_minutes)


def _burn(call: int) -> None:
    run = os.environ.get("SWARMD_RUN", "").partition("@")[0]
    orders = (order.stem.partition("@") for order in Path(os.environ[FOLDER]).glob("*@*.burn"))
    if any(run.endswith(who) and call >= int(at) for who, _, at in orders):
        until = time.thread_time() + _BURNT_SECONDS
        while time.thread_time() < until:
            pass


def _obey(call: int) -> None:
    run = os.environ.get("SWARMD_RUN", "").partition("@")[0]
    for order in Path(os.environ[FOLDER]).glob("*@*"):
        who, _, at = order.stem.partition("@")
        if order.suffix in (".reached", ".burn") or not run.endswith(who) or int(at) != call:
            continue
        children = [os.getpid()]
        if order.suffix == ".spawn":
            children.append(subprocess.Popen(_CHILD).pid)
            children.append(subprocess.Popen(_CHILD, start_new_session=True).pid)
            children.append(subprocess.Popen(_GRANDCHILD).pid)
            children.append(subprocess.Popen([sys.executable, "-S", "-c", _ORPHANS]).pid)
        reached = order.with_suffix(".reached")
        reached.with_suffix(".told").write_text(" ".join(map(str, children)))
        reached.with_suffix(".told").replace(reached)
        kind = order.suffix.strip(".0123456789")
        if kind in _MISDEEDS:
            _MISDEEDS[kind](order)
        while order.exists():
            if order.suffix != ".spin":
                time.sleep(0.02)


# -- misdeeds: what a run may do to itself ---------------------------------------------------------------------------


def _number(order: Path) -> int:
    return int(order.suffix.strip(".abcdefghijklmnopqrstuvwxyz"))


def _end_pulse(order: Path) -> None:
    """The thread that beats is gone; the work stands."""
    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            thread._target.__self__._stop.set()  # type: ignore[attr-defined]
            thread.join()


def _wait_for_a_writer(order: Path) -> None:
    os.mkfifo(order.with_suffix(".pipe"))
    order.with_suffix(".pipe").read_bytes()


def _wait_for_own_lock(order: Path) -> None:
    first, second = (os.open(order.with_suffix(".held"), os.O_CREAT | os.O_RDWR) for _ in range(2))
    fcntl.flock(first, fcntl.LOCK_EX)
    fcntl.flock(second, fcntl.LOCK_EX)


def _acquire_twice(order: Path) -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _match_for_ever(order: Path) -> None:
    """Within one call into C, which never gives the interpreter to the thread that beats."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def _gorge(order: Path) -> None:
    """More than this process may have."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * _BLOCK, resource.RLIM_INFINITY))
    _hog(order)


def _hog(order: Path) -> None:
    """More and more, each page touched, up to whatever limit there is."""
    held = []
    while order.exists():
        held.append(b"x" * _BLOCK)


_MISDEEDS: dict[str, Callable[[Path], None]] = {
    "signal": lambda order: os.kill(os.getpid(), _number(order)),
    "exit": lambda order: os._exit(_number(order)),
    "mute": _end_pulse,
    "fifo": _wait_for_a_writer,
    "flock": _wait_for_own_lock,
    "deadlock": _acquire_twice,
    "regex": _match_for_ever,
    "gorge": _gorge,
    "hog": _hog,
}
