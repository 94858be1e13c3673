"""Asking NVML, in a thread of its own: a driver in trouble may not answer for minutes, and no cycle waits for it.

``GpuWatch`` keeps the last answer, of which ``sensors/gpu`` makes records. A machine without a GPU is an ordinary
machine: it is asked again at leisure.
"""

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pynvml

from swarmd.supervisor.logs import log

_LOOK_EVERY_S = 3.0
_LOOK_WITHOUT_S = 60.0
# A question that takes longer has no answer: a driver that hangs holds the thread that asked it.
_ANSWERS_WITHIN_S = 30.0
_XIDS_AT_ONCE = 100
_GONE = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
                   pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_UNINITIALIZED})  # fmt: skip


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


class Nvml:
    """The library, held open from look to look: its error codes are only told to whoever has been listening."""

    def __init__(self) -> None:
        self._events: Any = None
        self._is_open = False
        # By index, and by the address of the handle: a device that is lost does not tell its uuid any more.
        self._uuids: dict[int, str] = {}
        self._listened: dict[int | None, str] = {}

    def look(self) -> Look:
        """Never raises: what NVML refuses is part of the answer."""
        try:
            if not self._is_open:
                pynvml.nvmlInit()
                self._is_open = True
                with contextlib.suppress(pynvml.NVMLError):
                    self._events = pynvml.nvmlEventSetCreate()
            count = int(pynvml.nvmlDeviceGetCount())
            xids = self._xids()
            devices = tuple(self._device(index, xids) for index in range(count))
        except pynvml.NVMLError as error:
            self.close()
            return Look(trouble=said(error))
        if all(device.trouble for device in devices):
            self.close()
        return Look(devices, "" if devices else "the NVIDIA driver is there and shows no GPU")

    def close(self) -> None:
        """Let go of the library; the next look begins anew, which is how a driver that came back is found."""
        if not self._is_open:
            return
        if self._events is not None:
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlEventSetFree(self._events)
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
        self._events, self._is_open = None, False
        self._listened.clear()

    def _device(self, index: int, xids: Mapping[str, list[int]]) -> Seen:
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            uuid = self._uuids[index] = str(pynvml.nvmlDeviceGetUUID(handle))
            self._listen(handle, uuid)
            util = _told(pynvml.nvmlDeviceGetUtilizationRates, handle)
            memory = _told(pynvml.nvmlDeviceGetMemoryInfo, handle)
            running = _told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
            return Seen(
                index=index,
                name=str(_told(pynvml.nvmlDeviceGetName, handle) or ""),
                uuid=uuid,
                util=None if util is None else min(1.0, util.gpu / 100),
                mem_used=None if memory is None else int(memory.used),
                mem_total=None if memory is None else int(memory.total),
                temp_c=_told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
                processes=tuple(sorted({each.pid: each.usedGpuMemory for each in running}.items())),
                xids=tuple(xids.get(uuid, ())),
            )
        except pynvml.NVMLError as error:
            uuid = self._uuids.get(index, "")
            return Seen(index=index, uuid=uuid, trouble=said(error), xids=tuple(xids.get(uuid, ())))

    def _listen(self, handle: Any, uuid: str) -> None:
        if self._events is None or _address(handle) in self._listened:
            return
        self._listened[_address(handle)] = uuid  # one that refuses is not asked each time
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlDeviceRegisterEvents(handle, pynvml.nvmlEventTypeXidCriticalError, self._events)

    def _xids(self) -> dict[str, list[int]]:
        """Error codes since the last look, by the device's uuid; waits for none."""
        found: dict[str, list[int]] = {}
        for _ in range(_XIDS_AT_ONCE if self._listened else 0):
            try:
                event = pynvml.nvmlEventSetWait(self._events, 0)
            except pynvml.NVMLError:  # none left (a time-out), or a device is lost: that one is asked next
                break
            uuid = self._listened.get(_address(event.device), "")
            if uuid and event.eventType == pynvml.nvmlEventTypeXidCriticalError:
                found.setdefault(uuid, []).append(int(event.eventData))
        return found


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value


def _told(question: Callable[..., Any], *arguments: Any) -> Any:
    """What the device answers, or None where it does not know. A device that is gone is not "does not know"."""
    try:
        return question(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _GONE:
            raise
        return None


def said(error: Any) -> str:
    if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
        return "no NVIDIA driver on this machine (libnvidia-ml is not there)"
    if error.value == pynvml.NVML_ERROR_DRIVER_NOT_LOADED:
        return "the NVIDIA driver is installed and not loaded (see `nvidia-smi`)"
    return f"NVML says: {error}"


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
    _stop: threading.Event = field(default_factory=threading.Event)

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
