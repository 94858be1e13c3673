"""What a file says, as entries and links: bytes through the reader of its format, a page through the graph's names.

Pure but for the parsers: `ingest.py` opens files and hands their bytes here. A new format is one file among the
readers and one line in ``READERS``.
"""

import hashlib
import importlib
import posixpath
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from swarmd.state.knowledge.entry import Entry, Link
from swarmd.state.knowledge.readers.page import LONGEST, Page, Section
from swarmd.state.units import Millis

# What becomes of a file may change with this number: then all files are read again.
VERSION = 1
READERS: dict[str, tuple[str, ...]] = {
    "markdown": (".md", ".markdown", ".mdown"),
    "html": (".html", ".htm", ".xhtml"),
    "rest": (".rst", ".rest"),
    "notebook": (".ipynb",),
    "python": (".py", ".pyi"),
    "plain": (".txt", ".text"),
}
# Without an ending these are documents.
_BARE = frozenset(("readme", "license", "copying", "changelog", "authors", "notice", "news", "install"))
STRENGTH = 0.5
MOST_SECTIONS = 5_000
_MOST_LINKS = 60
_MOST_MENTIONS = 20
_SYMBOL = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\b|\b[a-z]+_[a-z_0-9]+\b|\b[A-Z][a-z]+[A-Z]\w*\b")
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\b"))
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Said(NamedTuple):
    """``trouble`` is why the file was read as plain text instead of as what its name promises, if it was."""

    entries: tuple[Entry, ...]
    links: tuple[Link, ...]
    trouble: str = ""


def reader_for(name: str) -> str | None:
    """The reader of a file's name; None where the name promises no document."""
    stem, dot, ending = name.lower().rpartition(".")
    if not dot:
        return "plain" if name.lower() in _BARE else None
    return next((reader for reader, endings in READERS.items() if dot + ending in endings and stem), None)


def is_binary(head: bytes) -> bool:
    """By its first thousands of bytes: a NUL (but for UTF-16), or too much that is no text in any encoding of ours."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if b"\0" in head:
        return True
    odd = len(head) - len(head.translate(None, _CONTROL))
    wrong = head.decode(errors="replace").count("\N{REPLACEMENT CHARACTER}")
    return (odd + wrong) * 10 > len(head)


def said(data: bytes, path: str, name: str, reader: str, *, domain: str, at: Millis) -> Said:
    """The entries of one file; ``name`` is its path below the root. Never raises: what is wrong is told beside."""
    text = decoded(data)
    trouble = ""
    try:
        page = _read(reader, text, name)
    except (ValueError, RecursionError, MemoryError) as cause:
        trouble = " ".join(str(cause).split())[:200]
        page = _read("plain", re.sub(r"<[^>]*>", " ", text) if reader == "html" else text, name)
    return Said(*_entries(page, path, domain=domain, at=at), trouble)


def decoded(data: bytes) -> str:
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def document_id(path: str, anchor: str = "") -> str:
    """`doc:PATH#anchor`; of a path too long to be an id, the beginning and a digest."""
    whole = f"doc:{path}#{anchor}" if anchor else f"doc:{path}"
    if len(whole) <= 900:
        return whole
    return f"{whole[:800]}~{hashlib.blake2b(whole.encode(errors='replace'), digest_size=8).hexdigest()}"


def _read(reader: str, text: str, name: str) -> Page:
    module = importlib.import_module(f"swarmd.state.knowledge.readers.{reader}")
    page: Page = module.read(text, name)
    return page


# -- entries and links ------------------------------------------------------------------------------------------------


def _entries(page: Page, path: str, *, domain: str, at: Millis) -> tuple[tuple[Entry, ...], tuple[Link, ...]]:
    entries: list[Entry] = []
    links: list[Link] = []
    for section in page.sections[:MOST_SECTIONS]:
        own = document_id(path, section.anchor)
        text = "\n\n".join(part for part in section.text if part.strip())
        source = f"{path}:{section.line}" if section.line > 1 else path
        for number, part in enumerate(_parts(text), 1):
            again = f" ({number})" if number > 1 else ""
            id = document_id(path, f"{section.anchor}~{number}" if again else section.anchor)
            under = " › ".join(section.under)
            entries.append(Entry(id, domain, "document", section.title + again, part, source, (), at, STRENGTH, under))
            if again:
                links.append(Link(own, "contains", id))
        if section.anchor:
            links.append(Link(document_id(path, section.parent), "contains", own))
        links += _leading(section, own, path, text)
    links += [Link(document_id(path), "imports", f"module:{name}") for name in page.imports[:500]]
    return tuple(entries), tuple(links)


def _parts(text: str) -> list[str]:
    """In one piece, or in several that end with a line where one does."""
    parts = []
    while len(text) > LONGEST:
        cut = text.rfind("\n", LONGEST // 2, LONGEST) + 1 or LONGEST
        parts.append(text[:cut])
        text = text[cut:]
    return [*parts, text]


def _leading(section: Section, own: str, path: str, text: str) -> list[Link]:
    targets = [place for link in section.links[:_MOST_LINKS] if (place := _place(link, path)) and place != own]
    names = dict.fromkeys([*(name.strip("()") for name in section.mentions), *_SYMBOL.findall(text)])
    defined = set(section.defines)
    mentioned = [name for name in names if 2 < len(name) <= 120 and " " not in name and name not in defined]
    return [
        *(Link(own, "links-to", target) for target in dict.fromkeys(targets)),
        *(Link(own, "mentions-symbol", f"symbol:{name}") for name in mentioned[:_MOST_MENTIONS]),
        *(Link(own, "defines", f"symbol:{name}") for name in dict.fromkeys(section.defines)),
        *(Link(own, "defines", f"module:{name}") for name in section.modules),
    ]


def _place(link: str, path: str) -> str | None:
    """The id a link means: a file beside this one by its path, an address on the net as it is; nothing is looked up."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return None
    if parts.scheme in ("http", "https") and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}{parts.path}"[:500]
    if parts.scheme or parts.netloc:
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path))) if parts.path else path
    return document_id(target, unquote(parts.fragment)[:100])
