"""What a person or a tool asks of the daemon, through the inbox."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record


class Verb(StrEnum):
    STOP = "stop"
    STOP_NOW = "stop_now"
    PAUSE = "pause"
    RESUME = "resume"


class RequestStatus(StrEnum):
    PENDING = "pending"
    ANSWERED = "answered"


REQUEST_MOVES = Lifecycle(
    {RequestStatus.PENDING: frozenset({RequestStatus.ANSWERED}), RequestStatus.ANSWERED: frozenset()}
)


class Request(Record):
    """``id`` is the inbox file's name, which sorts by time; ``asked_by`` says who (``cli``, a signal)."""

    KIND: ClassVar[str] = "request"

    verb: Verb
    asked_by: str
    status: RequestStatus
    answer: str = ""
