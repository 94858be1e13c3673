"""Assets that climb together: who is compared with whom at a rung of the search, and whom one still waits for.

Told by the campaign's file alone, so that nothing hangs on who was done first. Plain values in and out: the rule that
decides (agents) and the commands that tell of it (``query``, ``explain``) ask the same functions, the latter without
loading a record.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def cohorts(symbols: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Consecutive groups of ``size`` in the order of the tiers; the last may be smaller."""
    return [tuple(symbols[first : first + size]) for first in range(0, len(symbols), size)]


def waited_for(members: Sequence[str], is_settled: Callable[[str], bool]) -> tuple[str, ...]:
    """Those of the cohort whose rung has no end yet."""
    return tuple(symbol for symbol in members if not is_settled(symbol))


def held_words(trials: int, symbols: Sequence[str]) -> str:
    """``held: waits for rung 50 of ETHUSDT, SOLUSDT``; of a long list the first few."""
    more = f" and {len(symbols) - 6} more" if len(symbols) > 6 else ""
    return f"held: waits for rung {trials} of {', '.join(symbols[:6])}{more}"


def held_because(job: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """Why the cohort holds a job, from plain rows of its campaign; empty where it does not."""
    if job["status"] != "queued" or job["attempt"] or len(job["after"]) != 1:
        return ""
    rung = jobs.get(job["after"][0])
    if rung is None or rung.get("trials") is None or rung["status"] != "done":
        return ""
    head, tail = rung["id"].split(f".{rung['symbol']}.", 1)
    assets = settings["assets"]
    symbols = [symbol for tier in assets["tiers"].values() for symbol in tier]
    members = next((group for group in cohorts(symbols, assets["batch_size"]) if job["symbol"] in group), ())

    def is_settled(symbol: str) -> bool:
        of_member = jobs.get(f"{head}.{symbol}.{tail}")
        return of_member is not None and of_member["status"] != "queued"

    waits = waited_for(members, is_settled)
    return held_words(rung["trials"], waits) if waits else ""
