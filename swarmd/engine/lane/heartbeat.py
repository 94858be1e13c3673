"""The pulse and the progress of a run, in its slot of the shared page.

The pulse comes from a small thread and says "this process runs"; progress comes from the work itself and from nowhere
else, so that a run in a deadlock stands still while its pulse goes on.
"""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from swarmd.state.beats import BeatsPage, BeatWriter
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.steady_event import SteadyEvent
from swarmd.state.work_order import BEATS_VARIABLE

PULSE_SECONDS = 0.25


class Heartbeat:
    """A context: pulses while it is open. Without a slot (a run by hand) it does nothing."""

    def __init__(self, variable: str | None, *, token: int) -> None:
        self._writer = _slot(variable, token)
        self._stop = SteadyEvent()
        self._thread = threading.Thread(target=self._pulse, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        if self._writer is not None:
            self._writer.pulse(_boot_ms())
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def ready(self) -> None:
        if self._writer is not None:
            self._writer.ready()

    def expect(self, total: int) -> None:
        if self._writer is not None:
            self._writer.expect(total)

    def advance(self, units: int) -> None:
        if self._writer is not None:
            self._writer.advance(units)

    def skip(self, units: int) -> None:
        if self._writer is not None:
            self._writer.skip(units)

    def _pulse(self) -> None:
        while self._writer is not None and not self._stop.wait(PULSE_SECONDS):
            self._writer.pulse(_boot_ms())


def _slot(variable: str | None, token: int) -> BeatWriter | None:
    if variable is None:
        return None
    path, _, slot = variable.rpartition(":")
    try:
        # The page stays mapped for as long as the writer refers to it, that is to the end of the process.
        return BeatsPage(Path(path)).writer(int(slot), token)
    except OSError as cause:  # removed, and soon made anew; or no descriptor left: it is no fault of the order
        raise OutsideError(f"cannot open the page of progress counters {path}: {cause.strerror}") from cause
    except ValueError as cause:
        raise OperatorError(
            f"{BEATS_VARIABLE}={variable} is no slot of a page: {cause}; start the run again"
        ) from cause


def _boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
