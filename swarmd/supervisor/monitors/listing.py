"""What a monitor with keys shows: a few lines at the top, and below them rows one can walk through, sort and filter.

Pure, and plain text with styles: each monitor makes one of its own reading, ``app`` draws it, and nothing here knows
how. A row keeps its ``key`` from look to look, so that the cursor stays where it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from swarmd.state.units import DAY, HOUR, MINUTE, SECOND, Millis

GAP: Final = 2
_BAR = "━"
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))

Figure = float | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """``width`` in cells, 0 for the one that takes what is left, and wants ``at_least`` so much. On a narrow terminal
    the column of the highest ``rank`` goes first; rank 0 stays. Names that differ at their end keep it when cut."""

    name: str
    width: int = 0
    rank: int = 0
    is_right: bool = False
    at_least: int = 24
    keeps_end: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """``figures`` are what each column is sorted by, the cell itself where there is none.

    ``about`` is what ``swarmd explain`` knows it by, ``path`` a file whose end tells more; both may be empty.
    """

    key: str
    cells: tuple[str, ...]
    figures: tuple[Figure, ...] = ()
    about: str = ""
    path: str = ""
    style: str = ""

    def figure(self, column: int) -> Figure:
        return self.figures[column] if column < len(self.figures) else self.cells[column]


@dataclass(frozen=True, slots=True)
class Listing:
    """``empty`` is said where there is no row. ``foot`` is cut to a line each, the oldest left out first."""

    head: tuple[Text, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str
    foot: tuple[Text, ...] = ()


def fitted(listing: Listing, width: int) -> list[tuple[int, int]]:
    """Which columns fit side by side, by index, and how wide each is. What no row says anything in is left out."""
    columns = listing.columns
    kept = [at for at, column in enumerate(columns) if not column.rank or any(row.cells[at] for row in listing.rows)]
    wanted = max(column.at_least for column in columns if not column.width)
    while _left(columns, kept, width) < wanted:
        last = max(kept, key=lambda index: columns[index].rank)
        if columns[last].rank == 0:
            break
        kept.remove(last)
    left = max(8, _left(columns, kept, width))
    return [(index, columns[index].width or left) for index in kept]


def _left(columns: Sequence[Column], kept: Sequence[int], width: int) -> int:
    return width - sum(columns[index].width + GAP for index in kept)


def matching(rows: Iterable[Row], words: str) -> list[Row]:
    """Rows that have every word somewhere, in whatever case."""
    wanted = words.lower().split()
    return [row for row in rows if all(word in " ".join(row.cells).lower() for word in wanted)]


def in_order(rows: Iterable[Row], column: int, *, is_falling: bool) -> list[Row]:
    """By a column: figures before words, and what has neither always last. Stable."""
    told = [row for row in rows if row.figure(column) not in (None, "")]
    silent = [row for row in rows if row.figure(column) in (None, "")]
    return [*sorted(told, key=lambda row: _rank(row.figure(column)), reverse=is_falling), *silent]


def _rank(figure: Figure) -> tuple[int, float, str]:
    return (1, 0.0, figure.lower()) if isinstance(figure, str) else (0, figure or 0.0, "")


def age(duration: Millis) -> str:
    """In its largest unit: ``now``, ``45 s``, ``4 min``, ``2 h``, ``3 d``. What only blinks is not worth drawing."""
    if duration < SECOND:
        return "now"
    unit, name = next((unit, name) for unit, name in _UNITS if duration >= unit)
    return f"{duration // unit} {name}"


def bar(share: float, width: int) -> str:
    """``━━━━━─────``: a share between 0 and 1."""
    filled = round(min(1.0, max(0.0, share)) * width)
    return _BAR * filled + "─" * (width - filled)


def cut(text: str, width: int, *, keeps_end: bool = False) -> str:
    """In so many cells, with an ellipsis where something is left out."""
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    return "…" + line[len(line) - max(0, width - 1) :] if keeps_end else line[: max(0, width - 1)] + "…"
