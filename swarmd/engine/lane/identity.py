"""Who this run is: told into the lock it was born with, so that anyone who finds the lock held knows by whom.

The descriptor came from the supervisor already locked. Here it is only written to, and kept from being passed on: a
grandchild that inherited it would make a dead run look alive.
"""

import json
import os
from pathlib import Path

from swarmd.state.errors import OperatorError
from swarmd.state.work_order import LOCK_FD_VARIABLE, WorkOrder


def claim_lock(order: WorkOrder, variable: str | None) -> bool:
    """Write who we are into the inherited lock; False where there is none (a run by hand)."""
    if variable is None:
        return False
    try:
        descriptor = int(variable)
        os.set_inheritable(descriptor, False)
        content = json.dumps(identity(order)).encode() + b"\n"
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
    except (ValueError, OSError) as cause:
        raise OperatorError(
            f"{LOCK_FD_VARIABLE}={variable} is no lock to write to: {cause}; start the run again"
        ) from cause
    return True


def identity(order: WorkOrder) -> dict[str, int | str]:
    """A process by more than its number, which is soon another's: its start and the boot as well."""
    return {
        "run": order.run,
        "token": order.token,
        "pid": os.getpid(),
        "start_ticks": _start_ticks(),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }


def _start_ticks() -> int:
    # The command's name, second field, may hold blanks and parentheses: count from the last one.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[19])
