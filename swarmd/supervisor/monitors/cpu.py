"""The CPU monitor: cores, memory, pressure, disk, and the processes of the daemon and its runs."""

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.supervisor.monitors.listing import Column, Listing, Row, bar
from swarmd.supervisor.presence import daemon_of
from swarmd.supervisor.standing import size


@dataclass(frozen=True, slots=True)
class Worker:
    """A process of the swarm; ``cpu`` in cores, since the last look."""

    name: str
    pid: int
    state: str
    cpu: float
    rss_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class CpuReading:
    """Shares are fractions. ``pressure`` is the share of the last 10 s in which some task waited, by resource."""

    cores: tuple[float, ...]
    load: tuple[float, float, float]
    mem_used: float
    mem_available: int
    mem_total: int
    swap_used: float
    pressure: dict[str, float]
    disk_free: int | None
    disk_total: int | None
    workers: tuple[Worker, ...]


# The share of a core is counted between two looks; the first look has to make its own stretch of time.
_FIRST_LOOK_S = 0.2
_looked: list[bool] = []
# psutil counts a process's CPU from its own last look, so the same object must be asked again.
_known: dict[int, psutil.Process] = {}


def read(home: Home) -> CpuReading:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    disk = None
    with contextlib.suppress(OSError):
        disk = psutil.disk_usage(str(_nearest_there(home.root)))
    workers = tuple(_workers(home))
    shares = psutil.cpu_percent(percpu=True, interval=None if _looked else _FIRST_LOOK_S)
    if not _looked:
        _looked.append(True)
        workers = tuple(_workers(home))
    return CpuReading(
        cores=tuple(share / 100 for share in shares),
        load=psutil.getloadavg(),
        mem_used=1 - memory.available / memory.total,
        mem_available=memory.available,
        mem_total=memory.total,
        swap_used=swap.percent / 100,
        pressure=_pressures(),
        disk_free=disk.free if disk else None,
        disk_total=disk.total if disk else None,
        workers=workers,
    )


def _nearest_there(path: Path) -> Path:
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _pressures() -> dict[str, float]:
    """Empty on kernels that do not keep it."""
    found = {}
    for resource in ("cpu", "memory", "io"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            first = Path(f"/proc/pressure/{resource}").read_text().splitlines()[0]
            found[resource] = float(first.split("avg10=")[1].split()[0]) / 100
    return found


def _workers(home: Home) -> list[Worker]:
    """The daemon and every run that holds its lock: the lock tells who lives, whatever the journal says."""
    named: list[tuple[str, Any]] = []
    daemon = daemon_of(home)
    if daemon is not None:
        named.append(("daemon", daemon.pid))
    locks = (path for path in sorted(home.run_dir.glob("*.lock")) if path != home.daemon_lock and is_locked(path))
    named.extend((path.stem, lock_holder(path).get("pid")) for path in locks)
    workers = [worker for name, pid in named if isinstance(pid, int) and pid > 0 and (worker := _worker(name, pid))]
    for pid in _known.keys() - {worker.pid for worker in workers}:
        del _known[pid]
    return workers


def _worker(name: str, pid: int) -> Worker | None:
    try:
        process = _known.get(pid)
        if process is None or not process.is_running():
            process = _known[pid] = psutil.Process(pid)
        with process.oneshot():
            return Worker(
                name=name,
                pid=pid,
                state=process.status(),
                cpu=process.cpu_percent(None) / 100,
                rss_bytes=process.memory_info().rss,
                threads=process.num_threads(),
            )
    except psutil.Error:
        _known.pop(pid, None)
        return None


def document(reading: CpuReading) -> dict[str, Any]:
    return asdict(reading)


def drawn(reading: CpuReading) -> RenderableType:
    cores = Table.grid(padding=(0, 1))
    for index, share in enumerate(reading.cores):
        cores.add_row(f"core {index}", ProgressBar(total=1.0, completed=share, width=40), f"{share:4.0%}")
    pressure = ", ".join(f"{name} {share:.0%}" for name, share in reading.pressure.items()) or "not told by this kernel"
    facts = Table.grid(padding=(0, 2))
    facts.add_row("load", " ".join(f"{each:.2f}" for each in reading.load))
    facts.add_row(
        "memory", f"{reading.mem_used:.0%} used, {size(reading.mem_available)} of {size(reading.mem_total)} free"
    )
    facts.add_row("swap", f"{reading.swap_used:.0%} used")
    facts.add_row("pressure", pressure)
    if reading.disk_free is not None:
        facts.add_row("disk", f"{size(reading.disk_free)} of {size(reading.disk_total or 0)} free")
    return Group(cores, facts, _processes(reading.workers))


def _processes(workers: tuple[Worker, ...]) -> RenderableType:
    if not workers:
        return Text("no daemon and no run lives here", style="dim")
    table = Table(title="processes", title_justify="left", box=None, header_style="dim")
    for name in ("what", "pid", "state", "cores", "memory", "threads"):
        table.add_column(name, no_wrap=True)
    for each in workers:
        table.add_row(each.name, str(each.pid), each.state, f"{each.cpu:.2f}", size(each.rss_bytes), str(each.threads))
    return table


_COLUMNS = (
    Column("process", 0),
    Column("pid", 8, rank=1, is_right=True),
    Column("state", 10, rank=2),
    Column("cores", 6, is_right=True),
    Column("memory", 10, is_right=True),
    Column("threads", 7, rank=3, is_right=True),
)
_CORE_WIDTH = 24
_CORE_LINES = 4
_HEIGHTS = "▁▂▃▄▅▆▇█"


def listing(reading: CpuReading, width: int) -> Listing:
    """The machine in a few lines, and the daemon and its runs below."""
    pressure = ", ".join(f"{name} {share:.0%}" for name, share in reading.pressure.items()) or "not told by this kernel"
    used = (
        f"memory {reading.mem_used:.0%} used, {size(reading.mem_available)} of {size(reading.mem_total)} free",
        f"swap {reading.swap_used:.0%} used",
    )
    free = reading.disk_free
    disk = "" if free is None else f"   disk {size(free)} of {size(reading.disk_total or 0)} free"
    head = (
        *_core_lines(reading.cores, width),
        Text(f"load {' '.join(f'{each:.2f}' for each in reading.load)}   {'   '.join(used)}"),
        Text(f"pressure {pressure}{disk}"),
    )
    rows = tuple(
        Row(
            each.name,
            (each.name, str(each.pid), each.state, f"{each.cpu:.2f}", size(each.rss_bytes), str(each.threads)),
            (each.name, each.pid, each.state, each.cpu, each.rss_bytes, each.threads),
            about="" if each.name == "daemon" else each.name,
        )
        for each in reading.workers
    )
    return Listing(head, _COLUMNS, rows, "no daemon and no run lives here")


def _core_lines(cores: tuple[float, ...], width: int) -> tuple[Text, ...]:
    """A bar a core, and of a machine with very many a column each."""
    across = max(1, width // _CORE_WIDTH)
    if len(cores) > across * _CORE_LINES:
        heights = "".join(_HEIGHTS[min(7, int(share * 8))] for share in cores)
        said = Text(f"{len(cores)} cores, {sum(cores) / len(cores):.0%} busy")
        return (said, *(Text(heights[at : at + width]) for at in range(0, len(heights), width)))
    told = [f"{number:>3} {bar(share, 13)} {share:4.0%} " for number, share in enumerate(cores)]
    return tuple(Text("".join(told[at : at + across])) for at in range(0, len(told), across))
