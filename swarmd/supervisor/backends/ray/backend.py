"""Backend ``ray``: on this machine a run on a node is a courier, a process that is to the daemon a lane like any other.

Phases that look into the vault or judge by the ledgers stay here as plain lanes; ``state/cluster`` has the list.
"""

import importlib.util
import sys
from dataclasses import dataclass

from swarmd.state.cluster import ADDRESS_VARIABLE, AWAY, ray_environment, token_path
from swarmd.state.errors import OperatorError
from swarmd.state.records.run import RunOrdered
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder
from swarmd.supervisor.backends.local import LocalBackend

COURIER = (sys.executable, "-P", "-m", "swarmd.engine.lane.courier")


@dataclass
class RayBackend(LocalBackend):
    """``address`` is that of the cluster's head."""

    address: str = ""

    def _program_for(self, order: WorkOrder) -> tuple[str, ...]:
        return COURIER if order.phase in AWAY else self.program

    def _environment(self, threads: int) -> dict[str, str]:
        return super()._environment(threads) | ray_environment(token_path(self.home))

    def _variables(self, run: RunOrdered) -> dict[str, str]:
        return super()._variables(run) | {ADDRESS_VARIABLE: self.address}


def require_ray() -> None:
    """Raises OperatorError where the extra is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise OperatorError("backend ray needs Ray, which is not installed; run: pip install 'swarmd[cluster]'")


def require_token(home: Home) -> None:
    """Raises OperatorError where the cluster's secret is not in this home, or is not its owner's alone."""
    path = token_path(home)
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        raise OperatorError(
            f"{path} is not there: the cluster's secret. `swarmd cluster up` makes it; on another machine copy it from "
            "the home where that was called"
        ) from None
    if mode & 0o077:
        raise OperatorError(f"{path} can be read by others (mode {mode:o}); run: chmod 600 {path}")
