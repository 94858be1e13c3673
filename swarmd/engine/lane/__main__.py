"""`python -m swarmd.engine.lane ORDER`: carry out one work order and exit with its code.

Threads are settled here, before anything that numba or BLAS might read them by is imported. With `--spare FD` the order
is not known yet (`spare`).
"""

import sys

from swarmd.engine.lane.leaving import leave
from swarmd.engine.lane.order_file import named_order, settle_threads
from swarmd.state.work_order import SPARE_OPTION, ExitCode


def main(arguments: list[str]) -> int:
    if arguments[:1] == [SPARE_OPTION] and len(arguments) > 1:
        from swarmd.engine.lane.spare import serve

        return serve(int(arguments[1]))
    order = named_order(arguments, program="swarmd.engine.lane")
    if order is None:
        return ExitCode.BAD_ORDER
    settle_threads(order)
    from swarmd.engine.lane.worker import work

    return work(order)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
