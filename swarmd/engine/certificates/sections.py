"""The parts of the page that price the search: gates, curves, surrogates, deflation, forecast.

A document in, markup out, one function a part; each is a card, or a card that says why there is nothing to show.
`ground` has the parts about the champion's surroundings, `provenance` those that are tables. Which parts there are and
in which order is the page's business.
"""

from swarmd.engine.certificates import charts
from swarmd.engine.certificates.figures import asked, many, percent, plain, shown
from swarmd.engine.certificates.markup import absent, card, escaped, figure, outcome, picture, said, table
from swarmd.engine.certificates.reading import (
    Document,
    entries,
    number,
    numbers,
    part,
    rows,
    value,
    why_absent,
    words,
)
from swarmd.engine.certificates.verdict import failed, sign_of, told

# How the search's p-value came about.
_TOLD_BY = {
    "counted": "The search's p-value is counted: (1 + as good) / (1 + markets).",
    "stopped": "The search's p-value is as good / markets: after five that were as good, no more were searched.",
    "tail": "The search's p-value is read off a Normal tail fitted to the markets: a quick form, not a count.",
}


def gate_table(title: str, gates: list[Document], note: str) -> str:
    if not gates:
        return card(title, absent("the document has no such gates"))
    passed = len(gates) - len(failed(gates))
    lines = [
        (
            escaped(told(gate)),
            _gate_figure(gate),
            f"{escaped(sign_of(gate))} "
            + figure(number(gate, "threshold"), asked(number(gate, "threshold"), words(gate, "name") or "")),
            outcome(value(gate, "pass")),
        )
        for gate in gates
    ]
    return card(
        title,
        said(f"{passed} of {len(gates)} pass. {note}", "quiet"),
        table(("claim", "figure", "asks", ""), lines, kind="few"),
    )


def _gate_figure(gate: Document) -> str:
    found = number(gate, "figure")
    return figure(found, shown(found, words(gate, "name") or ""))


def curves(document: Document) -> str:
    """Equity and drawdown, two cards."""
    development, vault = (_curve(part(document, "curves", name)) for name in ("development", "vault"))
    if not vault:
        return card("Equity", absent(why_absent(document, "curves", "vault")))
    return card(
        "Equity",
        picture(
            charts.equity_chart(development, vault),
            "After costs, end of each day. Judge by the blue line alone: the dim one is data the search has seen.",
        ),
    ) + card(
        "Drawdown",
        picture(charts.drawdown_chart(development, vault), "How far below its highest point the account stood."),
    )


def _curve(document: Document) -> list[tuple[str, float]]:
    days, equity = entries(document, "days"), numbers(document, "equity")
    return [(str(when), level) for when, level in zip(days, equity, strict=False) if level is not None]


def surrogates(document: Document) -> str:
    title = "Could chance have found this?"
    found, p = part(document, "surrogates"), part(document, "evidence", "p")
    maxima, real = numbers(found, "maxima"), number(found, "real")
    heard = [each for each in maxima if each is not None]
    if real is None or not heard:
        return card(title, absent(why_absent(document, "surrogates")))
    nothing = len(maxima) - len(heard)
    searched, planned = number(found, "searched"), number(found, "planned")
    stopped = (
        f" Stopped after {plain(searched)} of {plain(planned)}: more could not have changed the answer."
        if searched is not None and planned is not None and searched < planned
        else ""
    )
    return card(
        title,
        picture(
            charts.surrogate_chart(heard, real),
            "Each dot is the best that the same complete search found on a market whose ups and downs were "
            "exchanged by chance, so that there is nothing to find. The mark is the real market's best.",
        ),
        said(
            f"{plain(number(found, 'as_good'))} of {plain(searched)} such markets gave as much."
            + (f" On {plain(nothing)} the search found no valid vector." if nothing else "")
            + stopped
        ),
        table(
            ("", "p-value"),
            [
                (
                    "search, on development data",
                    figure(number(p, "surrogates"), percent(number(p, "surrogates")))
                    + " ± "
                    + figure(number(p, "standard_error"), percent(number(p, "standard_error"))),
                ),
                ("champion, on the vault", figure(number(p, "vault"), percent(number(p, "vault")))),
                ("both together", figure(number(p, "combined"), percent(number(p, "combined")))),
                (
                    f"adjusted for {many(number(p, 'finalists'), 'finalist')}",
                    figure(number(p, "adjusted"), percent(number(p, "adjusted"))),
                ),
                ("asked: at most", figure(number(p, "alpha"), percent(number(p, "alpha")))),
            ],
        ),
        said(_TOLD_BY.get(words(p, "told_by") or "", ""), "quiet"),
    )


def deflation(document: Document) -> str:
    title = "The price of many trials"
    found = part(document, "evidence", "dsr")
    curve = [
        (count, share)
        for count, share in ((number(row, "n_trials"), number(row, "dsr")) for row in rows(found, "curve"))
        if count is not None and share is not None
    ]
    if not curve:
        return card(title, absent(why_absent(document, "evidence", "dsr")))
    tried, effective, dsr = number(found, "n_trials"), number(found, "n_effective"), number(found, "dsr")
    whole = number(found, "dsr_of_all")
    return card(
        title,
        picture(
            charts.deflation_chart(curve, tried, effective, dsr),
            "Probability that the Sharpe ratio on development data is more than the best of so many trials shows by "
            "chance. Trials resemble each other: the effective number counts each kind once.",
        ),
        table(
            ("", ""),
            [
                ("trials in the ledger", figure(tried)),
                ("effective number of trials", figure(effective, plain(effective, 1))),
                ("deflated Sharpe ratio there", figure(dsr, plain(dsr, 3))),
                *([] if whole is None else [("the same, every trial counted", figure(whole, plain(whole, 3)))]),
                ("annual Sharpe ratio that chance shows", figure(number(found, "sr0_annual"))),
                ("spread of the trials' annual Sharpe ratios", figure(number(found, "trial_sd_annual"))),
            ],
        ),
    )


def forecast(document: Document) -> str:
    title = "A forecast, were it crowned" if value(document, "verdict") == "no" else "What to expect"
    found = part(document, "evidence", "forecast")
    named = [
        ("found on development data", number(found, "raw_annual_sharpe")),
        ("seen on the vault", number(found, "vault_annual_sharpe")),
        ("to be expected", number(found, "shrunken_annual_sharpe")),
    ]
    known = [(name, sharpe) for name, sharpe in named if sharpe is not None]
    if named[-1][1] is None:
        return card(title, absent(why_absent(document, "evidence", "forecast")))
    error = number(found, "se_annual")
    more = [
        ("shortest track record that would be significant", number(document, "evidence", "minimum_track_record_years")),
        ("shortest backtest for so many trials", number(document, "evidence", "minimum_backtest_years")),
    ]
    return card(
        title,
        picture(
            charts.forecast_chart(known, error),
            "Annual Sharpe ratios. The winner of a search looks better than it is; the last line takes that off"
            + (f" (one standard error, {plain(error)}, to each side)." if error is not None else "."),
        ),
        said(f"How: {words(found, 'how')}." if words(found, "how") else "", "quiet"),
        table(
            ("", ""),
            [
                *((escaped(name), figure(sharpe)) for name, sharpe in known),
                *((escaped(name), f"{figure(years)} years") for name, years in more if years is not None),
            ],
        ),
    )
