"""The order as a process finds it, and the one thing that must be settled by it before the engine is imported."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from swarmd.state.work_order import WorkOrder

# Of matrix products, which are small here. Shared among threads their sums change in the last bit with the machine.
_BLAS_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def read_order(path: Path) -> WorkOrder:
    """OSError or pydantic's ValidationError where there is none."""
    return WorkOrder.model_validate_json(path.read_bytes())


def named_order(arguments: Sequence[str], *, program: str) -> WorkOrder | None:
    """The order of a command line with nothing but its path; where it is none, stderr has been told and it is None."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(f"usage: python -m {program} ORDER.json", file=sys.stderr)
        return None
    try:
        return read_order(Path(arguments[0]))
    except (OSError, ValidationError) as cause:
        print(f"error: {arguments[0]}: no work order: {cause}", file=sys.stderr)
        return None


def settle_threads(order: WorkOrder) -> None:
    """Read by numba and BLAS when they are imported, and never again."""
    os.environ["NUMBA_NUM_THREADS"] = str(max(order.threads, 1))
    for variable in _BLAS_VARIABLES:
        os.environ[variable] = "1"
