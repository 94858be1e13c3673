"""What a graphics processor had to do with a loss: errors it reported (Xid), or that it does not answer any more.

Pure rules over the device records, asked by ``signatures`` of the run that was lost and by ``devices`` of the device.
"""

from collections.abc import Sequence

from swarmd.state.records.device import DeviceError
from swarmd.state.records.run import RunEnded
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View

# From NVIDIA's table of Xid errors, those that are met most; a code that is not here is told by its number.
XID_MEANINGS = {
    13: "graphics engine exception",
    31: "memory page fault by a program",
    43: "stopped processing for a program",
    45: "a program's work was cleaned up",
    48: "double bit memory error",
    61: "internal microcontroller halt",
    62: "internal microcontroller halt",
    63: "memory row remapping",
    64: "memory row remapping failed",
    68: "video processor exception",
    69: "graphics engine class error",
    74: "NVLink error",
    79: "the GPU has fallen off the bus",
    92: "high rate of single bit memory errors",
    94: "contained memory error",
    95: "uncontained memory error",
    109: "context switch time-out by a program",
    119: "the GPU's system processor does not answer",
    120: "error of the GPU's system processor",
}
# These tell of the program that ran there and not of the device: another one may work on it at once.
PROGRAM_XIDS = frozenset({13, 31, 43, 45, 68, 69, 109})


def trouble_of_its_device(view: View, run: RunEnded) -> str:
    """``device_trouble`` for a run that ended: of the device of its lane, since it was ordered."""
    lane = view.lanes.get(run.lane)
    return "" if lane is None or view.device_of(lane) is None else device_trouble(view, lane.device, run.ordered_at)


def fault_of_its_program(view: View, run: RunEnded) -> str:
    """``program_fault`` for a run that ended."""
    lane = view.lanes.get(run.lane)
    return "" if lane is None or view.device_of(lane) is None else program_fault(view, lane.device, run.ordered_at)


def device_trouble(view: View, device: str, since: Millis) -> str:
    """What befell a device since an instant that was no program's fault, with its figures; empty where nothing did.

    For the loss of a run that was launched there at ``since``: a cause to name before "crash".
    """
    known = view.devices.get(device)
    if known is None:
        return ""
    reported = [error for error in known.errors if error.at >= since and error.xid not in PROGRAM_XIDS]
    errors = f"reported {errors_told(reported)}" if reported else ""
    if not known.is_there:
        return f"{device} ({known.name}) does not answer: {known.trouble}" + (f"; it {errors}" if errors else "")
    if errors:
        return f"{device} ({known.name}) {errors}, {spoken(reported[0].at - since)} after the launch"
    if known.since > since:
        return f"{device} ({known.name}) was away, or was exchanged, {spoken(known.since - since)} after the launch"
    return ""


def program_fault(view: View, device: str, since: Millis) -> str:
    """The error code of a program on a device since an instant, as evidence for a crash; empty where there is none."""
    known = view.devices.get(device)
    reported = [error for error in known.errors if error.at >= since and error.xid in PROGRAM_XIDS] if known else []
    return f"{device} reported {errors_told(reported)}, an error of the program that ran there" if reported else ""


def errors_told(errors: Sequence[DeviceError]) -> str:
    return ", ".join(
        f"Xid {error.xid} ({XID_MEANINGS[error.xid]})" if error.xid in XID_MEANINGS else f"Xid {error.xid}"
        for error in errors
    )
