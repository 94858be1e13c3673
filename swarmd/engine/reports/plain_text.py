"""Markdown that stays readable in a terminal, and text of others that stays text in it.

What a document holds is escaped so that no reader of Markdown takes it for markup: no tag, no link, no table's bar, no
heading; control characters and marks of writing direction, which could turn a line around, become `?`.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from swarmd.engine.certificates.figures import printable

_LIVE = re.compile(r"[\\`*\[\]<|~&$]|(?<!\w)_|_(?!\w)|(?<=\w):(?=//)")
_BARS = " ▁▂▃▄▅▆▇█"
_OPENS = re.compile(r"^(\s*)([#+=>-]|\d+[.)])")


def safe(words: object) -> str:
    """Words of others as one line of Markdown that shows them as they are."""
    told = printable(str(words)).replace("\n", " ")
    return _OPENS.sub(r"\1\\\2", _LIVE.sub(lambda found: f"\\{found[0]}", told))


def code(words: object) -> str:
    """Words of others as code: nothing in it is read, and no tick within ends it."""
    told = printable(str(words)).replace("\n", " ").replace("`", "'").replace("|", "¦")
    return f"`{told}`" if told.strip() else "-"


def block(words: str) -> list[str]:
    """Lines of others as an indented block, which no fence within can end."""
    return [f"    {printable(line)}" for line in words.splitlines()]


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """Columns in line, the first to the left, the others to the right; cells are Markdown already."""
    rows = [list(head), *(list(line) for line in lines)]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip_longest(*rows, fillvalue="")]

    def told(row: Sequence[str]) -> str:
        cells = [
            f"{cell:<{width}}" if at == 0 else f"{cell:>{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = "|".join("-" * (width + 1) + ("-" if at == 0 else ":") for at, width in enumerate(widths))
    return [told(rows[0]), f"|{rule}|", *(told(row) for row in rows[1:])]


def spark(values: Sequence[float], width: int = 72) -> str:
    """A line of blocks, each the last value of its piece, between the lowest and the highest."""
    if not values:
        return ""
    kept = [values[min(len(values) - 1, (at + 1) * len(values) // width - 1)] for at in range(min(width, len(values)))]
    low, high = min(kept), max(kept)
    span = (high - low) or 1.0
    return "".join(_BARS[1 + int((value - low) / span * (len(_BARS) - 2) + 0.5)] for value in kept)
