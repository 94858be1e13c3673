"""The parts of the page that are tables: figures, regimes, stress, other tests, second opinion, where it comes from.

As in `sections`: a document in, a card out, and a reason where there is nothing to show.
"""

from collections.abc import Callable, Iterable, Mapping

from swarmd.engine.certificates.figures import difference, many, percent, plain, shown, signed_percent
from swarmd.engine.certificates.markup import absent, card, escaped, figure, outcome, said, table
from swarmd.engine.certificates.reading import (
    Document,
    entries,
    number,
    part,
    rows,
    value,
    why_absent,
    words,
)
from swarmd.engine.certificates.verdict import stretch

_METRICS = {
    "total_return": "total return",
    "annual_return": "annual return",
    "annual_sharpe": "annual Sharpe ratio",
    "annual_sortino": "annual Sortino ratio",
    "annual_volatility": "annual volatility",
    "max_drawdown": "largest drawdown",
    "calmar": "Calmar ratio",
    "total_trades": "trades",
    "win_rate": "trades that won",
    "avg_trade_return": "return of a trade",
    "profit_factor": "profit factor",
    "avg_bars_held": "bars held",
    "exposure": "time in the market",
    "top10_share": "gross profit in the ten best trades",
}
_DIFFERENCES_SHOWN = 8
_DIFFERENCES = (
    ("largest difference of all", "largest_difference"),
    ("largest difference in a price", "largest_price_difference"),
    ("largest difference in a trade's return", "largest_return_difference"),
    ("agreed up to", "tolerance"),
)


def figures(document: Document) -> str:
    title = "The figures"
    inside, outside = part(document, "development", "metrics"), part(document, "vault", "metrics")
    if not inside and not outside:
        return card(title, absent(why_absent(document, "vault", "metrics")))
    return card(
        title,
        said(f"Development: {stretch(document, 'development')}. Vault: {stretch(document, 'vault')}.", "quiet"),
        table(
            ("after costs", "development", "vault"),
            [
                (escaped(told), *(figure(number(of, name), shown(number(of, name), name)) for of in (inside, outside)))
                for name, told in _METRICS.items()
                if name in inside or name in outside
            ],
        ),
    )


def regimes(document: Document) -> str:
    title = "In which weather?"
    found = part(document, "regimes")
    table_rows = rows(found, "table")
    if not table_rows:
        return card(title, absent(why_absent(document, "regimes")))
    return card(
        title,
        said(
            "Trend and volatility of the bars before, in thirds fitted on development data. Earned: at least 20 trades "
            "there and a profit in development.",
            "quiet",
        ),
        table(
            ("regime", "development", "vault", "bars", "earned"),
            [
                (
                    escaped(words(row, "regime") or "unnamed"),
                    _trades_and_profit(row, "is"),
                    _trades_and_profit(row, "oos"),
                    figure(number(row, "oos_bars_in_market")),
                    "yes" if value(row, "approved") is True else "no",
                )
                for row in table_rows
            ],
            caption="Trades and their profit after costs, of the first equity; bars in the market on the vault.",
        ),
    )


def _trades_and_profit(row: Document, where: str) -> str:
    profit = number(row, f"{where}_net_pnl")
    return f"{figure(number(row, f'{where}_trades'))}<br>{figure(profit, signed_percent(profit))}"


def stresses(document: Document) -> str:
    title = "Under stress"
    found = {str(name): row for name, row in part(document, "stress").items() if isinstance(row, Mapping)}
    if not found:
        return card(title, absent(why_absent(document, "stress")))
    lines = []
    for name, row in sorted(found.items()):
        sharpe, profit = number(row, "annual_sharpe"), number(row, "fifth_percentile_of_net_profit")
        told = f"Sharpe {figure(sharpe)}" if sharpe is not None or profit is None else ""
        if profit is not None:
            missed = f"{figure(number(row, 'dropped'))} of {figure(number(row, 'trades'))} trades missed"
            told += f"profit {figure(profit, signed_percent(profit))} or more in 95 of 100, {missed}"
        lines.append((escaped(words(row, "what") or f"stress {name}"), told))
    return card(title, said("The champion on the vault, made harder.", "quiet"), table(("", ""), lines))


