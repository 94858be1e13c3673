"""Counting for people: one run, two runs."""


def several(number: int, noun: str, plural: str = "") -> str:
    """``0 runs``, ``1 run``, ``2,000 runs``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
