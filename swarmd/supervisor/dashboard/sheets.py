"""A table as a file for a spreadsheet: the same rows in the same order as the page shows, in one piece.

Pure. Bounded, for it is made beside the stream that all pages follow.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

import orjson

Row = dict[str, Any]

ROWS_MAX = 10_000
# With one of these in front a spreadsheet takes a text for a formula, and would run what a name or a log line says.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(rows: Sequence[Row]) -> str:
    """Comma-separated with a head, every column that any row has; what is no plain value is told as JSON."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
