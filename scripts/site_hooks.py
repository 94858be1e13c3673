#!/usr/bin/env python3
"""What mkdocs is told besides mkdocs.yml: a lifecycle becomes a table of its moves.

GitHub draws the mermaid of docs/records.md; mkdocs-material would fetch mermaid from another host to do so, and the
site asks for nothing from elsewhere. A table says the same, is found by the search, and fits a phone.
"""

import re
from typing import Any

_LIFECYCLE = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MOVE = re.compile(r"^\s*(\S+) --> (\S+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    return _LIFECYCLE.sub(lambda drawn: _table(drawn[1]), markdown)


def _table(drawn: str) -> str:
    """First column in the order of the drawing; the one it begins with first."""
    moves: dict[str, list[str]] = {}
    for before, after in _MOVE.findall(drawn):
        moves.setdefault(before, []).append(after)
    begins = moves.pop("[*]")
    lines = ['<div class="moves" markdown>', "", "| from | it may become |", "|---|---|"]
    for before, afters in moves.items():
        first = " (begins so)" if before in begins else ""
        told = [f"`{after}`" for after in afters if after != "[*]"] + ["*it is over*"] * ("[*]" in afters)
        lines.append(f"| `{before}`{first} | {' · '.join(told)} |")
    return "\n".join([*lines, "", "</div>"])