def other_tests(document: Document) -> str:
    """What is reported beside the gates, each with its own question."""
    evidence = part(document, "evidence")
    monte, boot = part(document, "monte_carlo"), part(document, "bootstrap")
    pbo, spa, fdr = (part(evidence, name) for name in ("pbo", "spa", "fdr"))
    budget = number(fdr, "fdr") if number(fdr, "fdr") is not None else number(fdr, "alpha")
    is_discovery = value(fdr, "rejected")
    lines = [
        _line("signs of the daily returns flipped by chance: p", number(monte, "p"), percent),
        _line("positions shifted in time: p", number(monte, "circular_shift_p"), percent),
        (
            "Sharpe ratio on the vault, bootstrap interval",
            f"{figure(number(boot, 'lower'))} to {figure(number(boot, 'upper'))} "
            f"({_percent_of(boot, 'confidence')} of {figure(number(boot, 'resamples'))})"
            if boot
            else escaped(why_absent(document, "bootstrap")),
        ),
        _line(
            "probability of backtest overfitting (PBO)", number(pbo, "pbo"), percent, words(pbo, "undefined_because")
        ),
        *_details(
            pbo,
            [
                ("chance that its choice loses out of sample", "probability_of_loss", percent),
                ("Sharpe ratio out of sample per one in sample", "slope", plain),
                ("trials looked at for PBO", "trials", plain),
                ("in blocks of time", "blocks", plain),
            ],
        ),
        _line(
            "best of the search against nothing (SPA): p",
            number(spa, "consistent"),
            percent,
            words(spa, "undefined_because"),
        ),
        *_details(
            spa,
            [
                ("its lower bound", "lower", percent),
                ("its upper bound", "upper", percent),
                ("White's reality check: p", "reality_check", percent),
                ("trials looked at for SPA", "trials", plain),
            ],
        ),
    ]
    if fdr:
        lines.append(
            (
                f"discovery ledger ({escaped(words(fdr, 'method') or 'online')}), test {figure(number(fdr, 'test'))}",
                f"level {figure(number(fdr, 'level'), percent(number(fdr, 'level')))}: "
                + ("a discovery" if is_discovery is True else "no discovery"),
            )
        )
    kept = (
        said(f"Of all discoveries of this ledger at most {percent(budget)} are false, on average.", "quiet")
        if budget is not None
        else ""
    )
    return card("Other tests, reported beside the gates", table(("", ""), lines), kept)


def _details(of: Document, asked: list[tuple[str, str, Callable[[float | None], str]]]) -> list[tuple[str, str]]:
    """Lines for what there is, and none for what is not."""
    found = [(name, number(of, where), told) for name, where, told in asked]
    return [(f"· {escaped(name)}", figure(exact, told(exact))) for name, exact, told in found if exact is not None]


def _percent_of(document: Document, name: str) -> str:
    return figure(number(document, name), percent(number(document, name)))


def _line(
    name: str, found: float | None, told: Callable[[float | None], str], reason: str | None = None
) -> tuple[str, str]:
    if found is None:
        return escaped(name), escaped(reason or "not computed")
    return escaped(name), figure(found, told(found))


