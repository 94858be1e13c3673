"""How the machine fares: processors, memory, pressure, disk. Recorded when it moved enough to matter."""

import contextlib
import os
from pathlib import Path

import psutil

from swarmd.state.records.gauge import Gauge
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View

# Fractions are news when they move by this much, sizes when they move by this share of themselves. Ten gauges at this
# pace write at most some 15 MB a day.
_FRACTION_STEP = 0.10
_SIZE_STEP = 0.10
_RENEW_EVERY: Millis = MINUTE
# Walking some ten thousand files takes tens of milliseconds of a cycle: seldom, and only where a budget asks.
_SIZED_EVERY: Millis = 5 * MINUTE


def observe_host(view: View, home: Home, *, now: Millis) -> list[Record]:
    memory = psutil.virtual_memory()
    readings = {
        "host.cpu_util": psutil.cpu_percent(interval=None) / 100,
        "host.load1": psutil.getloadavg()[0],
        "host.mem_used": 1 - memory.available / memory.total,
        "host.mem_available_bytes": float(memory.available),
        "host.mem_total_bytes": float(memory.total),
        "host.psi_cpu": _pressure("cpu"),
        "host.psi_memory": _pressure("memory"),
        "host.psi_io": _pressure("io"),
    }
    if free := _free_bytes(home):
        readings["host.disk_free_bytes"] = float(min(free))
    sized = view.gauges.get("home.bytes")
    is_limited = view.campaign is not None and view.campaign.settings.limits.budget.disk is not None
    if is_limited and (sized is None or now - sized.at >= _SIZED_EVERY):
        readings["home.bytes"] = float(_bytes_of(home))
    return [
        Gauge(id=name, at=now, value=round(value, 4))
        for name, value in readings.items()
        if _is_news(view.gauges.get(name), name, value, now)
    ]


def _places(home: Home) -> set[Path]:
    """The parts of a home may lie on disks of their own; the fullest one counts."""
    return {home.root, home.state, home.logs, home.results}


def _free_bytes(home: Home) -> list[int]:
    """Of each disk that there is: a part of the home may have been removed a moment ago."""
    free: list[int] = []
    for place in _places(home):
        with contextlib.suppress(FileNotFoundError):
            free.append(psutil.disk_usage(str(place)).free)
    return free


def _bytes_of(home: Home) -> int:
    """What the home holds on its disks, in blocks as ``du`` counts them; what vanishes meanwhile counts nothing."""
    total = 0
    places = _places(home)
    # A part that lies inside the home is walked with it.
    for place in (each for each in places if not any(other in each.parents for other in places)):
        for folder, _, names in os.walk(place):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(f"{folder}/{name}").st_blocks * 512
    return total


def _is_news(last: Gauge | None, name: str, value: float, now: Millis) -> bool:
    if last is None or now - last.at >= _RENEW_EVERY:
        return True
    step = _SIZE_STEP * abs(last.value) if name.endswith(("_bytes", "load1")) else _FRACTION_STEP
    return abs(value - last.value) > step


def _pressure(resource: str) -> float:
    """Share of the last 10 s in which something waited for the resource; 0 where the kernel does not say."""
    try:
        some = Path(f"/proc/pressure/{resource}").read_text().splitlines()[0]
    except (OSError, IndexError):
        return 0.0
    return float(dict(word.split("=") for word in some.split()[1:])["avg10"]) / 100
