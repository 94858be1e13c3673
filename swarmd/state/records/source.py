"""The freshness of what the swarm looks at and of what it publishes."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class SourceStatus(StrEnum):
    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"
    DAMAGED = "damaged"


_ANY = frozenset(SourceStatus)
SOURCE_MOVES = Lifecycle({status: _ANY - {status} for status in SourceStatus})


class Source(Record):
    """``id`` names it: ``state/worker_sentry_state.json``, ``monitor/gpu``, ``journal``; ``note``: what was seen."""

    KIND: ClassVar[str] = "source"

    status: SourceStatus
    since: Millis
    note: str = ""
