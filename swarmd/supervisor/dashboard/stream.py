"""What every open page is told each second: one frame, made once, sent to all (server-sent events).

A client that is slow misses frames and gets the next one, for a frame tells how it stands; what *happened* is never
missed: each event bears its line's number, and a client that comes back names the last it has (``Last-Event-ID``).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import orjson

from swarmd.supervisor.dashboard.answers import Answers

Row = dict[str, Any]

CLIENTS_MAX = 1_024
_EVERY_S = 1.0
# With nobody there: often enough that the first page has little to catch up with.
_IDLE_EVERY_S = 10.0
_PING_EVERY_S = 15.0
_RETRY_MS = 1_500
_FIRST_EVENTS = 60


class Stream:
    """``tick`` runs for as long as the server does; ``frames`` once a client."""

    def __init__(self, answers: Answers, *, clients_max: int = CLIENTS_MAX) -> None:
        self._answers = answers
        self._clients_max = clients_max
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._came = asyncio.Event()
        self._frame = b""
        self._frame_since = 0
        self._frame_seq = 0
        self._number = 0
        self._n_told = -1
        self.n_clients = 0
        self.n_refused = 0

    @property
    def is_full(self) -> bool:
        return self.n_clients >= self._clients_max

    def refuse(self) -> None:
        self.n_refused += 1

    def stop(self) -> None:
        self._stop.set()
        self._news.set()
        self._came.set()

    async def tick(self, after: Callable[[], None] = lambda: None) -> None:
        """Look, and tell everybody when something changed. ``after`` is called at each turn."""
        while not self._stop.is_set():
            self._came.clear()
            self._answers.look()
            # By the count: whoever asked a moment ago may have been the one to find it.
            if self._answers.n_changes != self._n_told:
                self.tell()
            after()
            wait = _EVERY_S if self.n_clients else _IDLE_EVERY_S
            try:
                async with asyncio.timeout(wait):
                    await (self._stop if self.n_clients else self._came).wait()
            except TimeoutError:
                continue

    def tell(self) -> None:
        """Make the frame of this moment and wake everybody."""
        self._n_told = self._answers.n_changes
        self._frame_since, self._frame_seq = self._frame_seq, self._answers.reader.seq
        fresh = [row for row in self._answers.reader.events if row["seq"] > self._frame_since]
        self._frame = _state(self._answers.now()) + _happened(fresh if self._number else [])
        self._number += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def frames(self, last_event: str) -> AsyncIterator[bytes]:
        """Everything for one client: what it missed, how it stands, then each frame as it is made."""
        self.n_clients += 1
        self._came.set()
        try:
            self._answers.look()
            # Before anything is sent: what comes about while it is on its way belongs to the next frame.
            first, number, seen = self._first(last_event), self._number, self._answers.reader.seq
            yield b"retry: %d\n\n" % _RETRY_MS
            yield first
            while not self._stop.is_set():
                news = self._news
                if self._number == number:
                    try:
                        async with asyncio.timeout(_PING_EVERY_S):
                            await news.wait()
                    except TimeoutError:
                        yield b": still here\n\n"
                        continue
                # Who has seen what the frame begins with gets it as it is; who missed one, a frame of its own.
                is_next, frame, number, after = seen == self._frame_since, self._frame, self._number, self._frame_seq
                if not is_next:
                    events = self._answers.reader.events
                    frame = _state(self._answers.now()) + _happened(
                        [row for row in events if seen < row["seq"] <= after]
                    )
                seen = max(seen, after)
                yield frame
        finally:
            self.n_clients -= 1

    def _first(self, last_event: str) -> bytes:
        events: Sequence[Row] = self._answers.reader.events
        if last_event.isascii() and last_event.isdigit():
            since = int(last_event[:18])
            # Another journal, or so long ago that not all of it is remembered: begin anew.
            is_known = since <= self._answers.reader.seq and (not events or events[0]["seq"] <= since + 1)
            if is_known:
                return _state(self._answers.now()) + _happened([row for row in events if row["seq"] > since])
        return b"event: begin\ndata: {}\n\n" + _state(self._answers.now()) + _happened([*events][-_FIRST_EVENTS:])


def _state(document: Row) -> bytes:
    return b"event: state\ndata: " + orjson.dumps(document) + b"\n\n"


def _happened(events: Iterable[Row]) -> bytes:
    rows = [*events]
    if not rows:
        return b""
    return b"id: %d\nevent: happened\ndata: " % rows[-1]["seq"] + orjson.dumps(rows) + b"\n\n"
