"""`python -m swarmd.engine.lane.courier ORDER`: a run whose work is done on a node of a cluster.

To the supervisor it is a lane like any other: it holds the run's lock, pulses in its slot, fills its outbox, holds the
result folder and ends by exit code. The work itself is a lane on a node; what that writes is put in place here, by the
one process that holds the folder and the current token, so that a node that was given up can do no harm.

Two processes: the library of the cluster ends its process by itself when the cluster is lost, so it lives in a child,
and the parent keeps the last word. With `--spare FD` the order is not known yet (`spare_courier`); with `--zygote FD`
it is forked for every courier there is to be (`zygote`).
"""

import logging
import os
import sys
from collections.abc import Callable

from swarmd.engine.lane.identity import claim_lock, identity
from swarmd.engine.lane.order_file import named_order
from swarmd.engine.lane.two_processes import apart, hear_for, waited
from swarmd.state.store.files import home_from
from swarmd.state.work_order import LOCK_FD_VARIABLE, SPARE_OPTION, ZYGOTE_OPTION, ExitCode, WorkOrder


def _nothing() -> None:
    """Nobody waits to hear it."""


def main(arguments: list[str]) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if arguments[:1] == [SPARE_OPTION] and len(arguments) > 1:
        from swarmd.engine.lane.spare_courier import serve

        return serve(int(arguments[1]))
    if arguments[:1] == [ZYGOTE_OPTION] and len(arguments) > 1:
        from swarmd.engine.lane.zygote import serve as beget

        return beget(int(arguments[1]))
    order = named_order(arguments, program="swarmd.engine.lane.courier")
    if order is None:
        return ExitCode.BAD_ORDER
    return carried(order)


def carried(order: WorkOrder, *, begun: Callable[[], None] = _nothing) -> int:
    """The exit code of the run. ``begun`` is called once nothing more can go wrong that its supervisor should know."""
    home = home_from(order.home)
    is_supervised = claim_lock(order, os.environ.get(LOCK_FD_VARIABLE))
    who = identity(order)
    child, tell_stage = apart()
    if child.pid == 0:
        # Imported here: the parent needs none of it, and waits in a few megabytes.
        from swarmd.engine.lane.relay import relayed

        code = relayed(order, home, who, tell_stage=tell_stage)
        sys.stdout.flush()
        sys.stderr.flush()
        # The library's own threads and its farewell at exit are none of a run's business.
        os._exit(code)
    hear_for(child, is_supervised=is_supervised)
    begun()
    return waited(order, home, child)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
