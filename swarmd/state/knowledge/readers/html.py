"""HTML into a page, by selectolax's Lexbor: headings, text, links, code. Broken HTML is read as a browser would.

Scripts, styles, templates and navigation are left out. Text only comes out: no tag reaches the store.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from swarmd.state.knowledge.readers.page import Outline, Page

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# Building the tree costs depth squared: 0.1 s for 5,000 levels, four minutes for 200,000.
DEEPEST = 5_000
_LEFT_OUT = frozenset(("script", "style", "template", "noscript", "nav", "svg", "iframe", "object", "head"))
_HEADING = re.compile("h([1-6])$")
_BLOCK_TAGS = (
    "address article aside blockquote br dd details div dl dt fieldset figcaption figure footer form header hr li main "
    "ol p pre section summary table tbody td th thead tr ul"
)
_BLOCK = frozenset(_BLOCK_TAGS.split())
_CODE = frozenset(("code", "tt", "kbd"))
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
# These end without being ended.
_SHALLOW_TAGS = "area base br col dd dt embed hr img input li link meta option p param source td th tr track wbr"
_SHALLOW = frozenset(_SHALLOW_TAGS.split())


def read(text: str, name: str) -> Page:
    """The page. Raises ValueError for a nesting that no page has."""
    if _depth(text) > DEEPEST:
        raise ValueError(f"tags nest deeper than {DEEPEST:,}")
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    outline = Outline(name)
    title = tree.css_first("title")
    if title is not None and title.text().strip():
        outline.page.sections[0].title = " ".join(title.text().split())[:300]
    words: list[str] = []
    for node, tag in _nodes(tree.body):
        if tag == "-text":
            words.append(node.text_content or "")
        elif heading := _HEADING.match(tag):
            _flush(outline, words)
            outline.heading(int(heading[1]), _said(node), anchor=_anchor(node))
        elif tag in _BLOCK:
            words.append("\n")
        elif tag == "a":
            outline.section.links += [address[:500]] if (address := node.attributes.get("href")) else []
        elif tag in _CODE:
            outline.section.mentions.append(_said(node)[:120])
    _flush(outline, words)
    return outline.page


def _nodes(body: "LexborNode | None") -> Iterator[tuple["LexborNode", str]]:
    """In the order of the text, without recursion; a heading's own words come with the heading."""
    stack = [body] if body is not None else []
    while stack:
        node = stack.pop()
        tag = node.tag or ""
        if (beside := node.next) is not None and node is not body:
            stack.append(beside)
        if tag in _LEFT_OUT:
            continue
        yield node, tag
        if not _HEADING.match(tag) and (inside := node.child) is not None:
            stack.append(inside)


def _said(node: "LexborNode") -> str:
    return " ".join(node.text(deep=True).split())


def _anchor(node: "LexborNode") -> str:
    return (node.attributes.get("id") or "").strip()[:100]


def _flush(outline: Outline, words: list[str]) -> None:
    lines = (" ".join(line.split()) for line in "".join(words).split("\n"))
    outline.text("\n".join(line for line in lines if line))
    words.clear()


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _TAG.finditer(text):
        if match[2].lower() not in _SHALLOW:
            depth = max(depth - 1, 0) if match[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest
