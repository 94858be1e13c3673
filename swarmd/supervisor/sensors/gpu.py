"""Graphics processors, from NVML's answers to records: what moved, what vanished, and whose processes compute there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from swarmd.state.records.device import Device, DeviceError, DeviceProcess
from swarmd.state.records.gauge import Gauge
from swarmd.state.records.record import Record
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View
from swarmd.state.work_order import RUN_VARIABLE
from swarmd.supervisor.sensors.gpu_watch import Look, Seen

# News: a fraction by this much, a size by this share of the whole, a temperature by so many degrees.
_UTIL_STEP, _SIZE_STEP, _TEMP_STEP = 0.10, 0.05, 5
_RENEW_EVERY: Millis = MINUTE
_ERRORS_KEPT = 8

LeftAlone = Callable[[int, str], str]


def count_gpus(view: View, look: Look | None, *, now: Millis) -> list[Record]:
    """How many devices the driver shows, where that is news."""
    if look is None:
        return []
    count, known = Gauge(id="host.gpu_count", at=now, value=len(look.devices)), view.gauges.get("host.gpu_count")
    return [count] if known is None or known.value != count.value else []


def observe_gpus(
    view: View, look: Look | None, run_dir: Path, *, now: Millis, left_alone: LeftAlone | None = None
) -> list[Record]:
    """What moved on any device; one on record that is not seen any more has vanished.

    ``left_alone`` says of a device, by its number and UUID, why no lane is to compute on it.
    """
    if look is None:
        return []
    records: list[Record] = []
    for seen in look.devices:
        last = view.devices.get(f"gpu{seen.index}")
        if seen.trouble:
            records += _vanished(last, seen.trouble, seen.xids, now)
            continue
        why = left_alone(seen.index, seen.uuid) if left_alone is not None else ""
        device = _device(seen, last, _owners(view, seen, run_dir), why, now)
        records += [device] if _is_news(device, last) else []
    answered = {f"gpu{seen.index}" for seen in look.devices}
    trouble = look.trouble or "the NVIDIA driver shows it no more"
    for id, last in view.devices.items():
        records += _vanished(last, trouble, (), now) if id not in answered else []
    return records


def _vanished(last: Device | None, trouble: str, xids: tuple[int, ...], now: Millis) -> list[Record]:
    """Told once. One that nobody has ever seen has not vanished."""
    if last is None or (not last.is_there and last.trouble == trouble and not xids):
        return []
    changes: dict[str, Any] = {"since": now} if last.is_there else {}
    changes |= _with_errors(last, xids, now)
    unknown = {"util": None, "mem_used": None, "temp_c": None, "processes": ()}
    return [last.model_copy(update={"at": now, "is_there": False, "trouble": trouble, **unknown, **changes})]


def _device(seen: Seen, last: Device | None, owners: Mapping[int, str], left_alone: str, now: Millis) -> Device:
    is_same = last is not None and last.is_there and last.uuid == seen.uuid
    known = last if last is not None and last.uuid == seen.uuid else None
    return Device(
        id=f"gpu{seen.index}",
        at=now,
        index=seen.index,
        name=seen.name,
        uuid=seen.uuid,
        is_there=True,
        since=last.since if last is not None and is_same else now,
        util=seen.util,
        mem_used=seen.mem_used,
        mem_total=seen.mem_total,
        temp_c=seen.temp_c,
        left_alone=left_alone,
        processes=tuple(
            DeviceProcess(pid=pid, mem_bytes=size, run=owners.get(pid, "")) for pid, size in seen.processes
        ),
        **_with_errors(known, seen.xids, now),
    )


def _with_errors(known: Device | None, xids: tuple[int, ...], now: Millis) -> dict[str, Any]:
    before = known.errors if known is not None else ()
    new = tuple(DeviceError(xid=xid, at=now) for xid in xids)
    return {
        "errors": (*before, *new)[-_ERRORS_KEPT:],
        "n_errors": (known.n_errors if known is not None else 0) + len(xids),
    }


def _is_news(device: Device, last: Device | None) -> bool:
    if last is None or device.at - last.at >= _RENEW_EVERY:
        return True
    if (device.is_there, device.since, device.uuid, device.n_errors, device.left_alone) != (
        last.is_there, last.since, last.uuid, last.n_errors, last.left_alone
    ):  # fmt: skip
        return True
    if [(each.pid, each.run) for each in device.processes] != [(each.pid, each.run) for each in last.processes]:
        return True
    return (
        _has_moved(device.util, last.util, _UTIL_STEP)
        or _has_moved(device.mem_used, last.mem_used, _SIZE_STEP * (device.mem_total or 1))
        or _has_moved(device.temp_c, last.temp_c, _TEMP_STEP)
    )


def _has_moved(value: float | None, before: float | None, step: float) -> bool:
    if value is None or before is None:
        return value is not before
    return abs(value - before) > step


# -- whose process it is ----------------------------------------------------------------------------------------------


def _owners(view: View, seen: Seen, run_dir: Path) -> dict[int, str]:
    """Which run each compute process belongs to: by the mark in its environment, or by descent from a run's process."""
    by_pid = {run.pid: run.id for run in view.live_runs()}
    owners = {pid: _run_of(pid, by_pid, run_dir) for pid, _ in seen.processes}
    return {pid: run for pid, run in owners.items() if run and _has_device_open(pid)}


def _run_of(pid: int, by_pid: Mapping[int, str], run_dir: Path) -> str:
    mark = _environment_of(pid).get(RUN_VARIABLE.encode(), b"").decode(errors="replace")
    run, _, place = mark.partition("@")
    if run and place == str(run_dir):
        return run
    # A program may have emptied its environment; its ancestors it cannot change while they live.
    ancestor, steps = pid, 0
    while ancestor > 1 and steps < 64:
        if ancestor in by_pid:
            return by_pid[ancestor]
        ancestor, steps = _parent_of(ancestor), steps + 1
    return ""


def _environment_of(pid: int) -> dict[bytes, bytes]:
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(word.split(b"=", 1) for word in words if b"=" in word)


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _has_device_open(pid: int) -> bool:
    """In a container NVML may give the host's numbers, which name others here. Who computes has a device file open."""
    try:
        links = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return False
    return any("/dev/nvidia" in link or "/dev/dxg" in link for link in links)
