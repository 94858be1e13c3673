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
    """One turn of the loop that decided something; the id is ``c<number>``. ``late`` is how long it overslept.

    ``seen`` is the journal's last line when it had decided and written down nothing of it yet: what it decided from (0:
    written before that was kept). ``quiet`` names the latest cycles since the record before that decided nothing, each
    as (lines, milliseconds) before this one's ``seen`` and ``at``: an idle swarm writes nothing to say that it is idle.
    """

    KIND: ClassVar[str] = "cycle"

    number: int
    took: float
    late: int
    wishes: int
    actions: int
    refusals: int
    seen: int = 0
    quiet: tuple[tuple[int, int], ...] = ()


class Document(Record):
    """A page the swarm wrote: ``id`` is its path relative to the home."""

    KIND: ClassVar[str] = "document"

    title: str
    reason: str
