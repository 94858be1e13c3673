"""Notebooks (.ipynb) into a page: Markdown cells as Markdown, code cells as text, outputs cut.

Only the JSON is read. Pictures are left out whatever they are called; of an output's text the beginning stays.
"""

from typing import Any

import orjson

from swarmd.state.knowledge.readers import markdown
from swarmd.state.knowledge.readers.page import Outline, Page

MOST_OUTPUT = 1_000  # characters of one cell's outputs together
MOST_CELLS = 5_000


def read(text: str, name: str) -> Page:
    """The page. Raises ValueError where it is no notebook: not JSON, nested beyond reason, or without cells."""
    try:
        document = orjson.loads(text)
    except (ValueError, RecursionError) as cause:
        raise ValueError(f"no notebook: {cause}") from None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise ValueError("no notebook: it has no list of cells")
    outline = Outline(name)
    for cell in cells[:MOST_CELLS]:
        if not isinstance(cell, dict):
            continue
        source = _text(cell.get("source"))
        match cell.get("cell_type"):
            case "markdown":
                markdown.append(outline, source)
            case "code":
                outline.text(source)
                outline.text(_output(cell.get("outputs")))
    return outline.page


def _text(value: Any) -> str:
    """A string, or a list of them; anything else says nothing."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def _output(outputs: Any) -> str:
    said, left = [], MOST_OUTPUT
    for one in outputs if isinstance(outputs, list) else ():
        if not isinstance(one, dict) or left <= 0:
            continue
        data = one.get("data")
        text = _text(one.get("text")) or (_text(data.get("text/plain")) if isinstance(data, dict) else "")
        said.append(text[:left])
        left -= len(text)
    return "\n".join(said) + (" …" if left < 0 else "")
