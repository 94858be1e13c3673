"""A graphics processor as NVML last told of it: how it fares, who computes on it, and what went wrong with it."""

from typing import ClassVar

from swarmd.state.records.record import Ratio, Record, Shape
from swarmd.state.units import Millis


class DeviceProcess(Shape):
    """Somebody with a CUDA context on it. ``run`` is the run it belongs to, itself or as a descendant; empty: not ours.

    ``mem_bytes`` is None where the driver does not say.
    """

    pid: int
    mem_bytes: int | None = None
    run: str = ""


class DeviceError(Shape):
    """An error code of the driver (NVIDIA's Xid) and when it was seen."""

    xid: int
    at: Millis


class Device(Record):
    """``id`` is ``gpu<index>``, by NVML's numbering. Figures that the device does not tell are None.

    ``is_there`` says whether it answered; ``trouble`` is NVML's word where it did not. ``since`` is when it came to
    that, or became another device under the same number; ``uuid`` tells two apart. ``util`` is a fraction, ``temp_c``
    degrees Celsius. ``errors`` are the last few error codes that its driver reported, the newest last; ``n_errors``
    counts all there were. ``left_alone`` says why no lane computes on it; empty where lanes may.
    """

    KIND: ClassVar[str] = "device"

    index: int
    name: str
    uuid: str
    is_there: bool
    since: Millis
    trouble: str = ""
    util: Ratio | None = None
    mem_used: int | None = None
    mem_total: int | None = None
    temp_c: int | None = None
    processes: tuple[DeviceProcess, ...] = ()
    errors: tuple[DeviceError, ...] = ()
    n_errors: int = 0
    left_alone: str = ""
