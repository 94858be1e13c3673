"""Instants as a person types them after --start and --end."""

from swarmd.state.units import Millis, millis_of_iso


def instant_of(text: str | None, *, flag: str) -> Millis | None:
    """Milliseconds UTC of a day or an ISO instant; without a zone it is UTC. ValueError names the flag."""
    if text is None:
        return None
    try:
        return millis_of_iso(text)
    except (ValueError, OverflowError) as fault:
        raise ValueError(f"{flag}: {text!r} is no day or ISO instant; write 2023-01-01 or 2023-01-01T12:00Z") from fault
