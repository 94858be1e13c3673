"""The few words of an entry that show why it was found, with the matches marked; made here, the same for each backend.

The window with the most different words of the question wins, the earlier of equals. Line breaks become blanks and
control characters vanish, so that nothing a document holds can move a terminal's cursor or ring its bell.
"""

import re

from swarmd.state.knowledge.entry import Piece
from swarmd.state.knowledge.words import TOKEN, forms

WIDTH = 200
_LOOKED_AT = 50_000
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff]+")
_OBEYED = re.compile("[\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069]")
# A whole sequence goes, not only its escape: what is left of `ESC[31m` would be read as text.
_ESCAPE = re.compile(
    "\\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?|[ -/]*[0-~])|\\x9b[0-?]*[ -/]*[@-~]"
)


def plain(text: str) -> str:
    """One line, safe to print: no escape sequences, no control characters, nothing that turns the writing direction."""
    return _CONTROL.sub(" ", _ESCAPE.sub("", text)).strip()


def plain_lines(text: str) -> str:
    """As ``plain``, the lines kept."""
    return "\n".join(_CONTROL.sub(" ", line.expandtabs(4)).rstrip() for line in _ESCAPE.sub("", text).split("\n"))


def harmless_json(document: str) -> str:
    """The same JSON with escapes for what a terminal would obey; only within strings can such characters stand."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def snippet(text: str, wanted: frozenset[str], width: int = WIDTH) -> tuple[Piece, ...]:
    """Some ``width`` characters of the text around the words that were asked for; its beginning where none stands."""
    line = " ".join(plain(text[:_LOOKED_AT]).split())
    spots = [(m.start(), m.end(), hit) for m in TOKEN.finditer(line) if (hit := wanted.intersection(forms(m[0])))]
    start, end = _window(line, spots, width)
    pieces = [Piece("… ")] if start else []
    at = start
    for begin, stop, _ in spots:
        if begin < start or stop > end:
            continue
        if begin > at:
            pieces.append(Piece(line[at:begin]))
        pieces.append(Piece(line[begin:stop], is_match=True))
        at = stop
    if at < end:
        pieces.append(Piece(line[at:end]))
    return (*pieces, Piece(" …")) if end < len(line) else tuple(pieces)


def _window(line: str, spots: list[tuple[int, int, frozenset[str]]], width: int) -> tuple[int, int]:
    if len(line) <= width:
        return 0, len(line)
    best, start = 0, 0
    for first, (begin, _, _) in enumerate(spots[:500]):
        different: set[str] = set()
        for _, stop, hit in spots[first : first + 50]:
            if stop > begin + width:
                break
            different |= hit
        if len(different) > best:
            best, start = len(different), begin
    # A little before the first match, at the beginning of a word.
    start = max(0, min(start - width // 5, len(line) - width))
    start = line.find(" ", start) + 1 if start else 0
    end = min(len(line), start + width)
    if end < len(line):
        end = max(line.rfind(" ", start, end), start + width // 2)
    # A match is shown whole or not at all.
    return start, max([end, *(stop for begin, stop, _ in spots if start <= begin < end)])
