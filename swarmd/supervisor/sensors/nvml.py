"""Asking NVML: the driver's own library, held open from look to look. Nothing here may be called in a cycle.

Imported by the thread of ``gpu_watch`` when there is a driver to ask, and by nobody else: the binding takes 70 ms.
"""

import contextlib
import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import pynvml

from swarmd.supervisor.sensors.gpu_watch import NO_DRIVER, Look, Seen

_XIDS_AT_ONCE = 100
_GONE = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
                   pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_UNINITIALIZED})  # fmt: skip


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
        return NO_DRIVER
    if error.value == pynvml.NVML_ERROR_DRIVER_NOT_LOADED:
        return "the NVIDIA driver is installed and not loaded (see `nvidia-smi`)"
    return f"NVML says: {error}"
