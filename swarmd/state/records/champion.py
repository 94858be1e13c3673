"""The strategy of a niche, as its file and `champions/changes.jsonl` say: in force, or what became of it."""

from enum import StrEnum
from typing import ClassVar, Literal

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class ChampionStatus(StrEnum):
    """``gone``: its file was taken away and no line says why. ``damaged``: what lies there is no whole champion."""

    IN_FORCE = "in_force"
    DETHRONED = "dethroned"
    GONE = "gone"
    DAMAGED = "damaged"


_ANY = frozenset(ChampionStatus)
CHAMPION_MOVES = Lifecycle({status: _ANY - {status} for status in ChampionStatus})


class Champion(Record):
    """``id`` is ``<SYMBOL>_<timeframe>``; ``path`` is relative to the home; ``checksum`` that of the file's content.

    ``since`` is when it was first seen to stand so, ``note`` says why where there is a why: a person's reason, the
    evidence that dethroned it, what is wrong with the file. ``promise`` is the annual Sharpe ratio that was forecast
    for it; None where nothing was. What the monitor last said: ``e_value`` is the wealth of who bets against the
    promise, ``days`` how many it was weighed by, ``told_at`` when; 0 before it was ever asked. ``pine`` is what lies in
    the home as its script for TradingView: ``exported``, or how its trades compared (``212/212``, ``3 of 212 differ``).
    """

    KIND: ClassVar[str] = "champion"

    symbol: str
    timeframe: str
    strategy: str
    mode: str
    score: float
    annual_sharpe: float
    oos_annual_sharpe: float
    tried: int
    campaign: str
    path: str
    checksum: str
    status: ChampionStatus = ChampionStatus.IN_FORCE
    origin: Literal["crowned", "manual", "rollback"] = "crowned"
    note: str = ""
    since: Millis = 0
    promise: float | None = None
    e_value: float | None = None
    days: int = 0
    told_at: Millis = 0
    pine: str = ""

    @property
    def is_in_force(self) -> bool:
        return self.status is ChampionStatus.IN_FORCE

    @property
    def has_promise(self) -> bool:
        """Whether days can speak against it: nothing falls short of a forecast of 0."""
        return self.is_in_force and self.promise is not None and self.promise > 0.0
