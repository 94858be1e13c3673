"""What every record has: an identity, an instant, and the ids of what caused it.

A later record with the same kind and id replaces the earlier one in the View; the journal keeps both.
"""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from swarmd.state.units import Millis

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]


class Shape(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Record(Shape):
    """One line of the journal. ``id`` names the thing, ``at`` the instant on the swarm's steady axis."""

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1

    id: str
    at: Millis
    caused_by: tuple[str, ...] = ()
