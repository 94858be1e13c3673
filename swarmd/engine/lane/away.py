"""`python -m swarmd.engine.lane.away ORDER FD PARENT`: a lane on a node, which tells of its work over a socket.

It works in a scratch home as any lane does. At safe points it sends what it has written; what it has to tell the trial
ledger it asks the owner's machine to seal, and waits for the answer before it goes on.
"""

import contextlib
import os
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swarmd.engine.lane.changes import ChangesThere
from swarmd.engine.lane.order_file import read_order, settle_threads
from swarmd.engine.lane.parcels import Unpacker, packed, unpacked
from swarmd.engine.phases.child import die_with
from swarmd.engine.phases.places import work_folder
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, Entry
from swarmd.state.units import Millis
from swarmd.state.work_order import WorkOrder

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
    path, descriptor, parent = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    die_with(parent)
    os.set_inheritable(descriptor, False)
    order = read_order(path)
    settle_threads(order)
    from swarmd.engine.lane.worker import Surroundings, work
    from swarmd.engine.phases.table import BARE

    with socket.socket(fileno=descriptor) as link:
        errand = Errand(order, link)
        around = Surroundings(BARE, errand.tell_ledger, errand.at_safe_point)
        code = work(order, around=around)
        errand.tell()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
