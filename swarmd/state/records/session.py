"""A stretch of operation: one life of the daemon, from start to stop or death."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class SessionStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    LOST = "lost"


SESSION_MOVES = Lifecycle(
    {
        SessionStatus.OPEN: frozenset({SessionStatus.CLOSED, SessionStatus.LOST}),
        SessionStatus.CLOSED: frozenset(),
        SessionStatus.LOST: frozenset(),
    }
)


class Session(Record):
    """``id`` is the run id ``bt-YYYYMMDD_HHMMSSZ``. ``anchor`` + boot-time clock of ``boot_id`` = steady time.

    ``rules`` is the digest of the rules that decide in it; empty in sessions of before it was kept.
    """

    KIND: ClassVar[str] = "session"

    status: SessionStatus
    pid: int
    boot_id: str
    anchor: Millis
    wall: Millis
    host: str
    code_version: str
    until_done: bool
    reason: str
    rules: str = ""
