"""Markdown into a page, by markdown-it-py's block parser: headings, paragraphs, fences, lists.

The text stays as it was written, for nothing is rendered: lists, quotations and HTML are lines of a paragraph, and of
what stands within a line only links and code spans are looked for. The rules for all that would take two thirds of the
time and say nothing that is searched for.
"""

import re
from functools import cache
from typing import TYPE_CHECKING

from swarmd.state.knowledge.readers.page import Outline, Page

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_RULES = ["inline", "text_join", "list", "blockquote", "html_block", "reference", "hr"]
_LINK = re.compile(r"(!?)\[([^\[\]\n]{0,300})\]\(<?([^()<>\s]{1,500})>?(?:\s+[\"'][^\"'\n]*[\"'])?\)")
_ITEM = re.compile(r"[-*+>|] |\d{1,9}[.)] ")
_CODE = re.compile(r"`([^`\n]{1,120})`")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]{1,200}\]:\s*<?([^\s>]{1,500})", re.MULTILINE)
_FRONT = re.compile(r"\A---\n.{0,10000}?\n(?:---|\.\.\.)\n", re.DOTALL)
_ANCHOR = re.compile(r"\s*\{#([\w-]{1,100})\}\s*$")


def read(text: str, name: str) -> Page:
    """The page; any text is some Markdown."""
    outline = Outline(name)
    append(outline, _FRONT.sub("", text))
    return outline.page


def append(outline: Outline, text: str) -> None:
    """Go on with this Markdown where the outline stands; notebooks come in pieces."""
    level, is_underlined = 0, False
    for token in _parser().parse(text):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "heading_open":
            level, is_underlined = int(token.tag[1]), token.markup in ("=", "-")
        elif token.type == "heading_close":
            level = 0
        elif token.type == "inline":
            # A line of dashes that ends a list or a table would underline a heading of several lines.
            is_list = is_underlined and ("\n" in token.content or _ITEM.match(token.content))
            if level and not is_list:
                mark = _ANCHOR.search(token.content)
                title = _LINK.sub(r"\2", _ANCHOR.sub("", token.content)).replace("`", "").replace("*", "")
                outline.heading(level, title, line, mark[1] if mark else "")
            else:
                outline.text(_LINK.sub(r"\2", token.content))
            _note(outline, token.content)
        elif token.type in ("fence", "code_block", "html_block"):
            outline.text(token.content)
    for address in _REFERENCE.findall(text):
        outline.section.links.append(address)


def _note(outline: Outline, content: str) -> None:
    if "](" in content:
        outline.section.links += [address for is_image, _, address in _LINK.findall(content) if not is_image]
    if "`" in content:
        outline.section.mentions += _CODE.findall(content)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable(_RULES)
