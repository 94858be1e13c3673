"""The few pieces of Markdown the pages are made of: a table, a cell, a block of output. Values in, text out."""

import re
from collections.abc import Iterable, Sequence

from swarmd.state.records.result import Figure


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> str:
    """A table with its ``numbers`` columns set to the right."""
    right = set(numbers)
    rule = ["---:" if name in right else "---" for name in head]
    lines = [head, rule, *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """One line, and no bar that would end the cell."""
    return " ".join(text.split()).replace("|", "\\|") or "–"


def fenced(text: str) -> str:
    """Output as it was, in a fence longer than any it contains."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def figure(value: Figure, digits: int = 2) -> str:
    """A figure for people; a dash where there is none. Whole numbers are written in full, with separators."""
    if value is None or isinstance(value, bool | str):
        return "–" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
