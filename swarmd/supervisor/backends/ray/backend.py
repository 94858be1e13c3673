"""Backend ``ray``: on this machine a run on a node is a courier, a process that is to the daemon a lane like any other.

Phases that look into the vault or judge by the ledgers stay here as plain lanes; ``state/cluster`` has the list.
"""

import importlib.util
import sys
from dataclasses import dataclass, field

from swarmd.state.cluster import ADDRESS_VARIABLE, AWAY, ray_environment, token_path
from swarmd.state.errors import OperatorError
from swarmd.state.records.run import RunOrdered
from swarmd.state.store.files import Home
from swarmd.state.view import View
from swarmd.state.work_order import WorkOrder
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.backends.ray.couriers import SpareCouriers
from swarmd.supervisor.backends.spares import may_start_spare, spares_wanted

COURIER = (sys.executable, "-P", "-m", "swarmd.engine.lane.courier")


@dataclass
class RayBackend(LocalBackend):
    """``address`` is that of the cluster's head."""

    address: str = ""
    couriers: SpareCouriers = field(init=False)
    # The last order that went away: a spare courier gets ready on its node.
    _like_away: WorkOrder | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.couriers = SpareCouriers(self.home, COURIER)

    def _program_for(self, order: WorkOrder) -> tuple[str, ...]:
        return COURIER if order.phase in AWAY else self.program

    def _spawned(self, run: RunOrdered, order: WorkOrder, locked: int, log: int) -> int:
        """A spare courier that takes the order, or else one from cold."""
        if order.phase not in AWAY:
            return super()._spawned(run, order, locked, log)
        pid = self.couriers.hand_over(order, self._variables(run), locked, log)
        if order.engine == "cpu":
            self._like_away = order
        return super()._spawned(run, order, locked, log) if pid is None else pid

    def keep_spares(self, view: View) -> None:
        """Couriers too, where something is left that goes away and a node is there to go to."""
        super().keep_spares(view)
        stock = spares_wanted(view)
        wanted = stock if _is_away_next(view) else 0
        environment = self._environment(1) | {ADDRESS_VARIABLE: self.address}
        # Also for those that are away already: one that is lost is started again.
        self.couriers.zygote.keep(environment, is_wanted=wanted > 0 or (stock > 0 and _is_away(view)))
        if wanted and self._like_away is None:
            orders = filter(None, map(self._order_of, view.live_runs()))
            self._like_away = next((order for order in orders if order.phase in AWAY), None)
        like = self._like_away
        is_there = like is not None and (node := view.nodes.get(like.node)) is not None and node.is_heard
        self.couriers.keep(wanted, like, environment, may_start=is_there and may_start_spare(view))

    def _environment(self, threads: int, device: str = "") -> dict[str, str]:
        return super()._environment(threads, device) | ray_environment(token_path(self.home))

    def _variables(self, run: RunOrdered) -> dict[str, str]:
        return super()._variables(run) | {ADDRESS_VARIABLE: self.address}

    def pids(self) -> frozenset[int]:
        return super().pids() | self.couriers.pids()

    def _marks_of_spares(self) -> frozenset[str]:
        return super()._marks_of_spares() | self.couriers.marks()

    def close(self) -> None:
        self.couriers.close()
        super().close()


def _is_away(view: View) -> bool:
    return any((job := view.jobs.get(run.job)) is not None and job.phase in AWAY for run in view.open_runs())


def _is_away_next(view: View) -> bool:
    return any(job.phase in AWAY for job in view.queued_jobs())


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
