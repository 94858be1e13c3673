"""A courier that waits for its order: connected to the cluster, with a lane on a node that has everything imported.

It is to the daemon what any spare is (`spare`): nothing on record, no lock, gone with the daemon. Its child holds the
connection and, on the node of the last order, an outpost with a lane that waits. That takes none of the node's room
until there is an order. An order for another node, or a lane that has died meanwhile, costs the shortcut there and
nothing else.
"""

import contextlib
import json
import logging
import os
import select
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from swarmd.engine.lane.courier import carried
from swarmd.engine.lane.identity import claim_lock, identity
from swarmd.engine.lane.order_file import read_order
from swarmd.engine.lane.spare import become, end_with_the_daemon, taken_over
from swarmd.engine.lane.two_processes import Child, apart, hear_for, waited
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import home_from
from swarmd.state.work_order import (
    LOCK_FD_VARIABLE,
    SPARE_MESSAGE_BYTES,
    SPARE_READY,
    SPARE_TAKEN,
    HandOver,
    WorkOrder,
)

log = logging.getLogger(__name__)

# Nobody's order was lost by it: the daemon starts a courier as ever.
_NOT_READY = 1
_READY_WITHIN_S = 180.0


def serve(descriptor: int) -> int:
    """Get ready, wait, and carry out the one order that comes; the exit code. 0 when none comes any more."""
    end_with_the_daemon(is_wanted=True)
    with socket.socket(fileno=descriptor) as link:
        like = read_order(Path(link.recv(SPARE_MESSAGE_BYTES).decode()))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child, tell_stage = apart()
        if child.pid == 0:
            link.close()
            ours.close()
            _carry(like, theirs, tell_stage)
        theirs.close()
        try:
            order = _taken(link, ours, child)
        except (BrokenPipeError, ConnectionResetError):
            return _NOT_READY
    return 0 if order is None else waited(order, home_from(order.home), child)


def serve_bare(descriptor: int) -> int:
    """Wait for the one order that comes, and carry it out from its beginning; the exit code. 0 when none comes."""
    end_with_the_daemon(is_wanted=True)
    with socket.socket(fileno=descriptor) as link:
        order = taken_over(link)
        return 0 if order is None else carried(order, begun=lambda: _said(link))


def _said(link: socket.socket) -> None:
    # A daemon that has died meanwhile has handed over all the same.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        link.send(SPARE_TAKEN)


def _taken(link: socket.socket, beside: socket.socket, child: Child) -> WorkOrder | None:
    """Wait for the order, become its run with the child, and say so; None when nobody is left to send one.

    Raises
    ------
    BrokenPipeError
        If the child has ended: the cluster is lost, or did not take us.
    """
    while True:
        heard, _, _ = select.select([link, beside], [], [])
        if beside in heard:
            if beside.recv(SPARE_MESSAGE_BYTES) != SPARE_READY:
                raise BrokenPipeError
            link.send(SPARE_READY)
        elif link in heard:
            break
    message, descriptors, _, _ = socket.recv_fds(link, SPARE_MESSAGE_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    if not message:
        return None
    if child.has_ended():
        raise BrokenPipeError
    handed = HandOver.model_validate_json(message)
    order = read_order(Path(handed.order))
    who = identity(order)
    # It has the lock from here on, as a child of any courier has: the run is not over before both are gone.
    socket.send_fds(beside, [message], list(descriptors))
    beside.send(json.dumps(who).encode())
    become(handed, *descriptors)
    claim_lock(order, handed.environment[LOCK_FD_VARIABLE])
    end_with_the_daemon(is_wanted=False)
    hear_for(child, is_supervised=True)
    link.send(SPARE_TAKEN)
    return order


def _carry(like: WorkOrder, beside: socket.socket, tell_stage: Any) -> NoReturn:
    """In the child: connect, wait, and carry the order that comes."""
    from swarmd.engine.lane.relay import made_ready, relayed

    try:
        ready = made_ready(like, within_s=_READY_WITHIN_S)
    except OutsideError as cause:
        log.error("%s", cause)
        sys.stderr.flush()
        os._exit(_NOT_READY)
    beside.send(SPARE_READY)
    message, descriptors, _, _ = socket.recv_fds(beside, SPARE_MESSAGE_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    if not message:
        os._exit(0)
    handed = HandOver.model_validate_json(message)
    who: Mapping[str, int | str] = json.loads(beside.recv(SPARE_MESSAGE_BYTES))
    become(handed, *descriptors)
    order = read_order(Path(handed.order))
    code = relayed(order, home_from(order.home), who, tell_stage=tell_stage, link=ready)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
