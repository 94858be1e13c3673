"""How fast a prescreen computed and under which conditions, and the best that this machine has done of the same work.

Measures for people and for the regression guard: nothing here enters a result, which comes out the same on a slow day.
Work is counted in combo-bars (combinations times bars), so that runs over other stretches can be compared.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from swarmd.state.records.record import Ratio, Record, Shape
from swarmd.state.units import SECOND, Millis

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0.0)]


class Conditions(Shape):
    """How the machine fared while a run evaluated; None where the kernel does not say, for unknown is not zero.

    ``steal`` is the share of processor time that the hypervisor kept for others, ``others`` the share of the machine's
    processors that other processes used, ``pressure`` the share of the time in which somebody waited for a processor,
    ``load`` the load average at the end. ``runqueue_wait`` is how long the run's threads, added up, waited for a
    processor; ``quota_wait`` how long its control group was held back. ``throttles`` counts thermal throttling;
    ``frequency`` is the clock rate at the end as a share of the highest. ``major_faults`` counts pages fetched from
    disk, ``compiled`` the kernels compiled between the start of the process and the evaluation, ``compiled_meanwhile``
    those compiled during it.
    """

    steal: Ratio | None = None
    others: Ratio | None = None
    pressure: Ratio | None = None
    load: float | None = None
    runqueue_wait: Millis | None = None
    quota_wait: Millis | None = None
    throttles: Count | None = None
    frequency: float | None = None
    major_faults: Count = 0
    compiled: Count = 0
    compiled_meanwhile: Count = 0


class Speed(Shape):
    """What was computed, on what, and the seconds that the evaluation alone took, preparation and ranking left out.

    ``machine`` is the processor's model and the number of cores, ``kernel`` the digest of the kernels' sources,
    ``space`` that of the searched ranges and the interval. ``library`` and ``code`` tell what else may differ from the
    run that holds the record.
    """

    machine: str
    kernel: str
    strategy: str
    direction: str
    engine: str
    threads: Annotated[int, Field(ge=1)]
    space: str
    symbol: str
    combos: Count
    bars: Count
    cpu_seconds: Seconds
    wall_seconds: Seconds
    library: str
    code: str
    conditions: Conditions

    @property
    def work(self) -> str:
        """What two runs must share to be compared: machine, kernel and question, all that a combo-bar's cost hangs on.

        Without the space a search over fast lines only, which cross more often, would look like a slow machine.
        """
        return ".".join(
            (self.machine, self.kernel, self.strategy, self.direction, self.engine, f"t{self.threads}", self.space)
        )

    @property
    def size(self) -> int:
        """The number of combinations, rounded down to a power of two.

        Many combinations share more than few: a run is held to the records of its own size and of smaller ones.
        """
        return 1 << (self.combos.bit_length() - 1) if self.combos else 0

    @property
    def combo_bars(self) -> int:
        return self.combos * self.bars

    @property
    def per_cpu(self) -> float:
        """Combo-bars per processor second."""
        return self.combo_bars / self.cpu_seconds if self.cpu_seconds > 0 else 0.0

    @property
    def per_thread(self) -> float:
        """Combo-bars per second of the clock and thread."""
        seconds = self.wall_seconds * self.threads
        return self.combo_bars / seconds if seconds > 0 else 0.0

    def is_enough(self, least: Millis) -> bool:
        """Whether it computed long enough to tell anything; a GPU's work is not seen in processor time."""
        seconds = self.cpu_seconds if self.engine == "cpu" else self.wall_seconds
        return seconds * SECOND >= least


class Mark(Shape):
    """The best so far: combo-bars per processor second and per second and thread, and whose they are."""

    per_cpu: float
    per_thread: float
    run: str
    symbol: str
    library: str
    code: str


class Throughput(Record):
    """What one prescreen achieved; ``id`` is the run's. ``mark`` is the record as it stood before, None for a first."""

    KIND: ClassVar[str] = "throughput"

    job: str
    attempt: int
    speed: Speed
    against: str = ""
    mark: Mark | None = None


class Fastest(Record):
    """This machine's own record of one kind of work; ``id`` is ``<work>.c<size>``.

    Kept across campaigns; a later kernel or another machine begins its own.
    """

    KIND: ClassVar[str] = "fastest"

    work: str
    size: int
    mark: Mark


def fastest_id(speed: Speed) -> str:
    return f"{speed.work}.c{speed.size}"
