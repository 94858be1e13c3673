"""The tearsheet of any table of trades: our own page, without a script from elsewhere, and its figures as numbers.

Daily marks from the first entry to the last exit, a year of 365 days: the figures are those of the metrics, computed on
what a table of trades can tell. A position is worth what it cost until it is closed.
"""

import math

import numpy as np

from swarmd.engine.certificates.figures import many, percent, plain, shown, signed_percent
from swarmd.engine.certificates.markup import absent, card, escaped, figure, picture, said, table
from swarmd.engine.metrics import growth, trade_statistics
from swarmd.engine.metrics.daily import daily_statistics
from swarmd.engine.reports import calendar, curves, tables
from swarmd.engine.reports.account_sections import full
from swarmd.engine.reports.material import Stretch
from swarmd.engine.reports.shell import page

_FALLS, _TRADES = 10, 25
_DAY_MINUTES = 1440
_NAMES = {
    "total_return": "total return", "annual_return": "annual return", "annual_sharpe": "annual Sharpe ratio",
    "annual_sortino": "annual Sortino ratio", "annual_volatility": "annual volatility",
    "max_drawdown": "largest drawdown, by days", "calmar": "Calmar ratio", "total_trades": "trades",
    "win_rate": "trades that won", "profit_factor": "profit factor", "avg_trade_return": "return of a trade",
    "top10_share": "gross profit in the ten best trades", "days": "days", "end_capital": "capital at the end",
}  # fmt: skip


def figures_of(account: Stretch, capital: float) -> dict[str, float | int | None]:
    """By the names of the metrics, as JSON has them: a profit factor without a loss is null."""
    returns = np.array(calendar.daily_returns(account.equity))
    days = daily_statistics(returns)
    pnl, each = (np.array([getattr(trade, name) for trade in account.trades]) for name in ("pnl", "return_"))
    total, fall = account.equity[-1] - 1.0, calendar.deepest(account.equity)
    annual = growth.annual_return(total, n_bars=len(account.days), interval_minutes=_DAY_MINUTES)
    found: dict[str, float | int] = {
        "total_return": total,
        "annual_return": annual,
        **days._asdict(),
        "max_drawdown": fall,
        "calmar": growth.calmar(annual, fall),
        "total_trades": len(account.trades),
        "win_rate": trade_statistics.win_rate(each),
        "profit_factor": trade_statistics.profit_factor(pnl, each),
        "avg_trade_return": trade_statistics.avg_trade_return(each),
        "top10_share": trade_statistics.top10_share(pnl),
        "days": len(account.days),
        "end_capital": capital * account.equity[-1],
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def tearsheet_page(name: str, account: Stretch, capital: float, command: str = "") -> str:
    """The page; whatever the name and the trades say stays text."""
    figures = figures_of(account, capital)
    accounts = [account]
    months, years = calendar.months(accounts), calendar.years(accounts)
    falls = calendar.deepest_falls(accounts, _FALLS)
    listed, told = tables.ends_of(accounts, _TRADES)
    body = (
        f'<header><h1>{escaped(name)}</h1><p class="lead">{escaped(_headline(account, figures, capital))}</p></header>'
        + full(
            "Equity and drawdown",
            picture(curves.equity_chart(accounts), "End of each day, logarithmic, 1 at the start."),
            picture(
                curves.drawdown_chart(accounts),
                "How far below its highest point the account stood, by the ends of days.",
            ),
        )
        + full("Months", tables.heat_map(months, years, None), said("Percent a month.", "quiet"))
        + '<div class="cards">'
        + card("The figures", _figures(figures))
        + "<div>"
        + card("Years", picture(curves.years_chart(years, 170), "Return of each calendar year."))
        + "</div></div>"
        + full(
            "The deepest falls", tables.falls_table(falls) if falls else absent("the account was never below a peak")
        )
        + full(
            "Returns of the trades",
            picture(
                curves.returns_chart([each.return_ for each in account.trades]),
                f"Returns of {many(len(account.trades), 'trade')}, a share of what each committed.",
            ),
        )
        + full("Trades", said(f"Shown: {told}. A click on a head sorts.", "quiet"), tables.trades_table(listed))
        + full(
            "How it is reckoned",
            said(
                "Profit is booked on the day of its exit and an open position counts as what it cost, so a fall within "
                "a trade is not seen here. Every day from the first entry to the last exit counts, flat ones too, and "
                "a year has 365 of them."
            ),
            f"<pre>{escaped(command)}</pre>" if command else "",
        )
    )
    return page(f"{name}: tearsheet", body)


def _headline(account: Stretch, figures: dict[str, float | int | None], capital: float) -> str:
    return (
        f"{plain(capital)} became {plain(figures['end_capital'])} ({signed_percent(figures['total_return'])}) from "
        f"{account.days[0]} to {account.days[-1]}, over {many(len(account.trades), 'trade')}, with an annual Sharpe "
        f"ratio of {plain(figures['annual_sharpe'])} and a largest drawdown of {percent(figures['max_drawdown'])}."
    )


def _figures(figures: dict[str, float | int | None]) -> str:
    return table(
        ("", ""),
        [(escaped(told), figure(figures[name], shown(figures[name], name))) for name, told in _NAMES.items()],
    )
