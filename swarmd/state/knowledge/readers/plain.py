"""Plain text into a page: paragraphs gathered into sections that a hit can point into, by their first line."""

from swarmd.state.knowledge.readers.page import Outline, Page, Section

_FULL = 3_000


def read(text: str, name: str) -> Page:
    """The page; the first section is the page itself. Any text is plain text."""
    page = Outline(name).page
    section, size, line = page.sections[0], 0, 1
    for paragraph in text.split("\n\n"):
        if size > _FULL:
            section = Section(f"L{line}", _first_line(paragraph), (page.title,), line=line)
            page.sections.append(section)
            size = 0
        if paragraph.strip():
            section.text.append(paragraph.strip("\n"))
            size += len(paragraph)
        line += paragraph.count("\n") + 2
    return page


def _first_line(paragraph: str) -> str:
    return " ".join(paragraph.strip()[:200].partition("\n")[0].split())[:80]
