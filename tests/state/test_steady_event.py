"""An event that wakes whoever waits for it, and whose wait no step of the wall clock can make longer."""

import os
import threading
import time
from pathlib import Path

from swarmd.state.steady_event import SteadyEvent

POLLS = {"7", "271"} if os.uname().machine == "x86_64" else {"73"}


def test_it_is_set_for_good_and_for_everybody() -> None:
    event = SteadyEvent()
    assert not event.is_set()
    assert not event.wait(0.001)
    waiting = [threading.Thread(target=event.wait, args=(60,)) for _ in range(3)]
    for each in waiting:
        each.start()
    event.set()
    for each in waiting:
        each.join()
    assert event.is_set()
    assert event.wait(60)


def test_who_waits_for_it_waits_in_a_call_that_knows_no_wall_clock() -> None:
    """A timed lock may count to an instant of the wall clock; ``poll`` counts by the monotonic one (POSIX)."""
    event = SteadyEvent()
    waiting = threading.Thread(target=event.wait, args=(60,))
    waiting.start()
    system_call = Path(f"/proc/self/task/{waiting.native_id}/syscall")
    until = time.monotonic() + 30
    while (called := system_call.read_text().split()[0]) not in POLLS and time.monotonic() < until:
        time.sleep(0.01)
    event.set()
    waiting.join()
    assert called in POLLS


def test_its_descriptor_goes_with_it() -> None:
    event = SteadyEvent()
    ours = Path(f"/proc/self/fd/{event._descriptor}")
    assert str(ours.readlink()) == "anon_inode:[eventfd]"
    del event
    assert not ours.is_symlink()