def second_opinion(document: Document) -> str:
    title = "Second opinion"
    found = part(document, "second_opinion")
    if "agrees" not in found:
        return card(title, absent(why_absent(document, "second_opinion")))
    engine = " ".join(filter(None, (words(found, "engine"), words(found, "version")))) or "Another engine"
    agrees = value(found, "agrees") is True
    nothing = number(found, "trades") == 0.0 == number(found, "their_trades")
    if not agrees:
        told = (
            f"{engine} replayed the champion on the vault and does not agree: do not trade it before it is known why."
        )
    elif nothing:
        told = f"{engine} made no trade on the vault, and neither was one made here: nothing was compared."
    else:
        told = f"{engine}, which nobody of this project wrote, replayed the champion on the vault: the same trades."
    returns = (number(found, name) for name in ("return", "their_return"))
    return card(
        title,
        f"<p>{outcome(agrees)} {escaped(told)}</p>",
        table(
            ("", "here", "there"),
            [
                ("trades", figure(number(found, "trades")), figure(number(found, "their_trades"))),
                ("return on the vault", *(figure(each, signed_percent(each)) for each in returns)),
            ],
        ),
        table(("relative", ""), _details(found, [(name, where, difference) for name, where in _DIFFERENCES])),
        _apart(rows(found, "differences"), number(found, "apart")),
        _explained(entries(found, "explained")),
    )


def _apart(found: list[Document], count: float | None) -> str:
    if not found:
        return ""
    lines = [
        tuple(escaped(words(row, name) or "not told") for name in ("what", "side", "entry", "exit"))
        for row in found[:_DIFFERENCES_SHOWN]
    ]
    counted = many(count, "trade") if count is not None else many(len(found), "trade")
    return table(("", "side", "entry", "exit"), lines, caption=f"Apart: {counted}, the first of them:")


def _explained(found: Iterable[object]) -> str:
    lines = []
    for each in found:
        name = words(each, "name") or (each if isinstance(each, str) else "unnamed")
        trades = number(each, "trades")
        counted = f" ({many(trades, 'trade')})" if trades is not None else ""
        lines.append((f"{escaped(name)}{escaped(counted)}", escaped(words(each, "meaning") or "")))
    if not lines:
        return ""
    return table(
        ("", ""),
        lines,
        caption="Where engines read a bar differently, and how these two were brought together.",
        kind="words",
    )


def origin(document: Document) -> str:
    """Parameters, costs, data, code, ledger, and the commands that make it again."""
    params = part(document, "params")
    costs, ledger = part(document, "costs"), part(document, "ledger")
    charged = " and ".join(figure(number(costs, name)) for name in ("fee_bps", "slippage_bps"))
    counted = f"{figure(number(ledger, 'lines'))} lines, {figure(number(ledger, 'tried'))} trials"
    lines = [
        ("trial", f"{figure(number(document, 'trial'))}, score {figure(number(document, 'score'))}"),
        ("fee and slippage", f"{charged} basis points a side"),
        ("trials behind it", figure(number(document, "tried"))),
        ("finalists that looked at this vault", figure(number(document, "looks_at_the_vault"))),
        ("data", _code(words(document, "data_snapshot_id"))),
        ("data digest (sha256)", _code(words(document, "data_sha256"))),
        ("code", _code(words(document, "code_version"))),
        ("commit", _code(words(document, "git_sha"))),
        ("seed", figure(number(document, "seed"))),
        ("trial ledger", f"{_code(words(ledger, 'path'))}, {counted}"),
        ("its head", _code(words(ledger, "head"))),
        ("crowned on", escaped(words(document, "crown_on") or "not told")),
        ("schema", _code(words(document, "schema"))),
    ]
    commands = [each for each in entries(document, "reproduce") if isinstance(each, str)]
    return card(
        "What it trades",
        table(("", ""), [(escaped(name), _parameter(found)) for name, found in params.items()])
        if params
        else absent(why_absent(document, "params")),
    ) + card(
        "Where it comes from",
        table(("", ""), lines),
        said("Made again, and checked, by:", "quiet"),
        f"<pre>{escaped(chr(10).join(commands))}</pre>" if commands else absent(why_absent(document, "reproduce")),
    )


def _parameter(found: object) -> str:
    exact = number(found)
    return escaped(found) if exact is None else figure(exact, f"{exact:.6g}")


def _code(found: str | None) -> str:
    return "not told" if found is None else f"<code>{escaped(found)}</code>"
