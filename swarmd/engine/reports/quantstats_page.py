"""The same account as QuantStats sees it: its page, with nothing left in it that a browser would fetch or run.

QuantStats is an extra; it is imported here alone and only when asked. It wants daily returns and a year of 365
days, and then comes to our figures.
"""

import logging
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarmd.engine.certificates.markup import escaped
from swarmd.engine.reports import calendar
from swarmd.engine.reports.material import Stretch

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'\">"
    '<link rel="icon" href="data:,">'
)
# What its template and its plots bring along: a remote icon, a call of a script, links, and who made the plots.
_REMOVED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"<script\b.*?</script\s*>", ""),
    (r"<link\b[^>]*>", ""),
    (r"<metadata>.*?</metadata>", ""),
    (r"<!DOCTYPE svg[^>]*>|<\?xml[^>]*\?>", ""),
    (r'\son[a-z]+\s*=\s*("[^"]*"|\'[^\']*\')', ""),
    (r"<a\b[^>]*>(.*?)</a>", lambda found: found[1]),
)


def quantstats_page(name: str, account: Stretch) -> tuple[str, dict[str, float]]:
    """Its page and a few of its figures.

    Raises
    ------
    ImportError
        If it is not installed.
    ValueError
        If the account has too few days for its plots.
    """
    import matplotlib

    # Before anything draws: no screen is there, and none is wanted.
    matplotlib.use("Agg")
    # It wants a font that few servers have, and says so at every letter.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import pandas as pd
    import quantstats as qs

    if len(account.days) < 3:
        raise ValueError(
            f"{len(account.days)} days from the first entry to the last exit; QuantStats wants three at least"
        )
    returns = pd.Series(calendar.daily_returns(account.equity), index=pd.to_datetime(list(account.days)), name="trades")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # About what will be old in its plots one day: nothing that a reader of the page could mend.
        warnings.simplefilter("ignore")
        path = Path(folder) / "page.html"
        write: Any = qs.reports.html
        write(returns, output=str(path), title=escaped(name), periods_per_year=365)
        page = path.read_text(encoding="utf-8")
    figures: dict[str, Any] = {
        "annual_sharpe": qs.stats.sharpe(returns, periods=365),
        "annual_sortino": qs.stats.sortino(returns, periods=365),
        "annual_return": qs.stats.cagr(returns, periods=365),
        "max_drawdown": -qs.stats.max_drawdown(returns),
        "annual_volatility": qs.stats.volatility(returns, periods=365),
        "total_return": qs.stats.comp(returns),
    }
    return still(page), {told: float(value) for told, value in figures.items()}


def still(page: str) -> str:
    """The page without anything that is fetched or runs, under a policy that says so."""
    for pattern, instead in _REMOVED:
        page = re.sub(pattern, instead, page, flags=re.DOTALL | re.IGNORECASE)
    return re.sub(r"<head>", lambda found: found[0] + _POLICY, page, count=1, flags=re.IGNORECASE)
