"""Quantities and names as a person writes them in a campaign file: durations to ms, sizes to bytes, days to text."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from swarmd.state.units import Millis, millis_of_duration

_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def _duration(value: Any) -> Any:
    return millis_of_duration(value) if isinstance(value, str) else value


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for unit in sorted(_SIZES, key=len, reverse=True):
        if value.endswith(unit):
            return round(float(value.removesuffix(unit)) * _SIZES[unit])
    raise ValueError(f"{value!r} is not a size; write a number and a unit: 512MiB, 5GiB")


def _day(value: Any) -> Any:
    """YAML reads 2023-01-01 as a date; the settings keep ISO text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


Duration = Annotated[Millis, Field(gt=0), BeforeValidator(_duration)]
Size = Annotated[int, Field(ge=0), BeforeValidator(_size)]
Day = Annotated[str, BeforeValidator(_day)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,31}$")]
