"""The graphics processors, looked at in a thread of its own: a driver in trouble may not answer for minutes.

``GpuWatch`` keeps the last answer, of which ``sensors/gpu`` makes records; no cycle waits for it. A machine without a
GPU is an ordinary machine: it is asked again at leisure.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from swarmd.state.steady_event import SteadyEvent
from swarmd.supervisor.logs import log

NO_DRIVER = "no NVIDIA driver on this machine (libnvidia-ml is not there)"

_LIBRARY = "libnvidia-ml.so.1"
_LOOK_EVERY_S = 3.0
_LOOK_WITHOUT_S = 60.0
# A question that takes longer has no answer: a driver that hangs holds the thread that asked it.
_ANSWERS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One device at one look; ``trouble`` where it did not answer. ``xids`` are the error codes new since the last."""

    index: int
    name: str = ""
    uuid: str = ""
    trouble: str = ""
    util: float | None = None
    mem_used: int | None = None
    mem_total: int | None = None
    temp_c: int | None = None
    processes: tuple[tuple[int, int | None], ...] = ()
    xids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Everything NVML said at once; ``trouble`` where there is no driver to ask, or it shows no device."""

    devices: tuple[Seen, ...] = ()
    trouble: str = ""


def nvml() -> Callable[[], Look]:
    """What asks the driver, once there is one. Until then its binding is not even imported."""
    ask: Callable[[], Look] | None = None

    def look() -> Look:
        nonlocal ask
        if ask is None:
            if not _is_there(_LIBRARY):
                return Look(trouble=NO_DRIVER)
            from swarmd.supervisor.sensors.nvml import Nvml

            ask = Nvml().look
        return ask()

    return look


def _is_there(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@dataclass(slots=True)
class GpuWatch:
    """Looks in the background and keeps the last answer; ``ask`` is what looks, ``every_s`` how often."""

    ask: Callable[[], Look]
    every_s: float = _LOOK_EVERY_S
    within_s: float = _ANSWERS_WITHIN_S
    _latest: Look | None = None
    _xids: dict[int, list[int]] = field(default_factory=dict)
    _asking_since: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: SteadyEvent = field(default_factory=SteadyEvent)

    def begin(self) -> None:
        # A daemon thread: one that the driver never lets go of must not keep the process from leaving.
        threading.Thread(target=self._look_on, name="gpu", daemon=True).start()

    def end(self) -> None:
        self._stop.set()

    def fresh(self) -> Look | None:
        """What was not told yet, with the error codes of every look in between; None where nothing is new."""
        with self._lock:
            if self._asking_since is not None and time.monotonic() - self._asking_since > self.within_s:
                return Look(trouble=f"the NVIDIA driver has not answered within {self.within_s:g} s")
            look, self._latest = self._latest, None
            if look is None:
                return None
            xids, self._xids = self._xids, {}
        devices = tuple(replace(device, xids=tuple(xids.get(device.index, ()))) for device in look.devices)
        return Look(devices, look.trouble)

    def _look_on(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                self._asking_since = time.monotonic()
            look = self._answer()
            with self._lock:
                self._latest, self._asking_since = look, None
                for device in look.devices:
                    self._xids.setdefault(device.index, []).extend(device.xids)
            self._stop.wait(self.every_s if look.devices else max(self.every_s, _LOOK_WITHOUT_S))

    def _answer(self) -> Look:
        try:
            return self.ask()
        except Exception as error:  # a driver's library that breaks must not end the watch over it unheard
            log.exception("the GPUs could not be looked at")
            return Look(trouble=f"NVML could not be asked: {error}")
