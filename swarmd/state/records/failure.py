"""What has gone wrong before, how often, and which remedy helped: memory that outlives a campaign."""

from collections.abc import Mapping
from typing import ClassVar

from swarmd.state.records.incident import Signature
from swarmd.state.records.record import Record, Shape
from swarmd.state.units import Millis


class Tally(Shape):
    """How often a remedy was tried, and how often work went on after it."""

    tried: int = 0
    verified: int = 0


class Failure(Record):
    """``id`` is ``<signature>/<phase>``, the phase empty where it befell no run.

    ``count`` is how often it was seen; ``remedies`` holds a tally by remedy. ``last_incidents`` are the newest few, the
    evidence behind the figures.
    """

    KIND: ClassVar[str] = "failure"

    signature: Signature
    phase: str
    count: int
    first_seen: Millis
    last_seen: Millis
    last_cause: str
    remedies: Mapping[str, Tally] = {}
    last_incidents: tuple[str, ...] = ()


def failure_id(signature: Signature, phase: str) -> str:
    return f"{signature.value}/{phase}"
