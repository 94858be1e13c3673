"""Pieces of HTML: text escaped, figures with their exact value beside the readable one, tables, cards.

Called by the sections. What comes from a document goes through `escaped` or `figure`, and nothing else puts it on a
page.
"""

from collections.abc import Iterable, Sequence
from html import escape

from swarmd.engine.certificates.figures import plain, printable


def escaped(words: object) -> str:
    """Text as text; control characters and marks that turn the direction of writing around become `?`."""
    return escape(printable(str(words)))


def figure(value: float | None, words: str | None = None) -> str:
    """A number as people read it, with what it is to the last digit in its markup."""
    told = escaped(plain(value) if words is None else words)
    return told if value is None else f'<data value="{value:.17g}">{told}</data>'


def table(head: Sequence[str], lines: Iterable[Sequence[str]], *, caption: str = "", kind: str = "") -> str:
    """Cells are markup already, heads and caption are words; the first cell of a line is its name."""
    named = f' class="{kind}"' if kind else ""
    said = f"<caption>{escaped(caption)}</caption>" if caption else ""
    top = "".join(f'<th scope="col">{escaped(each)}</th>' for each in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in lines
    )
    above = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    return f'<div class="scroll"><table{named}>{said}{above}<tbody>{body}</tbody></table></div>'


def card(title: str, *body: str) -> str:
    return f'<section class="card"><h2>{escaped(title)}</h2>{"".join(body)}</section>'


def said(words: str, kind: str = "") -> str:
    """A paragraph of words; none of none."""
    named = f' class="{kind}"' if kind else ""
    return f"<p{named}>{escaped(words)}</p>" if words else ""


def picture(drawn: str, caption: str) -> str:
    return f"<figure>{drawn}<figcaption>{escaped(caption)}</figcaption></figure>"


def absent(why: str) -> str:
    return said(f"Not shown: {why}.", "none")


def outcome(passes: object) -> str:
    """Told in a word and a sign, not by colour alone; what is not plainly passed is failed."""
    return '<span class="pass">✓ pass</span>' if passes is True else '<span class="fail">✗ fail</span>'
