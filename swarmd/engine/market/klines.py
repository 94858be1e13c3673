"""Klines: columns as a file or an exchange gives them, unchecked; they become `Bars` only by way of the checks.

The formats make them, the checks read them. A series may come in several files, one after the other in time; each row
still knows the file it stands in. Nothing here judges or repairs a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.timeframes import utc_text

PRICE_COLUMNS = ("open", "high", "low", "close")
VALUE_COLUMNS = (*PRICE_COLUMNS, "volume")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a series of several: its name, and the row of the whole series that is its first."""

    source: str
    start: int


@dataclass(frozen=True, slots=True, eq=False)
class Klines:
    """Unchecked columns of one length and where they came from; `first_row` is the series' row of element 0.

    `pieces` are the files of a series of several, in order; empty where `source` is the one file.
    """

    source: str
    symbol: str
    open_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    first_row: int = 0
    pieces: tuple[Piece, ...] = ()

    @property
    def n_rows(self) -> int:
        return int(self.open_time.shape[0])

    def column(self, name: str) -> FloatArray:
        """One of the value columns by its name."""
        values: FloatArray = getattr(self, name)
        return values

    def file_row(self, row: int) -> tuple[str, int]:
        """The file in which element `row` stands, and its data row there, counted from 0."""
        in_series = self.first_row + row
        piece = next((piece for piece in reversed(self.pieces) if piece.start <= in_series), None)
        return (self.source, in_series) if piece is None else (piece.source, in_series - piece.start)

    def place(self, row: int) -> str:
        """Where element `row` stands, for a person: file, data row counted from 0, and open time."""
        file, in_file = self.file_row(row)
        return f"{file}: row {in_file} ({utc_text(int(self.open_time[row]))})"

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
            pieces=self.pieces,
        )


def joined(parts: Sequence[Klines], *, source: str, symbol: str) -> Klines:
    """The klines of several files as one series, in the order of their first open times; rows stay as they stand."""
    # Of two files with the same first open time the shorter comes first: the overlap is told of the longer one.
    ordered = sorted(parts, key=lambda part: (int(part.open_time.min()), part.n_rows, part.source))
    starts = np.cumsum([0, *(part.n_rows for part in ordered[:-1])])
    return Klines(
        source=source,
        symbol=symbol,
        open_time=np.concatenate([part.open_time for part in ordered]),
        open=np.concatenate([part.open for part in ordered]),
        high=np.concatenate([part.high for part in ordered]),
        low=np.concatenate([part.low for part in ordered]),
        close=np.concatenate([part.close for part in ordered]),
        volume=np.concatenate([part.volume for part in ordered]),
        pieces=tuple(Piece(part.source, int(start)) for part, start in zip(ordered, starts, strict=True)),
    )
