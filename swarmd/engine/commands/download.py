"""`swarmd data download`: bars of an exchange into SYMBOL.parquet, several symbols at once, continued when cut off.

Arguments and threads; what is asked for, believed and kept is `engine/market`, and what is said `download_report.py`.
"""

import contextlib
import queue
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swarmd.engine.commands.download_report import Fetched, Screen, progress_screen, tell
from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.engine.commands.instants import instant_of
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.steady_event import SteadyEvent

if TYPE_CHECKING:  # ccxt alone takes seconds; everything that computes comes in when the command runs
    from swarmd.engine.market.download import Downloaded, Request
    from swarmd.engine.market.exchange import Exchange
    from swarmd.engine.market.patience import Pace, Patience

# A thread in a request sees a stop only at the answer; nobody waits longer than this for it.
_FAREWELL_S = 2.0


@click.command(
    epilog="Example: swarmd data download --exchange binance --symbols BTC/USDT,ETH/USDT --interval 5m"
    " --since 2023-01-01 --out data/bars_5m"
)
@click.option("--exchange", "exchange_name", default="binance", show_default=True, help="As ccxt names it.")
@click.option("--symbols", required=True, metavar="A/B,C/D", help="What to fetch, such as BTC/USDT,ETH/USDT.")
@click.option("--interval", default="5m", show_default=True, help="Interval of the bars.")
@click.option("--since", required=True, metavar="DAY", help="First open time wanted, UTC.")
@click.option("--until", metavar="DAY", help="First open time no longer wanted; now when absent.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files.")
@click.option("--parallel", default=4, show_default=True, type=click.IntRange(1, 32), help="Symbols at a time.")
@click.option("--attempts", default=8, show_default=True, type=click.IntRange(1, 100), help="Tries for each page.")
@click.option(
    "--retry-wait", default=1.0, show_default=True, type=click.FloatRange(0.0, 60.0),
    help="Seconds before the second try; doubled after each.",
)  # fmt: skip
@click.option("--api-url", metavar="URL", help="Send the requests to this host, such as a mirror or proxy.")
@click.option("--force", is_flag=True, help="Replace a file that is there by exactly what is asked for.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def download(
    exchange_name: str,
    symbols: str,
    interval: str,
    since: str,
    until: str | None,
    out: Path,
    parallel: int,
    attempts: int,
    retry_wait: float,
    api_url: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Fetch bars from an exchange and keep them as SYMBOL.parquet.

    The same command continues a download that was cut off, and extends a file that is there. Bars that are there and
    differ are an error. Gaps stay gaps; the bar still in progress is left out. Exit code 1 when the exchange failed.
    """
    from swarmd.engine.market.exchange import Exchange, checked_api_url, checked_file_symbol
    from swarmd.engine.market.patience import ExchangeError, Pace, Patience, StoppedError
    from swarmd.engine.market.timeframes import parse_interval

    stop = SteadyEvent()
    pace, patience = Pace(stop), Patience(attempts=attempts, first_wait_s=retry_wait)
    with told_to_the_operator():
        wanted = _listed(symbols)
        for symbol in wanted:
            checked_file_symbol(symbol)
        minutes = parse_interval(interval)
        since_ms, until_ms = _stretch(since, until)
        url = None if api_url is None else checked_api_url(api_url)
    try:
        with progress_screen() as screen:
            with told_to_the_operator():
                is_spot_only = not any(":" in symbol for symbol in wanted)
                exchange = Exchange(exchange_name, pace=pace, api_url=url, is_spot_only=is_spot_only)
                exchange.check_interval(minutes)
                _load_markets(exchange, patience, pace, screen)
                markets = _markets(exchange, wanted)
                span = _on_grid(since_ms, until_ms, exchange.clock_ms(time.time_ns() // 1_000_000), minutes)
                out.mkdir(parents=True, exist_ok=True)
            requests = [_request(exchange_name, market, minutes, span, out, is_forced=force) for market in markets]
            fetch = partial(_fetched, exchange, patience=patience, pace=pace, screen=screen)
            results = _in_threads(fetch, list(zip(requests, markets, strict=True)), parallel, stop)
    except ExchangeError as fault:
        raise OutsideError(f"{fault}; nothing was fetched yet, the same command tries again") from fault
    except (KeyboardInterrupt, StoppedError):
        click.echo(f"stopped; what came is kept in {out}, and the same command continues from there", err=True)
        raise KeyboardInterrupt from None
    tell(exchange_name, interval, results, as_json=as_json)


# -- arguments --------------------------------------------------------------------------------------------------------


def _listed(symbols: str) -> list[str]:
    names = list(dict.fromkeys(filter(None, (name.strip() for name in symbols.split(",")))))
    if not names:
        raise OperatorError("--symbols names none; write --symbols BTC/USDT,ETH/USDT")
    return names


def _stretch(since: str, until: str | None) -> tuple[int, int | None]:
    since_ms, until_ms = instant_of(since, flag="--since"), instant_of(until, flag="--until")
    assert since_ms is not None
    if since_ms < 0:
        raise OperatorError(f"--since {since} is before 1970; there were no bars then")
    if until_ms is not None and until_ms <= since_ms:
        raise OperatorError(f"--until {until} is not after --since {since}; exchange them, or leave --until out")
    return since_ms, until_ms


def _on_grid(since_ms: int, until_ms: int | None, now_ms: int, minutes: int) -> tuple[int, int]:
    """First open time, and the one that ends the stretch: bars that are not complete by now are left out."""
    from swarmd.engine.market.timeframes import MINUTE_MS, interval_name, utc_text

    step = minutes * MINUTE_MS
    first = -(-since_ms // step) * step
    complete_to = now_ms // step * step
    stop = complete_to if until_ms is None else min(-(-until_ms // step) * step, complete_to)
    if first >= stop:
        raise OperatorError(
            f"no {interval_name(minutes)} bar is complete from {utc_text(since_ms)} to"
            f" {utc_text(stop)}; it is {utc_text(now_ms // 60_000 * 60_000)} now: choose an earlier --since"
        )
    return first, stop


def _markets(exchange: "Exchange", wanted: list[str]) -> list[str]:
    from swarmd.engine.market.exchange import checked_file_symbol

    by_file: dict[str, str] = {}
    for text in wanted:
        market = exchange.symbol_named(text)
        other = by_file.setdefault(checked_file_symbol(market), market)
        if other != market:
            raise OperatorError(f"{other} and {market} would share a file; fetch one of them into another --out")
    return list(by_file.values())


def _request(
    exchange_name: str, market: str, minutes: int, span: tuple[int, int], out: Path, *, is_forced: bool
) -> "Request":
    from swarmd.engine.market.download import Request
    from swarmd.engine.market.exchange import checked_file_symbol
    from swarmd.engine.market.timeframes import interval_name

    return Request(
        symbol=checked_file_symbol(market),
        interval_minutes=minutes,
        since_ms=span[0],
        stop_ms=span[1],
        folder=out,
        origin=f"{exchange_name} {market} {interval_name(minutes)}",
        is_forced=is_forced,
    )


# -- work -------------------------------------------------------------------------------------------------------------


def _load_markets(exchange: "Exchange", patience: "Patience", pace: "Pace", screen: Screen) -> None:
    from swarmd.engine.market.patience import asked

    told = screen.line(exchange.name)
    asked(exchange.load_markets, patience=patience, rng=random.Random(), pace=pace, told_retry=told.retry)


def _fetched(
    exchange: "Exchange", request: "Request", market: str, *, patience: "Patience", pace: "Pace", screen: Screen
) -> Fetched:
    from swarmd.engine.market.download import download as downloaded
    from swarmd.engine.market.patience import ExchangeError

    began = time.monotonic()
    done: Downloaded | None = None
    fault: OperatorError | OutsideError | None = None
    try:
        with told_to_the_operator(), contextlib.closing(exchange.another()) as mine:
            source = _Page(mine, market, request.interval_minutes)
            done = downloaded(
                request, source, patience=patience, pace=pace, rng=random.Random(), told=screen.line(request.symbol)
            )
    except OperatorError as wrong:
        fault = wrong
    except ExchangeError as wrong:
        fault = OutsideError(str(wrong))
    return Fetched(request, time.monotonic() - began, done, fault)


class _Page:
    """Pages of one market from one connection."""

    def __init__(self, exchange: "Exchange", market: str, minutes: int) -> None:
        self._exchange, self._market, self._minutes = exchange, market, minutes
        self.page_rows = exchange.page_rows(market)

    def __call__(self, start_ms: int) -> object:
        return self._exchange.page(self._market, self._minutes, start_ms, self.page_rows)


def _in_threads(
    fetch: Callable[["Request", str], Fetched],
    work: list[tuple["Request", str]],
    parallel: int,
    stop: SteadyEvent,
) -> list[Fetched]:
    """Every symbol's end, in the order asked for; a fault of our own in one stops the others and is raised."""
    waiting: queue.SimpleQueue[tuple[int, tuple[Request, str]]] = queue.SimpleQueue()
    for task in enumerate(work):
        waiting.put(task)
    ended: dict[int, Fetched | BaseException] = {}

    def labour() -> None:
        with contextlib.suppress(queue.Empty):
            while not stop.is_set():
                number, task = waiting.get_nowait()
                try:
                    ended[number] = fetch(*task)
                except BaseException as fault:
                    ended[number] = fault
                    stop.set()

    # Daemons, so that a person who wants to leave does not wait for an exchange that does not answer.
    threads = [threading.Thread(target=labour, daemon=True) for _ in range(min(parallel, len(work)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        stop.set()
        leave_by = time.monotonic() + _FAREWELL_S
        for thread in threads:
            thread.join(max(leave_by - time.monotonic(), 0.0))
    for end in ended.values():
        if isinstance(end, BaseException):
            raise end
    return [end for _, end in sorted(ended.items()) if isinstance(end, Fetched)]
