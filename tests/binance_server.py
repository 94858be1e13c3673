"""A server on loopback that speaks Binance's exchangeInfo and klines, and misbehaves as scripted.

It holds the truth: the rows of each market. A fault, named in `faults`, is played on the next request for klines and
then gone; `withheld` bars are those it once left out though it has them.
"""

import bisect
import datetime as dt
import email.utils
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

STEP_MS = 300_000
FIRST_MS = 1_672_531_200_000  # 2023-01-01 00:00 UTC

Row = tuple[int, float, float, float, float, float]

# What can go wrong with one answer. The first line never harms a bar; the second leaves out bars that are there.
FAULTS = (
    "429", "418", "500", "503", "cut", "reset", "truncated", "html", "half", "again", "shuffled", "stuttered",
    "empty", "stale", "hole",
)  # fmt: skip


def market_rows(n_bars: int, *, first_ms: int = FIRST_MS, seed: int = 1, missing: Iterable[int] = ()) -> list[Row]:
    """Bars of five minutes with prices near 100, without those at the positions `missing`."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n_bars))), 4)
    open_ = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(open_, close) + 0.05, np.minimum(open_, close) - 0.05
    volume = np.round(rng.lognormal(3, 1, n_bars), 5)
    absent = set(missing)
    return [
        (first_ms + STEP_MS * bar, *map(float, (open_[bar], high[bar], low[bar], close[bar], volume[bar])))
        for bar in range(n_bars)
        if bar not in absent
    ]


class _QuietServer(ThreadingHTTPServer):
    """A client that was killed in the middle of an answer is what the tests are about, and no news."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class BinanceServer:
    """The server while its `with` lasts.

    `now_ms` is its clock, told in every answer; rows that open later are not there yet, and the one in progress is
    given with a close of its own each time it is asked for.
    """

    def __init__(self, markets: dict[str, Sequence[Row]], *, now_ms: int | None = None, page_rows: int = 1000) -> None:
        self.markets = {name: list(rows) for name, rows in markets.items()}
        self.now_ms = now_ms
        self.page_rows = page_rows
        self.faults: deque[str] = deque()
        self.retry_after: str | None = "0"
        self.before_answer: Callable[[int], None] = lambda n_asked: None
        self.asked: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []
        self._last: dict[str, list[Any]] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

            def date_time_string(self, timestamp: float | None = None) -> str:
                if outer.now_ms is None:
                    return super().date_time_string(timestamp)
                return email.utils.format_datetime(dt.datetime.fromtimestamp(outer.now_ms / 1000, dt.UTC), usegmt=True)

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "BinanceServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # -- answers ----------------------------------------------------------------------------------------------------

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        with self._lock:
            self.headers.append(dict(handler.headers))
        if address.path == "/api/v3/exchangeInfo":
            self._send(handler, 200, {"timezone": "UTC", "symbols": [_listing(name) for name in self.markets]})
        elif address.path != "/api/v3/klines":
            self._send(handler, 404, {"code": -1, "msg": "no such path"})
        elif asked["symbol"] not in self.markets:
            self._send(handler, 400, {"code": -1121, "msg": "Invalid symbol."})
        else:
            self._send_klines(handler, asked)

    def _send_klines(self, handler: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        name, start, limit = asked["symbol"], int(asked["startTime"]), min(int(asked["limit"]), self.page_rows)
        with self._lock:
            self.asked.append((name, start))
            n_asked = len(self.asked)
            fault = self.faults.popleft() if self.faults else ""
            page = self._page(name, start, limit, n_asked)
            stale = self._last.get(name, [])
            self._last[name] = page
        self.before_answer(n_asked)
        match fault:
            case "429" | "418" | "500" | "503":
                self._send(handler, int(fault), {"code": -1003, "msg": "Too much request weight used"})
            case "cut":
                self._send(handler, 200, page, keep=0.5)
            case "reset":
                handler.close_connection = True
            case "truncated":
                self._send_bytes(handler, 200, json.dumps(page).encode()[:-7])
            case "html":
                self._send_bytes(handler, 200, b"<html><body>Just a moment...</body></html>")
            case _:
                self._send(handler, 200, _spoilt(page, stale, fault))

    def _page(self, name: str, start: int, limit: int, n_asked: int) -> list[Any]:
        held = self.markets[name]
        first = bisect.bisect_left(held, (start,))
        rows = held[first : first + limit]
        if self.now_ms is not None:
            rows = [
                row if row[0] + STEP_MS <= self.now_ms else (*row[:2], 999.0, row[3], 100.0 + n_asked, row[5])
                for row in rows
                if row[0] <= self.now_ms
            ]
        return [[row[0], *map(str, row[1:]), row[0] + STEP_MS - 1, "0", 1, "0", "0", "0"] for row in rows]

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: object, *, keep: float = 1.0) -> None:
        self._send_bytes(handler, status, json.dumps(body).encode(), keep=keep)

    def _send_bytes(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, *, keep: float = 1.0) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        if status in (418, 429) and self.retry_after is not None:
            handler.send_header("Retry-After", self.retry_after)
        handler.end_headers()
        handler.wfile.write(body[: int(len(body) * keep)])
        if keep < 1.0:
            handler.close_connection = True


def _spoilt(page: list[Any], stale: list[Any], fault: str) -> list[Any]:
    """The page as a fault makes it; a plain one where there is none."""
    match fault:
        case "half":
            return page[: max(len(page) // 2, 1)]
        case "again":
            return [*stale, *page]
        case "shuffled":
            return page[::-1]
        case "stuttered":
            return [row for row in page for _ in range(2)]
        case "empty":
            return []
        case "stale":
            return stale
        case "hole":
            return [row for place, row in enumerate(page) if place % 3 != 1]
        case _:
            return page


def _listing(name: str) -> dict[str, Any]:
    quote = next(coin for coin in ("USDT", "BTC") if name.endswith(coin))
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": name.removesuffix(quote),
        "quoteAsset": quote,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [],
        "orderTypes": ["LIMIT"],
    }
