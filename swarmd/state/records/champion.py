"""The strategy in force for a niche, as its file says."""

from typing import ClassVar

from swarmd.state.records.record import Record


class Champion(Record):
    """``id`` is ``<SYMBOL>_<timeframe>``; ``path`` is relative to the home; ``checksum`` that of the file's content."""

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
