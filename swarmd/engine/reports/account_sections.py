"""The parts of an asset's page about the account and its trades: equity, market, calendar, falls, trades.

Material in, cards out, and a reason where there is nothing to show.
"""

from collections import Counter

from swarmd.engine.certificates.figures import many, percent, signed_percent
from swarmd.engine.certificates.markup import absent, card, escaped, figure, picture, said, table
from swarmd.engine.certificates.reading import number
from swarmd.engine.reports import calendar, curves, market_charts, tables
from swarmd.engine.reports.instants import minute, span_name
from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Material, Stretch, Trade

_FALLS, _TRADES = 10, 12
_JUDGE = "Judge by the blue line alone: the grey one is data the search has seen."
_SEEN = "All of it is data the search has seen; the vault has not been opened."
_LEGEND = (
    "▲ bought, ▼ sold short, × closed, at the price of the fill; the dashed way between is green where the trade won. "
    "Paler: the trades beside it."
)


def full(title: str, *body: str) -> str:
    """A card as wide as the page."""
    return f'<div class="full">{card(title, *body)}</div>'


def account(material: Material) -> str:
    """Equity and drawdown, months, years, the deepest falls."""
    stretches = [each for each in material.stretches if each.days]
    if not stretches:
        return full("Equity", absent(material.missing.get("run", "no finalist has run")))
    vault = material.stretch(VAULT)
    equity = picture(
        curves.equity_chart(stretches), f"After costs, end of each day, logarithmic. {_JUDGE if vault else _SEEN}"
    )
    drawdown = picture(
        curves.drawdown_chart(stretches),
        f"How far below its highest point the account stood. {_deepest(material, stretches)}",
    )
    return (
        full("Equity and drawdown", equity, drawdown)
        + _months(stretches, vault)
        + f'<div class="cards">{_years(stretches)}{_falls(stretches)}</div>'
    )


def _months(stretches: list[Stretch], vault: Stretch | None) -> str:
    opened = vault.days[0] if vault is not None and vault.days else None
    told = "Percent a month, compounded from the ends of its days" + (
        "; underlined: with days of the vault." if opened else "."
    )
    drawn = tables.heat_map(calendar.months(stretches), calendar.years(stretches), opened)
    return full("Months", drawn, said(told, "quiet"))


def _years(stretches: list[Stretch]) -> str:
    drawn = curves.years_chart(calendar.years(stretches))
    return card("Years", picture(drawn, "Return of each calendar year, partial ones at both ends."))


def _falls(stretches: list[Stretch]) -> str:
    title = "The deepest falls"
    falls = calendar.deepest_falls(stretches, _FALLS)
    if not falls:
        return card(title, absent("the account was never below a peak"))
    told = "From the first day below a peak until the last, by the ends of days, each stretch for itself."
    return card(title, tables.falls_table(falls), said(told, "quiet"))


def _deepest(material: Material, stretches: list[Stretch]) -> str:
    """The deepest fall as the metrics have it, which look at every bar."""
    told = [
        f"{percent(fall)} ({each.name})"
        for each in stretches
        if (fall := number(material.judged, each.name, "metrics", "max_drawdown")) is not None
    ]
    return f"By the closes of all bars the deepest is {' and '.join(told)}." if told else ""


def trading(material: Material) -> str:
    """The market with the trades, windows around some of them, how they came out, and the trades themselves."""
    if not material.stretches:
        return ""
    return _market(material) + _windows(material) + _outcomes(material) + _trades(material)


def _market(material: Material) -> str:
    title, prices = "The market and the trades", material.prices
    if prices is None:
        return full(title, absent(material.missing.get("prices", "the bars were not read")))
    whole = market_charts.gathered(prices, 0, prices.open_time.size, market_charts.WHOLE)
    caption = f"In bars of {span_name(whole.minutes)}. Below, the return of each trade at its exit."
    if len(material.trades) <= market_charts.MOST_ENTRIES:
        caption += " Dots are entries, blue long and orange short."
    return full(title, picture(market_charts.whole_chart(prices, material.stretches), caption))


def _windows(material: Material) -> str:
    prices = material.prices
    if prices is None:
        return ""
    drawn = "".join(
        "<div>"
        + picture(
            market_charts.window_chart(f"window-{at}", prices, stretch.trades, trade), _window_told(why, stretch, trade)
        )
        + "</div>"
        for at, (why, stretch, trade) in enumerate(market_charts.chosen(material.stretches))
    )
    return full("Trades from near by", said(_LEGEND, "quiet"), f'<div class="windows">{drawn}</div>') if drawn else ""


def _window_told(why: str, stretch: Stretch, trade: Trade) -> str:
    side = "long" if trade.is_long else "short"
    return (
        f"{why} on the {stretch.name}: trade {trade.number}, {side}, {minute(trade.entry_ms)} at "
        f"{tables.price(trade.entry_price)} to {minute(trade.exit_ms)} at {tables.price(trade.exit_price)}, "
        f"{signed_percent(trade.return_)} ({trade.reason.replace('_', ' ')})."
    )


def _outcomes(material: Material) -> str:
    """How the trades came out, each stretch for itself; the picture is of the one that counts."""
    title = "How the trades came out"
    of = material.stretch(VAULT) or material.stretch(DEVELOPMENT)
    if of is None or not of.trades:
        return full(title, absent(f"there is no trade on the {of.name if of is not None else 'bars'}"))
    drawn = picture(
        curves.returns_chart([each.return_ for each in of.trades]),
        f"Returns of {many(len(of.trades), 'trade')} on the {of.name}, after costs, a share of what each committed.",
    )
    lines = [_outcome(stretch) for stretch in material.stretches if stretch.trades]
    return full(
        title,
        drawn,
        table(("stretch", "trades", "won", "mean", "long", "costs paid", "left by"), lines),
        said("Costs are fees and slippage, as a share of the first equity.", "quiet"),
    )


def _outcome(stretch: Stretch) -> tuple[str, ...]:
    trades = stretch.trades
    won = sum(each.return_ > 0.0 for each in trades) / len(trades)
    mean = sum(each.return_ for each in trades) / len(trades)
    paid = sum(each.fees for each in trades)
    reasons = Counter(each.reason.replace("_", " ") for each in trades).most_common()
    return (
        escaped(stretch.name),
        figure(float(len(trades))),
        figure(won, percent(won)),
        figure(mean, signed_percent(mean)),
        figure(float(sum(each.is_long for each in trades))),
        figure(paid, percent(paid)),
        escaped(", ".join(f"{name} {count}" for name, count in reasons)),
    )


def _trades(material: Material) -> str:
    shown, told = tables.ends_of(material.stretches, _TRADES)
    if not shown:
        return ""
    where = "; all of them are in the files linked above" if "first and last" in told else ""
    return full("Trades", said(f"Shown: {told}{where}. A click on a head sorts.", "quiet"), tables.trades_table(shown))
