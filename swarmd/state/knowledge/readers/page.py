"""What every reader makes of a document: a page, its sections in order, and what each leads to.

Built with ``Outline``, which keeps the headings a section stands under and makes anchors that differ.
"""

import re
from dataclasses import dataclass, field

# A section beyond is cut in parts: a hit should show where in it the words stand.
LONGEST = 12_000
_ANCHOR = re.compile(r"[^\w]+")


@dataclass(slots=True)
class Section:
    """A stretch under one heading. The first of a page has no anchor: it is the page itself.

    ``links`` are addresses as they were written, ``mentions`` names in code type, ``defines`` names that are its own,
    ``modules`` those under which others import it.
    ``parent`` is the anchor of the section it stands in.
    """

    anchor: str
    title: str
    under: tuple[str, ...] = ()
    parent: str = ""
    text: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)
    defines: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    line: int = 0


@dataclass(slots=True)
class Page:
    """The sections of one document, the page itself first; ``imports`` are modules it needs."""

    sections: list[Section]
    imports: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.sections[0].title


class Outline:
    """Headings and text in their order, put together into a page. A first heading names the page itself."""

    def __init__(self, name: str) -> None:
        self.page = Page([Section("", name)])
        self._levels: list[tuple[int, Section]] = []
        self._anchors: dict[str, int] = {}
        self._is_named = False

    @property
    def section(self) -> Section:
        return self.page.sections[-1]

    def heading(self, level: int, title: str, line: int = 0, anchor: str = "") -> Section:
        title = " ".join(title.split())[:300]
        first = self.page.sections[0]
        if not self._is_named and title and len(self.page.sections) == 1 and not any(first.text):
            self._is_named = True
            first.title, first.line = title, line
            return first
        while self._levels and self._levels[-1][0] >= level:
            self._levels.pop()
        over = [section for _, section in self._levels]
        section = Section(
            self._different(anchor or anchor_of(title)), title, (first.title, *(one.title for one in over)),
            over[-1].anchor if over else "", line=line,
        )  # fmt: skip
        self._levels.append((level, section))
        self.page.sections.append(section)
        return section

    def text(self, text: str) -> None:
        if text.strip():
            self.section.text.append(text)

    def _different(self, anchor: str) -> str:
        count = self._anchors[anchor] = self._anchors.get(anchor, 0) + 1
        if count == 1:
            return anchor
        return self._different(f"{anchor}-{count - 1}")


def anchor_of(title: str) -> str:
    """As the common renderers make one out of a heading."""
    return _ANCHOR.sub("-", title.lower()).strip("-")[:100] or "section"
