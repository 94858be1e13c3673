"""One measured quantity at one instant, and what an agent has found worth saying."""

from typing import ClassVar

from swarmd.state.records.record import Record


class Gauge(Record):
    """``id`` names the quantity and its unit: ``host.cpu_util`` (fraction), ``host.mem_available_bytes``."""

    KIND: ClassVar[str] = "gauge"

    value: float


class Finding(Record):
    """Something an agent says once, not every cycle: ``id`` is ``<agent>/<topic>``; empty text takes it back."""

    KIND: ClassVar[str] = "finding"

    agent: str
    text: str


class Scores(Record):
    """How well the last cycles went, each in [0, 1]; the id is always ``scores``."""

    KIND: ClassVar[str] = "scores"

    id: str = "scores"
    adherence: float
    efficacy: float
    deviation: float
    performance: float
    efficiency: float


class Cycle(Record):
    """One turn of the loop that decided something; the id is ``c<number>``. ``late`` is how long it overslept."""

    KIND: ClassVar[str] = "cycle"

    number: int
    took: float
    late: int
    wishes: int
    actions: int
    refusals: int


class Document(Record):
    """A page the swarm wrote: ``id`` is its path relative to the home."""

    KIND: ClassVar[str] = "document"

    title: str
    reason: str
