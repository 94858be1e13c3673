#!/usr/bin/env python3
"""docs/decisions.md: the decisions by number, with what each was about."""

import re
from pathlib import Path

ADR = Path(__file__).resolve().parent.parent / "docs" / "adr"

HEAD = """\
# Decisions

Made by `scripts/make_reference` from `docs/adr`. One page each: the situation, the choice, what it costs, what was
tried instead. Who wants to change one of these finds there what it was for.

| | decision | where it began |
|---|---|---|
"""


def decisions_page() -> str:
    rows = []
    for path in sorted(ADR.glob("[0-9]*.md")):
        text = path.read_text()
        number, _, title = text.splitlines()[0].removeprefix("# ").partition(" · ")
        begun = re.search(r"\*\*Situation\.\*\*\s+(.+?[.?!])(?=\s|$)", " ".join(text.split()))
        rows.append(f"| {number} | [{title}](adr/{path.name}) | {begun[1] if begun else ''} |")
    return HEAD + "\n".join(rows) + "\n"
