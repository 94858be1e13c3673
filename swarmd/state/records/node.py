"""A machine of the cluster as its backend last told of it: whether it answers, what it has, how busy it is.

A swarm on one machine has none: its lanes and runs bear the empty name, and every figure is the host's.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from swarmd.state.records.record import Ratio, Record, Shape
from swarmd.state.units import Millis

# No longer than a name of the network can be, and nothing that a path, a lane's name or a page would misread.
NodeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]


class NodeGpu(Shape):
    """One graphics processor of a node, by its number there. Figures that it does not tell are None."""

    index: int
    name: str = ""
    util: Ratio | None = None
    mem_used: int | None = None
    mem_total: int | None = None


class Node(Record):
    """``id`` is the name that stays when the machine comes back; ``life`` is the backend's word for this time of it.

    ``is_alive`` says whether it counts as there; ``trouble`` is why it does not, or while it does, why it is not heard
    as it should be: late beats of its runs are then the network's. ``since`` is when it came to that; ``life_since`` is
    when this ``life`` of it began, and what ran in the one before is gone. ``lent`` is how long it was there in this
    session, up to this record. ``name`` is for people, ``address`` where it is reached.
    ``cpus`` and ``gpus`` are what it lends to lanes, in whole or parts, ``vram_gb`` the gigabytes of its graphics
    processors (None: from before it was asked); ``devices`` are those that NVML tells of there. ``memory_bytes`` is all
    it has, ``cpu_util`` a fraction of its processors, ``mem_used_bytes`` what everybody there holds; the last two are
    None where nobody told.
    ``seen_at`` is when it was last heard. ``price_per_hour`` is in the campaign's currency; None: the campaign's own
    word for it counts.
    """

    KIND: ClassVar[str] = "node"

    id: NodeName
    name: str
    address: str
    is_alive: bool
    since: Millis
    seen_at: Millis
    life_since: Millis = 0
    lent: Millis = 0
    cpus: Annotated[float, Field(ge=0)]
    gpus: Annotated[float, Field(ge=0)] = 0.0
    vram_gb: Annotated[float, Field(ge=0)] | None = None
    memory_bytes: Annotated[int, Field(ge=0)] = 0
    cpu_util: Ratio | None = None
    mem_used_bytes: Annotated[int, Field(ge=0)] | None = None
    devices: tuple[NodeGpu, ...] = ()
    price_per_hour: Annotated[float, Field(ge=0)] | None = None
    life: str = ""
    trouble: str = ""

    @property
    def is_heard(self) -> bool:
        """There, and nothing stands between it and us."""
        return self.is_alive and not self.trouble
