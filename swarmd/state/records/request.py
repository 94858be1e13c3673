"""What a person or a tool asks of the daemon, through the inbox."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.claim import StatedClaim
from swarmd.state.records.record import Record


class Verb(StrEnum):
    STOP = "stop"
    STOP_NOW = "stop_now"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    KILL = "kill"
    RETRY = "retry"
    PRIORITISE = "prioritise"
    STATE = "state"


class RequestStatus(StrEnum):
    PENDING = "pending"
    ANSWERED = "answered"


REQUEST_MOVES = Lifecycle(
    {RequestStatus.PENDING: frozenset({RequestStatus.ANSWERED}), RequestStatus.ANSWERED: frozenset()}
)


class Request(Record):
    """``id`` is the inbox file's name, which sorts by time; ``asked_by`` says who (``cli``, a signal).

    ``subject`` is what it is about: the campaign to cancel, the lane or run to kill, the job to retry, the asset to
    prioritise; ``place`` where in the queue that asset goes. ``is_refused`` tells that the answer is a no. To state a
    hypothesis the subject is its campaign, which may be still to come, and ``claim`` what is claimed.
    """

    KIND: ClassVar[str] = "request"

    verb: Verb
    asked_by: str
    status: RequestStatus
    answer: str = ""
    subject: Annotated[str, Field(max_length=256)] = ""
    place: Literal["first", "last"] = "first"
    is_refused: bool = False
    claim: StatedClaim | None = None
