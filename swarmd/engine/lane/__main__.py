"""`python -m swarmd.engine.lane ORDER`: carry out one work order and exit with its code.

Threads are settled here, before anything that numba or BLAS might read them by is imported.
"""

import os
import sys
from pathlib import Path

from pydantic import ValidationError

from swarmd.state.work_order import ExitCode, WorkOrder

_THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m swarmd.engine.lane ORDER.json", file=sys.stderr)
        return ExitCode.BAD_ORDER
    try:
        order = WorkOrder.model_validate_json(Path(arguments[0]).read_bytes())
    except (OSError, ValidationError) as cause:
        print(f"error: {arguments[0]}: no work order: {cause}", file=sys.stderr)
        return ExitCode.BAD_ORDER
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(max(order.threads, 1))
    from swarmd.engine.lane.worker import work

    return work(order)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
