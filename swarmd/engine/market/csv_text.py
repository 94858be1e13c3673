"""CSV: which separator, which decimal sign, and whether the first line names the columns, told from the first lines.

`tables` calls it. Two dialects beside the plain one are known: semicolons (as spreadsheets of half the world write
them, with a decimal comma or point) and the exchanges' dumps without a header, whose twelve columns are always the
same. A file without a header in any other shape is refused: what a nameless column means would be a guess.
"""

from pathlib import Path
from typing import NamedTuple

from swarmd.engine.market.faults import DataError

# Of Binance's klines, spot and futures; the dumps carry no header, or one with these names.
KLINE_COLUMNS = (
    "open_time", "open", "high", "low", "close", "volume",
    "close_time", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip

_SEPARATORS = (",", ";", "\t")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Dialect(NamedTuple):
    """`names` are given where the file itself names none."""

    separator: str
    decimal_point: str
    names: tuple[str, ...] | None


def dialect_of(path: Path, head: bytes) -> Dialect:
    """The dialect of a CSV file, told from its first bytes."""
    lines = [line for line in head.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace").splitlines() if line]
    first = lines[0] if lines else ""
    # Where two separators tie, as in a decimal comma under semicolons, the other sign of the two is inside numbers.
    separator = max(_SEPARATORS, key=lambda sign: (first.count(sign), sign == ";"))
    fields = [field.strip().strip('"') for field in first.split(separator)]
    # A header has no numbers; a row has little else, though its open time may be written as text.
    has_header = 2 * sum(_is_number(field, separator) for field in fields) < len(fields)
    rows = lines[1:-1] or lines[-1:] if has_header else lines[:-1] or lines
    decimal = "," if separator != "," and any("," in row and "." not in row for row in rows) else "."
    return Dialect(separator, decimal, None if has_header else _names(path, fields))


def _names(path: Path, fields: list[str]) -> tuple[str, ...]:
    if len(fields) != len(KLINE_COLUMNS):
        raise DataError(
            f"{path}: no header, and {len(fields)} columns; only the {len(KLINE_COLUMNS)} columns of an exchange's"
            " kline dump are known without one: add a first line such as timestamp,open,high,low,close,volume"
        )
    opened, closed = fields[0], fields[KLINE_COLUMNS.index("close_time")]
    if not (opened.isdigit() and closed.isdigit() and int(closed) > int(opened) and len(opened) == len(closed)):
        raise DataError(
            f"{path}: no header, and columns 1 and 7 of the first line ({opened}, {closed}) are not the open and close"
            " time of a kline dump; add a first line that names the columns"
        )
    return KLINE_COLUMNS


def _is_number(field: str, separator: str) -> bool:
    try:
        float(field.replace(",", ".") if separator != "," else field)
    except ValueError:
        return field == ""
    return True
