"""One self-contained page of HTML for a certificate: what a trader reads in two minutes, before anything is traded.

Called by whoever has a document of `swarmd.certificate/1`. No script, no address, nothing fetched: the page can be
mailed, printed, kept. A document that lacks a part gives a page that says so.
"""

from swarmd.engine.certificates import ground, provenance, sections
from swarmd.engine.certificates.figures import percent, plain, signed_percent
from swarmd.engine.certificates.markup import escaped, figure, said
from swarmd.engine.certificates.reading import Document, number, part, rows, value
from swarmd.engine.certificates.style import STYLE
from swarmd.engine.certificates.verdict import headline, stretch, subject

_EVIDENCE = "Whether the whole search, and not only its winner, beats chance. These crown."
_STRICT = "The source documents' thresholds as they stand. With these too it is gold."


def certificate_page(document: Document) -> str:
    """The page; never raises, whatever the document lacks or holds."""
    head, name = headline(document), subject(document)
    body = (
        f'<header><h1>{escaped(name)}</h1><p class="verdict {head.kind}">{escaped(head.name)}</p>'
        f'<p class="lead">{escaped(head.because)}</p><p class="lead">{escaped(head.expect)}</p>'
        + said(f"Vault: {stretch(document, 'vault')}.", "quiet")
        + "</header>"
        + _tiles(document)
        + '<div class="cards">'
        + sections.gate_table("Evidence", rows(document, "evidence", "gates"), _EVIDENCE)
        + sections.gate_table("Strict table", rows(document, "strict", "gates"), _STRICT)
        + sections.curves(document)
        + '</div><div class="flow">'
        + sections.surrogates(document)
        + sections.forecast(document)
        + sections.deflation(document)
        + ground.neighbourhood(document)
        + ground.walk_forward(document)
        + provenance.figures(document)
        + provenance.regimes(document)
        + provenance.stresses(document)
        + provenance.other_tests(document)
        + provenance.second_opinion(document)
        + provenance.origin(document)
        + "</div>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(f'{name}: {head.name}')}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _tiles(document: Document) -> str:
    metrics, evidence = part(document, "vault", "metrics"), part(document, "evidence")
    shown = [
        ("Sharpe to expect", number(evidence, "forecast", "shrunken_annual_sharpe"), plain),
        ("return on the vault", number(metrics, "total_return"), signed_percent),
        ("largest drawdown", number(metrics, "max_drawdown"), percent),
        ("trades on the vault", number(metrics, "total_trades"), plain),
        ("p-value", number(evidence, "p", "adjusted"), percent),
        ("trials behind it", number(document, "tried"), plain),
    ]
    made = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{figure(found, told(found))}</dd></div>"
        for name, found, told in shown
        # Nothing is to be expected of what is not crowned.
        if found is not None and not (name == "Sharpe to expect" and value(document, "verdict") == "no")
    )
    return f'<dl class="tiles">{made}</dl>' if made else ""
