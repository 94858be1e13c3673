"""The GPU monitor: what NVML tells of each device and of who computes on it."""

import contextlib
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil
import pynvml
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swarmd.state.store.files import Home
from swarmd.supervisor.monitors.listing import Column, Listing, Row, bar
from swarmd.supervisor.standing import size


@dataclass(frozen=True, slots=True)
class GpuProcess:
    pid: int
    command: str
    mem_bytes: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """``util`` is a fraction; figures a device does not tell are None."""

    index: int
    name: str
    util: float | None
    mem_used: int | None
    mem_total: int | None
    temp_c: int | None
    power_w: float | None
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuReading:
    """``trouble`` says why there are no figures, with what to do about it; empty where there are."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    trouble: str = ""
    notes: tuple[str, ...] = field(default=())


def read(_home: Home) -> GpuReading:
    """One look at the driver. Never raises: a machine without a GPU is an ordinary machine."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return GpuReading(trouble=_trouble(error))
    try:
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        gpus, notes = [], []
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                gpus.append(_device(index))
            except pynvml.NVMLError as error:
                notes.append(f"GPU {index} does not answer: {error}")
        trouble = "" if gpus or notes else "the NVIDIA driver is there but shows no GPU; work runs on the CPU"
        return GpuReading(tuple(gpus), driver, trouble, tuple(notes))
    except pynvml.NVMLError as error:
        return GpuReading(trouble=_trouble(error))
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _trouble(error: Exception) -> str:
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return "no NVIDIA driver on this machine (libnvidia-ml is not there); work runs on the CPU"
    if isinstance(error, pynvml.NVMLError_DriverNotLoaded):
        return "the NVIDIA driver is installed but not loaded (see `nvidia-smi`); work runs on the CPU"
    return f"the NVIDIA driver does not answer ({error}); see `nvidia-smi`; work runs on the CPU"


def _device(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    util = _told(pynvml.nvmlDeviceGetUtilizationRates, handle)
    memory = _told(pynvml.nvmlDeviceGetMemoryInfo, handle)
    power = _told(pynvml.nvmlDeviceGetPowerUsage, handle)
    running = _told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
    return Gpu(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        util=None if util is None else util.gpu / 100,
        mem_used=None if memory is None else int(memory.used),
        mem_total=None if memory is None else int(memory.total),
        temp_c=_told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=None if power is None else power / 1000,
        processes=tuple(GpuProcess(each.pid, _command(each.pid), int(each.usedGpuMemory or 0)) for each in running),
    )


def _told(question: Any, *arguments: Any) -> Any:
    """What the device answers, or None where it does not know."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:80]
    except psutil.Error:
        return "?"


def document(reading: GpuReading) -> dict[str, Any]:
    return asdict(reading)


def drawn(reading: GpuReading) -> RenderableType:
    if reading.trouble:
        return Text(reading.trouble)
    table = Table(title=f"GPUs (driver {reading.driver})", title_justify="left", box=None, header_style="dim")
    for name in ("gpu", "name", "busy", "memory", "temperature", "power"):
        table.add_column(name, no_wrap=True)
    for gpu in reading.gpus:
        memory = "" if gpu.mem_used is None else f"{size(gpu.mem_used)} of {size(gpu.mem_total or 0)}"
        table.add_row(
            str(gpu.index),
            gpu.name,
            "" if gpu.util is None else f"{gpu.util:.0%}",
            memory,
            "" if gpu.temp_c is None else f"{gpu.temp_c} °C",
            "" if gpu.power_w is None else f"{gpu.power_w:.0f} W",
        )
    lines = [
        Text(f"gpu {gpu.index}: pid {each.pid} {size(each.mem_bytes)} {each.command}", style="dim")
        for gpu in reading.gpus
        for each in gpu.processes
    ]
    idle = [] if lines else [Text("nobody computes on them", style="dim")]
    return Group(table, *lines, *idle, *(Text(note, style="red") for note in reading.notes))


_COLUMNS = (
    Column("gpu", 5),
    Column("name", 0, at_least=16),
    Column("busy", 15),
    Column("memory", 20),
    Column("°C", 4, rank=2, is_right=True),
    Column("power", 6, rank=1, is_right=True),
)


def listing(reading: GpuReading, _width: int) -> Listing:
    """Each device, and beneath it each process that computes on it."""
    rows = [row for gpu in reading.gpus for row in (_device_row(gpu), *(_process_row(gpu, at) for at in gpu.processes))]
    driver = f"NVIDIA driver {reading.driver}" if reading.driver else reading.trouble
    notes = tuple(Text(note, style="red") for note in reading.notes)
    return Listing((Text(driver), *notes), _COLUMNS, tuple(rows), "no GPU: nothing to list")


def _device_row(gpu: Gpu) -> Row:
    share = gpu.mem_used / gpu.mem_total if gpu.mem_used is not None and gpu.mem_total else None
    cells = (
        f"gpu{gpu.index}",
        gpu.name,
        "" if gpu.util is None else f"{bar(gpu.util, 10)} {gpu.util:4.0%}",
        "" if share is None else f"{size(gpu.mem_used or 0)} of {size(gpu.mem_total or 0)}",
        "" if gpu.temp_c is None else str(gpu.temp_c),
        "" if gpu.power_w is None else f"{gpu.power_w:.0f} W",
    )
    return Row(f"gpu{gpu.index}", cells, (gpu.index, gpu.name, gpu.util, gpu.mem_used, gpu.temp_c, gpu.power_w))


def _process_row(gpu: Gpu, process: GpuProcess) -> Row:
    cells = (f"gpu{gpu.index}", f"pid {process.pid}  {process.command}", "", size(process.mem_bytes))
    figures = (gpu.index, cells[1], None, process.mem_bytes)
    return Row(f"gpu{gpu.index}/{process.pid}", (*cells, "", ""), (*figures, None, None), style="dim")
