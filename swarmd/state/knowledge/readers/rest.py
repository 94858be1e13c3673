"""reStructuredText into a page, by docutils with everything that reaches outside switched off.

No file is included, no raw HTML passed on, no settings file read. What Sphinx adds to the language is unknown here:
the text of such a directive or role is kept, its meaning is not.
"""

from typing import TYPE_CHECKING, Any

from swarmd.state.knowledge.readers.page import Outline, Page

if TYPE_CHECKING:
    from docutils import nodes

_SETTINGS: dict[str, Any] = {
    "raw_enabled": False, "file_insertion_enabled": False, "_disable_config": True, "report_level": 5, "halt_level": 6,
    "warning_stream": False, "traceback": True, "syntax_highlight": "none", "smart_quotes": False,
    "doctitle_xform": False, "sectsubtitle_xform": False, "line_length_limit": 10_000, "input_encoding": "unicode",
}  # fmt: skip


def read(text: str, name: str) -> Page:
    """The page. Raises ValueError where docutils gives up, on lines of 10,000 characters and more for one."""
    from docutils.core import publish_doctree

    # It takes an over-long line for an attack, and answers with that finding alone.
    if any(len(line) >= _SETTINGS["line_length_limit"] for line in text.splitlines()):
        raise ValueError("a line has 10,000 characters or more")
    try:
        document = publish_doctree(text, settings_overrides=dict(_SETTINGS))
        outline = Outline(name)
        _walk(outline, document, 0)
    except (Exception, SystemExit) as cause:  # docutils fails in as many ways as it has directives
        raise ValueError(f"docutils: {type(cause).__name__}: {cause}") from None
    return outline.page


def _walk(outline: Outline, node: "nodes.Element", level: int) -> None:
    from docutils import nodes

    for child in node.children:
        if isinstance(child, nodes.section):
            title = child.next_node(nodes.title)
            outline.heading(level + 1, title.astext() if title is not None else "", _line(child))
            _walk(outline, child, level + 1)
        elif isinstance(child, nodes.system_message):
            for block in child.findall(nodes.literal_block):
                outline.text(block.astext())  # what stood in a directive that docutils does not know
        elif not isinstance(child, (nodes.title, nodes.comment, nodes.substitution_definition)):
            outline.text(child.astext())
            if isinstance(child, nodes.Element):
                _note(outline, child)


def _note(outline: Outline, node: "nodes.Element") -> None:
    from docutils import nodes

    for reference in node.findall(nodes.reference):
        address = reference.get("refuri") or (f"#{reference['refid']}" if "refid" in reference else "")
        if address:
            outline.section.links.append(str(address)[:500])
    for kind in (nodes.literal, nodes.problematic, nodes.title_reference):
        outline.section.mentions += [literal.astext()[:120] for literal in node.findall(kind)]


def _line(node: "nodes.Element") -> int:
    return int(node.line or 0)
