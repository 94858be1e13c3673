"""The page of one asset in one mode: verdict first, then the account, the trades, the evidence, the search, the origin.

Called by the phase that has judged and by `swarmd report`. One self-contained file: nothing is fetched, and what could
not be had is told with its reason.
"""

from swarmd.engine.certificates import ground, provenance, sections
from swarmd.engine.certificates.figures import percent, plain, signed_percent
from swarmd.engine.certificates.markup import card, escaped, figure, said
from swarmd.engine.certificates.reading import number, part, rows, words
from swarmd.engine.certificates.verdict import stretch as stretch_told
from swarmd.engine.reports import account_sections, search_sections
from swarmd.engine.reports.material import Material
from swarmd.engine.reports.outcome import Outcome, outcome_of
from swarmd.engine.reports.shell import page

_LINKS = (
    ("report.md", "in plain text"), ("equity.csv", "equity"), ("equity.png", "as a picture"),
    ("development_trades.csv", "trades, development"), ("vault_trades.csv", "trades, vault"),
    ("screen_trades.csv", "trades, screen"), ("certificate.json", "certificate"), ("guards.json", "guards"),
    ("screen.json", "screen"), ("all_trials.json", "trials of the search"), ("phase0_top500.json", "screened vectors"),
)  # fmt: skip


def asset_page(material: Material, files: frozenset[str] = frozenset()) -> str:
    """The page; `files` are the names beside it that may be linked."""
    told = outcome_of(material)
    name = title_of(material)
    body = (
        _head(material, told, name, files)
        + _tiles(material)
        + account_sections.account(material)
        + account_sections.trading(material)
        + _gates(material)
        + _evidence(material)
        + search_sections.search(material)
        + _origin(material)
    )
    return page(f"{name}: {told.name}", body)


def title_of(material: Material) -> str:
    """`BTCUSDT 5m, mtf_ema balanced`, as far as it is known."""
    for document in (material.judged, material.search, material.prescreen, material.preflight):
        if document:
            interval = words(document, "interval") or words(material.preflight, "interval")
            rule = " ".join(filter(None, (words(document, "strategy"), material.mode)))
            return ", ".join(filter(None, (" ".join(filter(None, (material.symbol, interval))), rule)))
    return ", ".join(filter(None, (material.symbol, material.mode)))


def _head(material: Material, told: Outcome, name: str, files: frozenset[str]) -> str:
    links = "".join(f'<a href="{file}">{escaped(told_as)}</a>' for file, told_as in _LINKS if file in files)
    links = f'<a href="{material.way_up}report.html">all of {escaped(material.campaign)}</a>{links}' if files else ""
    vault, stand_in = part(material.judged, "vault"), words(material.judged, "stands_for_the_vault")
    called = "Vault" if stand_in is None else f"Called the vault here, {stand_in}"
    return (
        f'<header><h1>{escaped(name)}</h1><p class="verdict {told.kind}">{escaped(told.name)}</p>'
        f'<p class="lead">{escaped(told.because)}</p>{said(told.expect, "lead")}'
        + (said(f"{called}: {stretch_told(material.judged, 'vault')}.", "quiet") if vault else "")
        + (f'<p class="links">{links}</p>' if links else "")
        + "</header>"
    )


def _tiles(material: Material) -> str:
    judged = material.judged
    metrics = part(judged, "vault", "metrics")
    shown = [
        ("return on the vault", number(metrics, "total_return"), signed_percent),
        ("Sharpe ratio, vault", number(metrics, "annual_sharpe"), plain),
        ("Sharpe ratio, development", number(judged, "development", "metrics", "annual_sharpe"), plain),
        ("largest drawdown, vault", number(metrics, "max_drawdown"), percent),
        ("trades on the vault", number(metrics, "total_trades"), plain),
        ("trades that won", number(metrics, "win_rate"), percent),
        ("p-value", number(judged, "evidence", "p", "adjusted"), percent),
        ("tried", number(judged or material.search or material.prescreen, "tried"), plain),
    ]
    made = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{figure(found, told(found))}</dd></div>"
        for name, found, told in shown
        if found is not None
    )
    return f'<dl class="tiles">{made}</dl>' if made else ""


def _gates(material: Material) -> str:
    """Every table of gates that there is, the last word first."""
    made = ""
    if evidence := rows(material.certificate, "evidence", "gates"):
        made += sections.gate_table(
            "Evidence", evidence, "Whether the whole search, and not only its winner, beats chance."
        )
    if strict := rows(material.certificate, "strict", "gates"):
        made += sections.gate_table("Strict table", strict, "The source documents' thresholds as they stand.")
    if guards := rows(material.guards, "gates"):
        made += sections.gate_table("Guards", guards, "The strict table, which crowns here.")
    if screen := rows(material.screen, "gates"):
        stand_in = words(material.screen, "stands_for_the_vault")
        note = (
            f"The vault stays shut until the guards: what is called the vault here is {stand_in}." if stand_in else ""
        )
        made += sections.gate_table("Screen", screen, note)
    return f'<div class="cards">{made}</div>' if made else ""


def _evidence(material: Material) -> str:
    judged = material.judged
    if not judged:
        return ""
    made = provenance.figures(judged)
    if material.certificate:
        made += (
            sections.surrogates(judged)
            + sections.forecast(judged)
            + sections.deflation(judged)
            + ground.neighbourhood(judged)
            + ground.walk_forward(judged)
            + provenance.regimes(judged)
            + provenance.stresses(judged)
            + provenance.other_tests(judged)
            + provenance.second_opinion(judged)
        )
    return f'<div class="flow">{made}</div>'


def _origin(material: Material) -> str:
    document = material.judged or material.search or material.prescreen or material.preflight
    made = ""
    if material.description:
        made += card("The strategy, in its author's words", f'<pre class="doc">{escaped(material.description)}</pre>')
    if material.command:
        made += card("This page again", said("Made anew from the files beside it by:", "quiet"),
                     f"<pre>{escaped(material.command)}</pre>")  # fmt: skip
    made += provenance.origin(document) if document else ""
    return f'<div class="flow">{made}</div>' if made else ""
