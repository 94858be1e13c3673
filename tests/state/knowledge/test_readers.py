"""Readers: each format into pages and sections, awkward and hostile documents included; nothing is run or fetched."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmd.state.knowledge.documents import READERS, Said, is_binary, reader_for, said
from swarmd.state.knowledge.entry import Link

LAW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def read(name: str, text: str | bytes) -> Said:
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    reader = reader_for(name)
    assert reader is not None
    return said(data, f"/srv/{name}", name, reader, domain="?", at=5)


def titles(it: Said) -> list[str]:
    return [entry.title for entry in it.entries]


def targets(it: Said, relation: str) -> set[str]:
    return {link.target for link in it.links if link.relation == relation}


MARKDOWN = """---
front: matter
---
# The page

Text with `evaluate_many` and [a link](../other.md#part "title").

## Part one
- item
- item
---

### Deep
> quoted

```python
# not a heading
```

## Part one
[ref]: https://example.com/x?token=1

last <b>html</b>
"""


def test_markdown_becomes_a_page_with_sections_under_their_headings() -> None:
    it = read("page.md", MARKDOWN)
    assert titles(it) == ["The page", "Part one", "Deep", "Part one"]
    assert [entry.under for entry in it.entries] == ["", "The page", "The page › Part one", "The page"]
    assert [entry.id.partition("#")[2] for entry in it.entries] == ["", "part-one", "deep", "part-one-1"]
    assert "# not a heading" in it.entries[2].text
    assert "front: matter" not in it.entries[0].text
    assert it.entries[0].at == 5
    assert targets(it, "links-to") == {"doc:/other.md#part", "https://example.com/x"}
    assert "symbol:evaluate_many" in targets(it, "mentions-symbol")
    assert Link("doc:/srv/page.md#part-one", "contains", "doc:/srv/page.md#deep") in it.links


def test_html_becomes_text_and_nothing_but_text() -> None:
    it = read(
        "page.html",
        "<title>The page</title><nav>menu</nav><h1>One <i>two</i></h1><p>Text<br>more <a href='b.html#x'>b</a>"
        "<script>alert(1)</script><style>p{}</style><h2 id=sec>Sec</h2><pre>a_b &lt;b&gt;</pre><code>do_it</code>",
    )
    assert titles(it) == ["One two", "Sec"]
    assert it.entries[0].text == "Text\nmore b"
    assert it.entries[1].text == "a_b <b>do_it"
    assert it.entries[1].id == "doc:/srv/page.html#sec"
    assert targets(it, "links-to") == {"doc:/srv/b.html#x"}
    assert not any(word in f"{it.entries}" for word in ("alert", "menu", "p{}"))


@pytest.mark.parametrize(
    "broken",
    ["<", "<h1", "</p></p></div>", "<table><tr><h1>x<td>", "<h1><h2><h3>x</h1>y", "<a href=", "<!--", "<![CDATA[",
     "&#0;&bogus;", "<p>" * 3000 + "x", "<frameset><frame>"],
)  # fmt: skip
def test_broken_html_is_read_all_the_same(broken: str) -> None:
    assert read("page.html", broken).entries[0].id == "doc:/srv/page.html"


def test_html_nested_beyond_reason_is_read_as_text() -> None:
    it = read("page.html", "<div>" * 200_000 + "needle")
    assert "deeper" in it.trouble
    assert "needle" in it.entries[-1].text


def test_rest_includes_nothing_and_keeps_what_it_does_not_know(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    it = read(
        "page.rst",
        f"Page\n====\n\nText ``do_it`` and `b <b.rst>`_ by :class:`Thing`.\n\nPart\n----\n\n.. include:: {secret}\n"
        f"\n.. raw:: html\n   :file: {secret}\n\n.. csv-table::\n   :file: {secret}\n\n"
        ".. automodule:: json\n\n   kept words\n",
    )
    assert titles(it) == ["Page", "Part"]
    assert "the secret" not in f"{it.entries}"
    assert "kept words" in it.entries[1].text
    assert targets(it, "links-to") == {"doc:/srv/b.rst"}
    assert "symbol:do_it" in targets(it, "mentions-symbol")


ODD_REST = ("=\n" * 500, "x" * 20_000, "* " * 2_000, "|a\n" * 300, ".. |x| replace:: |x|\n\n|x|")


@pytest.mark.parametrize("text", ODD_REST, ids=range(len(ODD_REST)))
def test_rest_that_docutils_gives_up_on_is_read_as_text(text: str) -> None:
    assert read("page.rst", text).entries


def test_a_notebook_gives_its_cells_and_the_beginning_of_what_they_printed() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "about `it`"]},
        {"cell_type": "code", "source": "run_it()", "outputs": [
            {"text": ["long " * 1_000]}, {"data": {"text/plain": "late", "image/png": "iVBOR" * 1_000}}]},
        {"cell_type": "code", "source": 5, "outputs": "odd"}, "odd", None,
    ]  # fmt: skip
    it = read("study.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    assert titles(it) == ["Study"]
    assert "run_it()" in it.entries[0].text
    assert len(it.entries[0].text) < 1_200
    assert "iVBOR" not in it.entries[0].text


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "{", "[]", '{"cells": 1}', '{"cells": [' + '{"a":' * 5_000, "null", ""]
)
def test_what_is_no_notebook_is_read_as_text(text: str) -> None:
    assert read("study.ipynb", text).trouble.startswith("no notebook")


PYTHON = '''"""About the module."""
import json
from .units import Millis
from ..other import thing

LIMIT: int = 5

class Thing(Base):
    """A thing."""
    def run(self, count: int, *, fast: bool = True) -> str:
        """Runs it."""
        raise SystemExit("never run")
    @property
    def size(self): ...
    @size.setter
    def size(self, value): ...

async def go() -> None: "Goes."
open("/tmp/swarmd-was-imported", "w")
'''


def test_python_is_read_by_its_syntax_and_never_imported() -> None:
    it = read("pkg/mod.py", PYTHON)
    assert titles(it) == ["pkg.mod", "Thing", "run", "size", "size", "go"]
    assert it.entries[2].text == "def run(self, count: int, *, fast: bool=True) -> str\n\nRuns it."
    assert it.entries[2].under == "pkg.mod › Thing"
    assert it.entries[2].source == "/srv/pkg/mod.py:10"
    assert len({entry.id for entry in it.entries}) == 6
    assert targets(it, "imports") == {"module:json", "module:pkg.units", "module:other"}
    assert {"symbol:pkg.mod.Thing.run", "symbol:Thing.run", "symbol:run", "symbol:LIMIT", "module:pkg.mod"} <= targets(
        it, "defines"
    )
    assert not Path("/tmp/swarmd-was-imported").exists()
    assert "pkg.mod" not in sys.modules


@pytest.mark.parametrize(
    "text",
    [
        "def (",
        "\0",
        "(" * 100_000,
        "-" * 100_000 + "1",
        "x = " + "a." * 50_000 + "b",
        "class A:\n" * 3_000,
        "print 'two'",
    ],
)
def test_python_that_does_not_parse_is_read_as_text(text: str) -> None:
    assert read("mod.py", text).entries


def test_plain_text_is_cut_where_a_paragraph_ends() -> None:
    it = read("notes.txt", "\n\n".join(f"Paragraph {n}\n" + "word " * 150 for n in range(20)))
    assert len(it.entries) > 3
    assert it.entries[1].title.startswith("Paragraph ")
    assert read("README", "hello").entries[0].text == "hello"


def test_a_long_section_is_cut_into_parts_that_hang_together() -> None:
    it = read("page.md", "# Long\n\n" + "\n\n".join("word " * 200 for _ in range(40)))
    assert titles(it)[:2] == ["Long", "Long (2)"]
    assert all(len(entry.text) <= 12_000 for entry in it.entries)
    assert Link("doc:/srv/page.md", "contains", it.entries[1].id) in it.links


@LAW
@given(st.sampled_from(sorted(READERS)), st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_no_reader_fails_whatever_it_is_given(reader: str, data: bytes) -> None:
    it = said(data, "/srv/x", "x", reader, domain="?", at=0)
    assert it.entries[0].id == "doc:/srv/x"
    assert len({entry.id for entry in it.entries}) == len(it.entries)
    known = {entry.id for entry in it.entries}
    assert all(link.source in known for link in it.links)


@pytest.mark.parametrize(
    ("head", "expected"),
    [(b"", False), (b"text\n", False), (b"\x7fELF\0\0", True), ("Überall\n".encode(), False),
     ("caf\xe9 au lait".encode("latin-1"), False),
     ("text".encode("utf-16"), False), (bytes(range(1, 256)), True)],
)  # fmt: skip
def test_binary_is_told_from_text(head: bytes, expected: bool) -> None:
    assert is_binary(head) is expected


@pytest.mark.parametrize(
    ("name", "reader"),
    [("a.md", "markdown"), ("A.HTML", "html"), ("a.b.rst", "rest"), ("x.ipynb", "notebook"), ("x.pyi", "python"),
     ("LICENSE", "plain"), ("a.png", None), ("Makefile", None), (".md", None), ("a.md.bak", None)],
)  # fmt: skip
def test_a_name_promises_a_format(name: str, reader: str | None) -> None:
    assert reader_for(name) == reader
