"""Where a campaign's lanes live: on this machine, or on the nodes of a cluster, and what those cost.

A part of the campaign's settings and none of its question: the same file on another backend gives the same answer.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from swarmd.state.records.node import NodeName
from swarmd.state.records.record import Shape

Price = Annotated[float, Field(ge=0)]


class NodeSettings(Shape):
    """``name`` is the node's as the cluster knows it; ``cost_per_hour`` is what it costs, in the budget's currency."""

    name: NodeName
    cost_per_hour: Price


class BackendSettings(Shape):
    """``kind`` is what starts a run: processes of this machine, or a Ray cluster whose head is at ``address``.

    ``lane_cpus`` is how many processors of a node a lane asks for. ``lane_gpus`` is how many graphics processors, or
    what share of one, a lane asks for that computes on them. ``lane_vram_gb`` is how much of their memory it asks for.
    ``cost_per_hour`` is what every node costs that is not listed in ``nodes`` and does not tell its own price.
    """

    kind: Literal["local", "ray"] = "local"
    address: str = ""
    lane_cpus: Annotated[float, Field(gt=0, le=1024)] = 1.0
    lane_gpus: Annotated[float, Field(gt=0, le=64)] = 1.0
    lane_vram_gb: Annotated[float, Field(ge=0)] = 0.0
    cost_per_hour: Price | None = None
    nodes: tuple[NodeSettings, ...] = ()

    @field_validator("nodes")
    @classmethod
    def _each_once(cls, nodes: tuple[NodeSettings, ...]) -> tuple[NodeSettings, ...]:
        names = [node.name for node in nodes]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice} is listed twice; give each node one price")
        return nodes

    @property
    def is_priced(self) -> bool:
        return self.cost_per_hour is not None or bool(self.nodes)


def _word(value: Any) -> Any:
    """``backend: ray`` says the kind alone."""
    return {"kind": value} if isinstance(value, str) else value


Backend = Annotated[BackendSettings, BeforeValidator(_word)]
