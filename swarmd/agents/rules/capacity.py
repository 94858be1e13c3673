"""Is there room for more work? Memory and disk against the policy, with hysteresis so that lanes do not flap.

A quantity nobody has measured is never held against the machine.
"""

from dataclasses import dataclass

from swarmd.state.view import View

HYSTERESIS = 1.2
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why there is no room, in numbers, and the gauge that said so."""

    reason: str
    gauge: str


def memory_shortage(view: View) -> Shortage | None:
    """Why memory allows no further run."""
    available, stalled = view.gauges.get("host.mem_available_bytes"), view.gauges.get("host.psi_memory")
    policy = view.policy
    if available is not None and available.value < policy.mem_available_min:
        reason = f"{_mib(available.value)} of memory available (limit {_mib(policy.mem_available_min)})"
        return Shortage(reason, available.id)
    if stalled is not None and stalled.value > policy.memory_stall_max:
        reason = f"memory stalls take {stalled.value:.2f} of the time (limit {policy.memory_stall_max:.2f})"
        return Shortage(reason, stalled.id)
    return None


def memory_is_ample(view: View) -> bool:
    """Enough to open a held lane again."""
    available, stalled = view.gauges.get("host.mem_available_bytes"), view.gauges.get("host.psi_memory")
    return (available is None or available.value >= HYSTERESIS * view.policy.mem_available_min) and (
        stalled is None or stalled.value <= view.policy.memory_stall_max / HYSTERESIS
    )


def disk_shortage(view: View) -> Shortage | None:
    """Why the disk allows no further run."""
    free = view.gauges.get("host.disk_free_bytes")
    if free is None or free.value >= view.policy.disk_free_min:
        return None
    return Shortage(f"{_mib(free.value)} free on the home's disk (limit {_mib(view.policy.disk_free_min)})", free.id)


def disk_is_ample(view: View) -> bool:
    free = view.gauges.get("host.disk_free_bytes")
    return free is None or free.value >= HYSTERESIS * view.policy.disk_free_min


def free_disk(view: View) -> str:
    return f"{_mib(view.gauge('host.disk_free_bytes'))} free (opened below {_mib(view.policy.disk_free_min)})"


def _mib(size: float) -> str:
    return f"{size / _MIB:.0f} MiB"
