"""Graphics processors in trouble, and CPU lanes that hold one all the same.

Pure rules over the device records, for the util controller. What a device had to do with a loss is told by
``device_trouble``.
"""

from swarmd.agents.rules.device_trouble import PROGRAM_XIDS, device_trouble
from swarmd.agents.rules.signatures import incident_id, open_incident_about
from swarmd.state.actions import Action, CloseIncident, OpenIncident
from swarmd.state.records.device import Device, DeviceProcess
from swarmd.state.records.incident import Signature
from swarmd.state.records.run import RunAlive
from swarmd.state.units import HOUR, MINUTE, Millis, spoken
from swarmd.state.view import View

_MIB = 1 << 20

# A device that reported an error is left alone for so long after the last one.
QUIET_AFTER: Millis = 10 * MINUTE


def about_devices(view: View, now: Millis) -> list[Action]:
    """Incidents of devices: opened once each, closed when what they tell of is over."""
    return [*_leaks(view, now), *_leaks_over(view, now), *_failed(view, now), *_failures_over(view, now)]


# -- CPU lanes that hold a device -------------------------------------------------------------------------------------


def leaks(view: View) -> dict[str, list[tuple[DeviceProcess, RunAlive]]]:
    """By device: every process of a living run of a CPU lane that holds a CUDA context there."""
    found: dict[str, list[tuple[DeviceProcess, RunAlive]]] = {}
    for device in view.devices.values():
        for process in device.processes:
            run = view.runs.get(process.run)
            lane = view.lanes.get(run.lane) if run is not None else None
            if isinstance(run, RunAlive) and lane is not None and lane.device == "cpu":
                found.setdefault(device.id, []).append((process, run))
    return found


def _leaks(view: View, now: Millis) -> list[Action]:
    """One incident for each device: it is the device that lacks the memory; the runs do their work and are let be."""
    return [
        OpenIncident(
            incident=incident_id(device, Signature.GPU_LEAK, view.devices[device].at),
            signature=Signature.GPU_LEAK,
            subject=device,
            remedy="let the runs finish, their results count; CUDA_VISIBLE_DEVICES is empty for their lanes: look in "
            "the strategy's imports for what sets it, or opens the driver past it",
            expected=f"no process of a CPU lane on {device} once those runs have ended",
            due=max(run.ordered_at for _, run in found) + view.policy.run_timeout,
            reason="; ".join(_leak_told(process, run) for process, run in found)
            + f" of {device} ({view.devices[device].name}); a CPU lane holds none",
            caused_by=(device, *dict.fromkeys(run.id for _, run in found)),
        )
        for device, found in leaks(view).items()
        if open_incident_about(view, device, Signature.GPU_LEAK) is None
    ]


def _leak_told(process: DeviceProcess, run: RunAlive) -> str:
    size = "an unknown amount" if process.mem_bytes is None else f"{process.mem_bytes / _MIB:.0f} MiB"
    who = f"pid {run.pid}" if process.pid == run.pid else f"pid {process.pid}, descendant of pid {run.pid}"
    return f"run {run.id} in lane {run.lane} ({who}) holds {size}"


def _leaks_over(view: View, now: Millis) -> list[Action]:
    still = leaks(view)
    return [
        CloseIncident(
            incident=incident.id,
            reason=f"no process of a CPU lane on {incident.subject} any more, {spoken(now - incident.opened_at)} later",
            caused_by=(incident.id,),
        )
        for incident in view.open_incidents()
        if incident.signature is Signature.GPU_LEAK and incident.subject not in still
    ]


# -- devices that failed ----------------------------------------------------------------------------------------------


def _failed(view: View, now: Millis) -> list[Action]:
    """One incident for each device in trouble. What was away before this session began is not this session's loss."""
    began = view.session.at if view.session is not None else now
    wishes: list[Action] = []
    for device in view.devices.values():
        is_lost = not device.is_there and device.since >= began
        trouble = device_trouble(view, device.id, max(began, now - QUIET_AFTER)) if is_lost or device.is_there else ""
        if not (is_lost or _is_ailing(device, began, now)) or not trouble:
            continue
        if open_incident_about(view, device.id, Signature.DEVICE_FAILED) is None:
            wishes.append(
                OpenIncident(
                    incident=incident_id(device.id, Signature.DEVICE_FAILED, device.at),
                    signature=Signature.DEVICE_FAILED,
                    subject=device.id,
                    remedy="work goes on without it; see `nvidia-smi` and the kernel log, then reset the GPU or "
                    "restart the machine",
                    expected=f"{device.id} answers, and reports no error for {spoken(QUIET_AFTER)}",
                    due=now + HOUR,
                    reason=trouble,
                    caused_by=(device.id,),
                )
            )
    return wishes


def _is_ailing(device: Device, began: Millis, now: Millis) -> bool:
    """It answers, and has reported an error of its own a short while ago."""
    limit = max(began, now - QUIET_AFTER)
    return device.is_there and any(error.at >= limit and error.xid not in PROGRAM_XIDS for error in device.errors)


def _failures_over(view: View, now: Millis) -> list[Action]:
    began = view.session.at if view.session is not None else 0
    wishes: list[Action] = []
    for incident in view.open_incidents():
        device = view.devices.get(incident.subject)
        if incident.signature is not Signature.DEVICE_FAILED or device is None:
            continue
        after = spoken(now - incident.opened_at)
        if device.is_there and not _is_ailing(device, began, now):
            told = f"{device.id} ({device.name}) answers, and has reported no error lately, {after} after the incident"
            wishes.append(CloseIncident(incident=incident.id, reason=told, caused_by=(device.id,)))
        elif not device.is_there and device.since < began:
            told = f"{device.id} was still away after {after}, when a new session began without it"
            wishes.append(CloseIncident(incident=incident.id, reason=told, caused_by=(device.id,), is_verified=False))
    return wishes
