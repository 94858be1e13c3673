"""Parity: do a script's trades, run by somebody else's program, equal the engine's on the same bars?

Pure: trades of both sides in, figures and words out. Trades are matched by entry bar and side, so one that differs does
not make all that follow it differ. Legs of one entry are one round trip, its exit price their mean by quantity.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from swarmd.engine.export.pine_parts import CAPITAL
from swarmd.engine.kernel.trades import Trades
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import utc_text

TOLERANCE = 1e-8
_TOLD = 10
# Why a trade differs, where it can be told; what a broker emulator cannot be given is no fault of the script.
TIE = "stop and target in one bar: the emulator's path reaches the target first, the engine takes the stop"
ENTRY_BAR = "left on its entry bar, where a level in percent is measured from the close before"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One position from open to close; instants are open times of bars (ms UTC), exits None while it is open."""

    entry_ms: int
    side: int
    entry_price: float
    exit_ms: int | None
    exit_price: float | None
    profit: float
    reason: str
    # How what was left of it went, in its last bar.
    last_reasons: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        side = "long" if self.side > 0 else "short"
        left = "still open" if self.exit_ms is None else f"to {utc_text(self.exit_ms)} at {self.exit_price!r}"
        return f"{side} from {utc_text(self.entry_ms)} at {self.entry_price!r} {left} ({self.reason})"


@dataclass(frozen=True, slots=True)
class Difference:
    """`kind` is a reason that is known, or says in which field the two differ."""

    kind: str
    told: str


def trips_of_engine(bars: Bars, trades: Trades) -> list[RoundTrip]:
    """What the end of the data closed is open: no chart closes it there."""
    times = bars.open_time
    return [
        RoundTrip(
            entry_ms=int(times[trades.entry_bar[i]]),
            side=int(trades.side[i]),
            entry_price=float(trades.entry_price[i]),
            exit_ms=None if reason == "end_of_data" else int(times[trades.exit_bar[i]]),
            exit_price=None if reason == "end_of_data" else float(trades.exit_price[i]),
            profit=float(trades.pnl[i]) * CAPITAL,
            reason=reason,
        )
        for i, reason in enumerate(trades.exit_reason)
    ]


def trips_of_script(answer: Mapping[str, Any]) -> list[RoundTrip]:
    """The executor's rows, one a leg, joined by entry."""
    legs: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for row in [*answer["closed"], *answer["open"]]:
        legs.setdefault((int(row["entry_time"]), 1 if row["size"] > 0 else -1), []).append(row)
    return [_joined(entry_ms, side, rows) for (entry_ms, side), rows in sorted(legs.items())]


def _joined(entry_ms: int, side: int, rows: list[Mapping[str, Any]]) -> RoundTrip:
    is_open = any(row["exit_time"] is None for row in rows)
    exit_ms = None if is_open else max(int(row["exit_time"]) for row in rows)
    size = math.fsum(abs(row["size"]) for row in rows)
    paid = None if is_open else math.fsum(abs(row["size"]) * row["exit_price"] for row in rows) / size
    return RoundTrip(
        entry_ms=entry_ms,
        side=side,
        entry_price=float(rows[0]["entry_price"]),
        exit_ms=exit_ms,
        exit_price=paid,
        profit=math.fsum(row["profit"] or 0.0 for row in rows),
        reason=", ".join(str(row["exit"]) for row in rows if row["exit_time"] is not None) or "-",
        last_reasons=tuple(str(row["exit"]) for row in rows if row["exit_time"] == exit_ms),
    )


def compared(ours: Iterable[RoundTrip], theirs: Iterable[RoundTrip]) -> dict[str, Any]:
    """The figures of a parity file; a trade is equal when both bars are and both prices to 1e-8."""
    mine = {(trip.entry_ms, trip.side): trip for trip in ours}
    others = {(trip.entry_ms, trip.side): trip for trip in theirs}
    pairs = [(mine.get(key), others.get(key)) for key in sorted(mine.keys() | others.keys())]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    differences = [found for a, b in pairs if (found := difference(a, b)) is not None]
    closed = [(a, b) for a, b in both if a.exit_ms is not None and b.exit_ms is not None]
    apart = [abs(a.entry_price - b.entry_price) for a, b in both]
    apart += [
        abs(a.exit_price - b.exit_price) for a, b in closed if a.exit_price is not None and b.exit_price is not None
    ]
    engine, script = math.fsum(a.profit for a, _ in closed), math.fsum(b.profit for _, b in closed)
    kinds = [each.kind for each in differences]
    return {
        "trades": len(pairs),
        "equal": len(pairs) - len(differences),
        "entry_bar_equal": len(both),
        "exit_bar_equal": sum(a.exit_ms == b.exit_ms for a, b in both),
        "max_price_difference": max(apart, default=0.0),
        "net_profit": {"capital": CAPITAL, "engine": engine, "script": script, "difference": script - engine},
        "differences_by_kind": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        "first_differences": [each.told for each in differences[:_TOLD]],
    }


def difference(ours: RoundTrip | None, theirs: RoundTrip | None) -> Difference | None:
    """None where the two are equal."""
    if theirs is None or ours is None:
        trip, where = (ours, "engine") if theirs is None else (theirs, "script")
        return Difference(f"only the {where} has it", f"only the {where} has it: {'' if trip is None else trip.told}")
    found: list[str] = []
    if not _is_near(ours.entry_price, theirs.entry_price):
        found.append("entry price")
    if ours.exit_ms != theirs.exit_ms:
        found.append("exit bar")
    if not _is_near(ours.exit_price, theirs.exit_price):
        found.append("exit price")
    if not found:
        return None
    kind = _known_reason(ours, theirs, found) or " and ".join(found)
    return Difference(kind, f"{kind}: engine {ours.told}; script {theirs.told}")


def _known_reason(ours: RoundTrip, theirs: RoundTrip, found: list[str]) -> str | None:
    if ours.exit_price is None or theirs.exit_price is None or "entry price" in found:
        return None
    is_tie = ours.reason == "stop" and any(reason.startswith("target") for reason in theirs.last_reasons)
    if ours.exit_ms == theirs.exit_ms and is_tie:
        return TIE
    is_near = abs(ours.exit_price - theirs.exit_price) <= 1e-3 * ours.entry_price
    if found == ["exit price"] and ours.exit_ms == ours.entry_ms and ours.reason == theirs.reason and is_near:
        return ENTRY_BAR
    return None


def _is_near(a: float | None, b: float | None) -> bool:
    """To 1e-8 of the price, and of nothing larger where the price is above 1."""
    if a is None or b is None:
        return a is b
    return abs(a - b) <= TOLERANCE * min(1.0, abs(a))
