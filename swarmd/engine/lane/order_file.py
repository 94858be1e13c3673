"""The order as a process finds it, and the one thing that must be settled by it before the engine is imported."""

import os
from pathlib import Path

from swarmd.state.work_order import WorkOrder

# Of matrix products, which are small here. Shared among threads their sums change in the last bit with the machine.
_BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def read_order(path: Path) -> WorkOrder:
    """OSError or pydantic's ValidationError where there is none."""
    return WorkOrder.model_validate_json(path.read_bytes())


def settle_threads(order: WorkOrder) -> None:
    """Read by numba and BLAS when they are imported, and never again."""
    os.environ["NUMBA_NUM_THREADS"] = str(max(order.threads, 1))
    for variable in _BLAS_VARIABLES:
        os.environ[variable] = "1"
