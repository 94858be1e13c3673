"""Figures as people read them, with their units: shares as percent, counts with their thousands, instants as days.

Pure and total: what is no number is told as undefined. The page and the terminal use the same words.
"""

import datetime as dt

UNDEFINED = "undefined"
# Of the metrics, the gates and the stresses: fractions that are read as percent.
_SHARES = {
    "annual_return", "annual_volatility", "avg_trade_return", "exposure", "max_drawdown", "oos_max_drawdown",
    "oos_total_return", "regime_mismatch", "share_of_profitable_windows", "top10_share", "total_return", "win_rate",
    "pbo", "plateau", "sensitivity", "stress3_net_profit", "p",
}  # fmt: skip


def shown(figure: float | None, name: str = "") -> str:
    """A figure in the form its name calls for: percent, a count, or a plain number."""
    if name in _SHARES or name.endswith(("_share", "_p")):
        return percent(figure)
    return plain(figure)


def plain(figure: float | None, digits: int = 2) -> str:
    """`1,234`, `1.93`, `0.0042`: whole numbers whole, the others to so many decimals, small ones to three digits."""
    if figure is None:
        return UNDEFINED
    size = abs(figure)
    if size >= 1e9:
        return f"{figure:.3g}"
    if figure == int(figure):
        return f"{int(figure):,}"
    if size < 10.0**-digits:
        return f"{figure:.3g}"
    return f"{figure:,.{1 if size >= 100.0 else digits}f}"


def asked(threshold: float | None, name: str = "") -> str:
    """A threshold in the form of its figure, without the zeros behind it: `> 0.6`, `≤ 1 %`."""
    told = shown(threshold, name)
    number, space, sign = told.partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number and 'e' not in number else number}{space}{sign}"


def percent(figure: float | None) -> str:
    """`12.3 %`, `0.50 %`, `0.004 %`; a p-value of nothing is never told as 0 unless it is."""
    if figure is None:
        return UNDEFINED
    share = figure * 100.0
    size = abs(share)
    if size >= 1e7:
        return f"{share:.3g} %"
    if size >= 10.0:
        return f"{share:,.1f} %"
    if share == 0.0:
        return "0 %"
    return f"{share:.2f} %" if size >= 0.1 else f"{share:.2g} %"


def signed_percent(figure: float | None) -> str:
    return f"+{percent(figure)}" if figure is not None and figure > 0.0 else percent(figure)


def signed(figure: float | None) -> str:
    return f"+{plain(figure)}" if figure is not None and figure > 0.0 else plain(figure)


def difference(figure: float | None) -> str:
    """A relative difference: `none`, or the power of ten that one looks for."""
    if figure is None:
        return UNDEFINED
    return "none" if figure == 0.0 else f"{figure:.1e}"


def day(instant_ms: float | None) -> str:
    """The UTC day of an instant in milliseconds."""
    if instant_ms is None:
        return UNDEFINED
    try:
        return dt.datetime.fromtimestamp(instant_ms / 1000.0, tz=dt.UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return UNDEFINED


def many(count: float | None, one: str, several: str | None = None) -> str:
    """`1 trade`, `64 trades`."""
    return f"{plain(count)} {one if count == 1 else several or one + 's'}"


def printable(told: str) -> str:
    """The text with `?` for what is no letter of a line: no terminal takes it for commands, no page turns it around.
    The end of a line stays, other white space becomes blanks."""
    if told.isprintable():
        return told
    plain_space = told.expandtabs(4).replace("\r\n", "\n").replace("\xa0", " ")
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in plain_space)
