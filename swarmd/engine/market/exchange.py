"""Exchange: klines and the clock of one exchange through ccxt, its faults told in our words.

The download asks through here and nothing else knows ccxt, which costs seconds to import and is an extra. Public data
only: no key is read, kept or sent. What a page holds is judged in `paging.py`.
"""

import datetime as dt
import difflib
import email.utils
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from swarmd.engine.market.faults import DataError
from swarmd.engine.market.patience import ExchangeError, Pace
from swarmd.engine.market.timeframes import INTERVALS, interval_name

# Answers that do not change when asked again; every other failure may.
_FINAL_STATUS = {400, 401, 403, 404, 405, 407, 410, 422, 451}
_TIMEOUT_MS = 20_000


class Exchange:
    """One exchange as one thread talks to it; `another` gives the next thread its own, with the markets shared.

    Every request takes its turn at the `pace`, at the cost that ccxt knows for it.
    """

    def __init__(self, name: str, *, pace: Pace, api_url: str | None = None, is_spot_only: bool = True) -> None:
        self.name, self._pace, self._api_url, self._is_spot_only = name, pace, api_url, is_spot_only
        self._ccxt = _ccxt()
        self._api = self._connected()

    def another(self) -> "Exchange":
        """The same exchange with a connection of its own; markets must be loaded."""
        twin = Exchange(self.name, pace=self._pace, api_url=self._api_url, is_spot_only=self._is_spot_only)
        twin._api.set_markets_from_exchange(self._api)
        return twin

    def check_interval(self, minutes: int) -> None:
        """Refuses an interval the exchange does not offer, and names those it does."""
        offered = [name for name in INTERVALS if name in (self._api.timeframes or {})]
        if interval_name(minutes) not in offered:
            raise DataError(
                f"{self.name} has no {interval_name(minutes)} bars; it offers {', '.join(offered) or 'none of ours'}"
            )

    def load_markets(self) -> None:
        """Asks what is traded; one request at most exchanges."""
        self._asked(lambda: self._api.load_markets())

    def symbol_named(self, text: str) -> str:
        """The exchange's name of a market, for `BTC/USDT` or `BTCUSDT`; an unknown one is refused with the nearest."""
        markets: Mapping[str, Any] = self._api.markets
        if text in markets:
            return text
        joined = {file_symbol(name): name for name in markets}
        if text.upper() in joined:
            return joined[text.upper()]
        if text.upper() in markets:
            return text.upper()
        near = difflib.get_close_matches(text.upper(), markets, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it trades {', '.join(list(markets)[:3])} and others"
        raise DataError(f"{self.name} does not trade {text}; {hint}")

    def page_rows(self, symbol: str) -> int:
        """How many bars to ask for at once. More than the exchange gives would make some skip the oldest."""
        return int(self._api.feature_value(symbol, "fetchOHLCV", "limit", None) or 500)

    def page(self, symbol: str, minutes: int, start_ms: int, limit: int) -> object:
        """Rows from `start_ms` on, as ccxt gives them, unjudged."""

        def ask() -> object:
            rows = self._api.fetch_ohlcv(symbol, interval_name(minutes), since=start_ms, limit=limit)
            # ccxt reads a page of HTML, or half a JSON, as an empty page: bars would be believed absent.
            if self._api.last_json_response is None:
                raise ExchangeError(f"{self.name}: an answer is no JSON: {str(self._api.last_http_response)[:60]!r}")
            return rows

        return self._asked(ask)

    def clock_ms(self, ours_ms: int) -> int:
        """Our clock, or the exchange's by its last answer where that is behind: no bar is complete before both say."""
        told = (self._api.last_response_headers or {}).get("Date")
        theirs = _http_instant(told) if told else None
        return ours_ms if theirs is None else min(ours_ms, round(theirs.timestamp() * 1000))

    def close(self) -> None:
        if self._api.session is not None:
            self._api.session.close()

    def _connected(self) -> Any:
        if self.name not in self._ccxt.exchanges:
            near = difflib.get_close_matches(self.name, self._ccxt.exchanges, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}?" if near else "ccxt's list of exchanges has the names"
            raise DataError(f"exchange {self.name!r} is not known; {hint}")
        api = getattr(self._ccxt, self.name)({"enableRateLimit": True, "timeout": _TIMEOUT_MS})
        if not api.has.get("fetchOHLCV"):
            raise DataError(f"{self.name} gives no bars through ccxt; choose another exchange")
        # Names of coins are not needed, and cost a request more, at some exchanges one that wants a key.
        api.has["fetchCurrencies"] = False
        api.options["fetchCurrencies"] = False
        if self._is_spot_only and isinstance(api.options.get("fetchMarkets"), dict):
            api.options["fetchMarkets"] = {**api.options["fetchMarkets"], "types": ["spot"]}
        if self._api_url is not None:
            api.urls["api"] = _redirected(api.urls["api"], self._api_url)
        api.enableLastJsonResponse = api.enableLastHttpResponse = True
        # In place of ccxt's own wait, which each connection would keep for itself: the same costs, on one clock.
        api.throttle = lambda cost=None: self._pace.take(api.rateLimit * (cost or 1) / 1000)
        return api

    def _asked(self, ask: Any) -> Any:
        try:
            return ask()
        except self._ccxt.BaseError as fault:
            raise _told_fault(fault, self._ccxt, self.name) from fault
        except (AttributeError, KeyError, IndexError, TypeError) as fault:
            # ccxt walks an answer that is cut short or made of something else as if it were whole.
            raise ExchangeError(
                f"{self.name}: an answer could not be read ({type(fault).__name__}: {fault})"
            ) from fault


def checked_api_url(text: str) -> str:
    """An address to send requests to in place of the exchange's own."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise DataError(f"--api-url: {text!r} is no address; write http://HOST:PORT or https://HOST/PATH")
    return text.rstrip("/")


def file_symbol(symbol: str) -> str:
    """The name of a market's file: `BTCUSDT` for `BTC/USDT`; refused where it could not be one."""
    return symbol.replace("/", "").replace(":", "_")


def checked_file_symbol(symbol: str) -> str:
    """`file_symbol`, where it can be a file's name."""
    name = file_symbol(symbol)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise DataError(f"symbol {symbol!r} cannot be a file's name; write it as BTC/USDT")
    return name


def retry_after_s(text: str | None, now: dt.datetime) -> float | None:
    """Seconds of a Retry-After header, which holds a number or an instant; None where it holds neither."""
    if text is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", text):
        return float(text)
    instant = _http_instant(text)
    return None if instant is None else max((instant - now).total_seconds(), 0.0)


def _http_instant(text: str) -> dt.datetime | None:
    try:
        instant = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=dt.UTC)


