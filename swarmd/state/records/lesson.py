"""What a campaign has taught: a claim with its counts, the scope in which it holds, and the records behind it."""

from typing import ClassVar

from swarmd.state.records.record import Ratio, Record, Shape


class Scope(Shape):
    """Where a lesson holds: empty fields bound nothing. ``group`` is a tier, a mode's or a gate's name."""

    strategy: str
    interval: str
    mode: str = ""
    group: str = ""
    assets: tuple[str, ...] = ()


class Lesson(Record):
    """``id`` is ``<campaign>/<topic>``, and a later one of the same id is the same lesson by later figures.

    ``claim`` is the sentence. It counts ``held`` of ``n`` cases; ``low`` to ``high`` is the 95% interval of that share
    (Wilson), or of what else the sentence measures. ``evidence`` are ids of results and jobs it was counted from, the
    newest ones where there are many.
    """

    KIND: ClassVar[str] = "lesson"

    campaign: str
    topic: str
    claim: str
    scope: Scope
    n: int
    held: int
    low: float
    high: float
    evidence: tuple[str, ...] = ()

    @property
    def share(self) -> Ratio:
        return self.held / self.n if self.n else 0.0
