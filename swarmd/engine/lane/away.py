"""`python -m swarmd.engine.lane.away [--spare] ORDER FD PARENT`: a lane on a node, told of over a socket as it works.

It works in a scratch home as any lane does. At safe points it sends what it has written; what it has to tell the trial
ledger it asks the owner's machine to seal, and waits for the answer before it goes on.

With `--spare` ORDER is one like that which may come over the socket: until then it gets ready and waits.
"""

import contextlib
import gc
import os
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swarmd.engine.lane.changes import ChangesThere
from swarmd.engine.lane.leaving import leave
from swarmd.engine.lane.order_file import read_order, settle_threads
from swarmd.engine.lane.parcels import Unpacker, packed, unpacked
from swarmd.engine.phases.child import die_with
from swarmd.engine.phases.places import work_folder
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, Entry
from swarmd.state.units import Millis
from swarmd.state.work_order import SPARE_OPTION, WorkOrder

# A trial takes tens of milliseconds; what a node's death costs is at most this much work again.
_TELL_EVERY_S = 0.25
_READ_BYTES = 1 << 16


class Errand:
    """The lane's end of the socket."""

    def __init__(self, order: WorkOrder, link: socket.socket) -> None:
        self._order = order
        self._home = Home(Path(order.home))
        self._link = link
        self._unpacker = Unpacker()
        self._changes = ChangesThere(self._home, work_folder(order, self._home), order.run)
        self._due_at = 0.0

    def at_safe_point(self) -> None:
        now = time.monotonic()
        if now >= self._due_at:
            self.tell()
            self._due_at = time.monotonic() + _TELL_EVERY_S

    def tell(self) -> None:
        """Send what is new. Nobody there to hear it is no trouble of ours: we end with them."""
        parcel = self._changes.parcel()
        if parcel is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._link.sendall(parcel)

    def tell_ledger(self, home: Home, batch: Batch, at: Millis) -> Entry:
        """As `append_batch` does, on the machine that keeps the ledger."""
        told = {**asdict(batch), "vintage": str(batch.vintage)}
        try:
            self._link.sendall(packed({"kind": "batch", "batch": told, "at": at}))
            answer = self._answer()
        except (BrokenPipeError, ConnectionResetError) as cause:
            raise OutsideError("the machine that keeps the trial ledger does not answer") from cause
        # What was told must be known to the next attempt as soon as may be: it would tell the same trials again.
        self._due_at = 0.0
        if "refusal" in answer:
            refused = OperatorError if answer["is_operators"] else OutsideError
            raise refused(str(answer["refusal"]))
        return Entry(answer["line"], answer["at"], batch, answer["digest"])

    def _answer(self) -> dict[str, Any]:
        while True:
            data = self._link.recv(_READ_BYTES)
            if not data:
                raise BrokenPipeError
            for parcel in self._unpacker.fed(data):
                return unpacked(parcel)[0]


def main(arguments: list[str]) -> int:
    is_spare = arguments[0] == SPARE_OPTION
    path, descriptor, parent = arguments[1:] if is_spare else arguments
    die_with(int(parent))
    os.set_inheritable(int(descriptor), False)
    order = read_order(Path(path))
    settle_threads(order)
    from swarmd.engine.lane.worker import Surroundings, work
    from swarmd.engine.phases.table import BARE

    is_warm = False
    with socket.socket(fileno=int(descriptor)) as link:
        if is_spare:
            is_warm = _ready_for(order)
            taken = _order_from(link)
            if taken is None:
                return 0
            order = taken
        errand = Errand(order, link)
        around = Surroundings(BARE, errand.tell_ledger, errand.at_safe_point)
        code = work(order, is_warm=is_warm, around=around)
        errand.tell()
    return code


def _ready_for(like: WorkOrder) -> bool:
    """Whether all that there is to warm up is warm now."""
    from swarmd.engine.lane.warm_up import warm_up_for_any

    is_warm = warm_up_for_any(like)
    gc.collect()
    gc.freeze()
    return is_warm


def _order_from(link: socket.socket) -> WorkOrder | None:
    """Say that we are ready, and wait; None when nobody is left to send an order."""
    unpacker = Unpacker()
    try:
        link.sendall(packed({"kind": "ready"}))
        parcels: list[bytes] = []
        while not parcels:
            data = link.recv(_READ_BYTES)
            if not data:
                return None
            parcels = unpacker.fed(data)
    except (BrokenPipeError, ConnectionResetError):
        return None
    header, _ = unpacked(parcels[0])
    os.environ.update(header["environment"])
    order = read_order(Path(header["order"]))
    import numba

    numba.set_num_threads(max(order.threads, 1))
    return order


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