def _ccxt() -> Any:
    try:
        import ccxt
    except ImportError as fault:
        raise DataError("downloading needs ccxt, which is not installed; run: pip install 'swarmd[data]'") from fault
    return ccxt


def _redirected(urls: Any, api_url: str) -> Any:
    """Every address in a tree of them, sent to another host; its path stays, after the path of `api_url`."""
    if isinstance(urls, dict):
        return {key: _redirected(value, api_url) for key, value in urls.items()}
    return api_url + urlsplit(urls).path.rstrip("/") if isinstance(urls, str) else urls


def _told_fault(fault: BaseException, ccxt: Any, name: str) -> ExchangeError:
    """Which of the two it is, with what the exchange asked for; the status and headers hang in the chain of causes."""
    response = next((link.response for link in _chain(fault) if getattr(link, "response", None) is not None), None)
    status = None if response is None else int(response.status_code)
    kind = "could not be reached" if isinstance(fault, ccxt.NetworkError) else "refused"
    if isinstance(fault, ccxt.RequestTimeout) and status is None:
        kind = f"did not answer within {_TIMEOUT_MS // 1000} s"
    if response is not None:
        kind = f"answered {status} {response.reason}".rstrip()
    may_change = isinstance(fault, ccxt.OperationFailed) or (status is not None and status >= 500)
    return ExchangeError(
        f"{name} {kind} ({_short(fault)})",
        is_final=not may_change or status in _FINAL_STATUS,
        retry_after_s=None
        if response is None
        else retry_after_s(response.headers.get("Retry-After"), dt.datetime.now(dt.UTC)),
    )


def _chain(fault: BaseException | None) -> Iterable[Any]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__


def _short(fault: BaseException) -> str:
    text = " ".join(str(fault).split())
    return text if len(text) <= 120 else f"{text[:119]}…"
