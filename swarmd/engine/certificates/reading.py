"""How a document is read that may lack a part, have nothing where a figure should be, or have been edited by hand.

Called by everything in this package. A part that is not there is empty, a figure that is none is None; nothing raises.
What follows from an absence (a sentence that says so) is the page's business.
"""

import math
from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
_EMPTY: Document = {}
# Beyond this a number is no price, return, count or time of ours; an axis would overflow.
_LARGEST = 1e15


def part(document: Any, *path: str) -> Document:
    """The mapping at the end of the path, or an empty one."""
    found = value(document, *path)
    return found if isinstance(found, Mapping) else _EMPTY


def value(document: Any, *path: str) -> Any:
    """What is at the end of the path; None where the path ends before."""
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def number(document: Any, *path: str) -> float | None:
    """The finite number at the end of the path; truth values are none."""
    found = value(document, *path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    if not -_LARGEST <= found <= _LARGEST or math.isnan(found):
        return None
    return float(found)


def words(document: Any, *path: str) -> str | None:
    """The text at the end of the path, where there is one."""
    found = value(document, *path)
    return found if isinstance(found, str) and found.strip() else None


def rows(document: Any, *path: str) -> list[Document]:
    """The mappings of the list at the end of the path."""
    return [each for each in entries(document, *path) if isinstance(each, Mapping)]


def entries(document: Any, *path: str) -> list[Any]:
    """The list at the end of the path, or an empty one."""
    found = value(document, *path)
    return list(found) if isinstance(found, list | tuple) else []


def numbers(document: Any, *path: str) -> list[float | None]:
    """The list at the end of the path, each entry a number or None."""
    return [number(each) for each in entries(document, *path)]


def why_absent(document: Any, *path: str) -> str:
    """Why a part is not there, in the document's own words where it has some."""
    found = value(document, *path)
    for name in ("undefined_because", "not_asked_because"):
        if (reason := words(found, name)) is not None:
            return reason
    return f"the document has no {' '.join(path).replace('_', ' ')}"
