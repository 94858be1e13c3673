"""The few pieces of Markdown the pages are made of. Values in, text out.

Whatever was not written by us (a cause out of a log, a name out of a file) passes through ``plain`` or ``code``: it is
shown as it is and can neither format the page nor become HTML in it.
"""

import re
from collections.abc import Iterable, Sequence

from swarmd.state.records.result import Figure

# What would begin something in a line: emphasis, code, a link, a tag, an entity, and an escape of any of these.
_SPECIAL = re.compile(r"\\(?=[!-/:-@\[-`{-~])|[*`\[\]~]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
# Controls, and what turns the direction of reading or shows nothing.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LONG = 600


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> str:
    """A table with its ``numbers`` columns set to the right. Cells are Markdown: see ``plain`` for foreign text."""
    right = set(numbers)
    rule = ["---:" if name in right else "---" for name in head]
    lines = [head, rule, *([cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(text: str) -> str:
    """One line, and no bar that would end the cell."""
    return " ".join(text.split()).replace("|", "\\|") or "–"


def plain(text: str, most: int = _LONG) -> str:
    """Foreign text as text: one line, nothing in it formats or links, and not longer than anybody reads."""
    line = one_line(text)
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", line if len(line) <= most else f"{line[: most - 1]}…")


def code(text: str) -> str:
    """A code span that holds any text, in a fence longer than any it contains."""
    line = one_line(text)
    longest = max((len(ticks) for ticks in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else "``` ```"


def one_line(text: str) -> str:
    return " ".join(_UNSEEN.sub("", " ".join(text.split())).split())


def fenced(text: str, language: str = "text") -> str:
    """Output as it was, in a fence longer than any it contains."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    kept = "\n".join(_UNSEEN.sub("", line) for line in text.rstrip().split("\n"))
    return f"{fence}{language}\n{kept}\n{fence}"


def figure(value: Figure, digits: int = 2) -> str:
    """A figure for people; a dash where there is none. Whole numbers are written in full, with separators."""
    if value is None or isinstance(value, bool | str):
        return "–" if value is None else plain(str(value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def p_value(value: Figure) -> str:
    """``0.05``, ``6.4e-05``: two significant digits, since 0.00 would be said of any small one."""
    return f"{value:.2g}" if isinstance(value, int | float) and not isinstance(value, bool) else "–"
