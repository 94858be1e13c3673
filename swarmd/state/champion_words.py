"""How a champion stands, in a person's words and in figures: the same on the screen, in pages and in `explain`.

Plain values in, so that `query` and `explain` need no record classes for it.
"""

_ORIGINS = {"crowned": "crowned", "manual": "put in force by hand", "rollback": "put back"}


def standing_in_words(
    status: str, *, origin: str = "crowned", note: str = "", e_value: float | None = None, days: int = 0
) -> str:
    """``in force, put back (fills worse than replayed); e 1.21 after 92 days``."""
    why = f" ({note})" if note else ""
    if status == "in_force":
        told = f"in force, {_ORIGINS.get(origin, origin)}{why}"
    else:
        told = f"{status.replace('_', ' ')}{why}"
    return told if e_value is None else f"{told}; {evidence_in_words(e_value, days)}"


def evidence_in_words(e_value: float | None, days: int) -> str:
    """What the monitor last said; empty where it has said nothing."""
    return "" if e_value is None else f"e {e_value:.3g} after {days} {'day' if days == 1 else 'days'}"
