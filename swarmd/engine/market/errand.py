"""Errand: one market's pages asked for until a stretch of bars is whole, kept as they come.

The download sends it. Which page comes next and what of it is believed is `paging.py`, waiting is `patience.py`, what
is kept `parts.py`; here they meet.
"""

import random
from typing import Protocol

from swarmd.engine.market.paging import PageError, Row, Span, Walk, advance, judged_page
from swarmd.engine.market.parts import Parts
from swarmd.engine.market.patience import ExchangeError, Pace, Patience, asked
from swarmd.engine.market.timeframes import utc_text


class Source(Protocol):
    """Pages of one market: rows from an open time on, unjudged; `ExchangeError` when there is no answer."""

    page_rows: int

    def __call__(self, start_ms: int) -> object: ...


class Told(Protocol):
    """Who is told how it goes: bars still to be settled, bars settled, and each wait with its reason."""

    def expect(self, n_bars: int) -> None: ...

    def advance(self, n_bars: int) -> None: ...

    def retry(self, reason: str, wait_s: float) -> None: ...


class Errand:
    """Walks the spans of one download, keeps what is settled, and counts; `origin` names the market, `step` is ms."""

    def __init__(
        self,
        source: Source,
        parts: Parts,
        *,
        origin: str,
        step: int,
        patience: Patience,
        pace: Pace,
        rng: random.Random,
        told: Told,
    ) -> None:
        self.source, self.parts, self.origin, self.step = source, parts, origin, step
        self.patience, self.pace, self.rng, self.told = patience, pace, rng, told
        self.n_pages = self.n_retries = 0

    def walk(self, span: Span) -> None:
        """Asks until everything of the span is settled; what is settled is kept at once."""
        walk = Walk(cursor=span.start, stop=span.stop, step=self.step, page_rows=self.source.page_rows)
        kept_to = span.start
        barren_from: int | None = None
        while not walk.is_over:
            if walk.n_empty and barren_from is None:
                # An exchange that has lost its bars for a moment gets one; a long stretch without bars is not slowed.
                self.pace.rest(self.patience.first_wait_s)
            before = walk.cursor
            walk, settled = self._asked_on(walk)
            if not settled and walk.cursor > before and barren_from is None:
                barren_from = before
            if settled:
                if barren_from is not None:
                    settled = (*self._looked_again(Span(barren_from, settled[0].open_time)), *settled)
                    barren_from = None
                # A barren end is not kept: the exchange may only be late with its newest bar.
                kept_to, kept_from = settled[-1].open_time + walk.step, kept_to
                self.parts.keep(Span(kept_from, kept_to), settled)
            self.told.advance((min(walk.cursor, walk.stop) - before) // walk.step)

    def _looked_again(self, span: Span) -> tuple[Row, ...]:
        """The bars of a stretch that seemed empty, asked for once more now that the exchange has bars behind it.

        Else an exchange that answered with nothing for a second would have left out a whole page for good.
        """
        walk = Walk(cursor=span.start, stop=span.stop, step=self.step, page_rows=self.source.page_rows)
        walk, found = self._asked_on(walk)
        while (found or walk.ahead) and not walk.is_over:
            walk, more = self._asked_on(walk)
            found += more
        return found

    def _asked_on(self, walk: Walk) -> tuple[Walk, tuple[Row, ...]]:
        """The walk after one good reply; a spoilt one is a failure like a cut connection."""

        def ask() -> tuple[Walk, tuple[Row, ...]]:
            self.n_pages += 1
            raw = self.source(walk.cursor)
            try:
                return advance(walk, judged_page(raw, start=walk.cursor, stop=walk.stop, step=walk.step))
            except PageError as spoilt:
                raise ExchangeError(f"{self.origin}: the page from {utc_text(walk.cursor)}: {spoilt}") from None

        return asked(ask, patience=self.patience, rng=self.rng, pace=self.pace, told_retry=self._retry)

    def _retry(self, reason: str, wait_s: float) -> None:
        self.n_retries += 1
        self.told.retry(reason, wait_s)
