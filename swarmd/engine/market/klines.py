"""Klines: columns as a file or an exchange gives them, unchecked; they become `Bars` only by way of the checks.

The formats make them, the checks read them. Nothing here judges or repairs a value.
"""

from dataclasses import dataclass

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.timeframes import utc_text

PRICE_COLUMNS = ("open", "high", "low", "close")
VALUE_COLUMNS = (*PRICE_COLUMNS, "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Klines:
    """Unchecked columns of one length and where they came from; `first_row` is the file's row of element 0."""

    source: str
    symbol: str
    open_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    first_row: int = 0

    @property
    def n_rows(self) -> int:
        return int(self.open_time.shape[0])

    def column(self, name: str) -> FloatArray:
        """One of the value columns by its name."""
        values: FloatArray = getattr(self, name)
        return values

    def place(self, row: int) -> str:
        """Where element `row` stands, for a person: file, data row counted from 0, and open time."""
        return f"{self.source}: row {self.first_row + row} ({utc_text(int(self.open_time[row]))})"

    def rows(self, start: int, stop: int) -> "Klines":
        """The stretch [start, stop), which still knows its rows in the file."""
        return Klines(
            source=self.source,
            symbol=self.symbol,
            open_time=self.open_time[start:stop],
            open=self.open[start:stop],
            high=self.high[start:stop],
            low=self.low[start:stop],
            close=self.close[start:stop],
            volume=self.volume[start:stop],
            first_row=self.first_row + start,
        )
