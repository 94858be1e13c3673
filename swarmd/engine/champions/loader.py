"""Loading a champion for use: verified, cached by content, and never failing for want of one.

For whatever trades or exports. A niche without a champion, with a damaged file, or with one that was dethroned gives
the strategy's baseline and says so in `meta["champion"]`; the caller decides whether that is good enough. Who trades
for days asks `refresh` now and then, or is told by `watch`.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from swarmd.engine.champions.champion import ChampionFile, champion_of_file, champion_path
from swarmd.engine.champions.changes import dethroning_of, readable_changes
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError
from swarmd.state.steady_event import SteadyEvent


@dataclass(frozen=True, slots=True)
class Loaded:
    """What to run: strategy, mode and parameters; `meta["champion"]["source"]` is "champion" or "baseline"."""

    strategy: str
    mode: str
    parameters: dict[str, float | int]
    champion: ChampionFile | None
    meta: dict[str, Any]


OnChange = Callable[[Loaded], None]
HOUR_S = 3600.0


class Watch:
    """A niche looked at every so often by a thread of its own, until `stop`; also a block's context.

    `loaded` is what is in force as far as it has looked. An exception of the callback ends the thread, is printed as
    threads' exceptions are, and is kept in `failure`: a live user must not go on with a hook that no longer hooks.
    """

    def __init__(self, look: Callable[[], Loaded], on_change: OnChange, every_seconds: float, name: str) -> None:
        self.loaded = look()
        self.failure: BaseException | None = None
        self._look = look
        self._on_change = on_change
        self._every = every_seconds
        self._stopped = SteadyEvent()
        self._thread = threading.Thread(target=self._run, name=f"champion of {name}", daemon=True)
        self._thread.start()

    @property
    def is_watching(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Return when the thread has ended; a callback at work ends first."""
        self._stopped.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self._every):
                found = self._look()
                if found != self.loaded:
                    self.loaded = found
                    self._on_change(found)
        except BaseException as fault:
            self.failure = fault
            raise


class ChampionLoader:
    """Reads `champions/` of one home. `strategy` names whose baseline (and `mode`) stands in for a missing champion."""

    def __init__(self, champions: Path, *, strategy: str = "mtf_ema", mode: str = "balanced") -> None:
        self._champions = champions
        self._strategy = strategy
        self._mode = mode
        self._cache: dict[Path, tuple[str, Loaded]] = {}
        self._given: dict[tuple[str, str], Loaded] = {}

    def load(self, symbol: str, timeframe: str) -> Loaded:
        """The champion of the niche as the file says now, else the baseline."""
        path = champion_path(self._champions, symbol, timeframe)
        return self._keep(symbol, timeframe, self._loaded(path, _content(path)))

    def load_cached(self, symbol: str, timeframe: str) -> Loaded:
        """As `load`, but the file is parsed and verified only when its content has changed.

        It is read every time: two contents may bear one modification time, and a champion is a page long.
        """
        path = champion_path(self._champions, symbol, timeframe)
        content = _content(path)
        digest = "" if content is None else hashlib.sha256(content).hexdigest()
        cached = self._cache.get(path)
        if cached is None or cached[0] != digest:
            cached = (digest, self._loaded(path, content))
            self._cache[path] = cached
        return self._keep(symbol, timeframe, cached[1])

    def refresh(self) -> dict[tuple[str, str], Loaded]:
        """Every niche this loader was asked for, read again: those whose answer is another one now, by symbol and
        timeframe."""
        before = dict(self._given)
        return {niche: now for niche, then in before.items() if (now := self.load(*niche)) != then}

    def watch(self, symbol: str, timeframe: str, on_change: OnChange, every_seconds: float = HOUR_S) -> Watch:
        """Look at the niche every hour, or as often as is asked; `on_change` is called with what is to run from now
        on: a new champion, or the baseline where the champion was dethroned, damaged or taken away.

        It is called by the watching thread, and never for what was there at the start: that is the watch's `loaded`.
        """
        if not every_seconds > 0.0:
            raise ValueError(f"champion watch: every {every_seconds} seconds; give a positive number")
        return Watch(lambda: self.load(symbol, timeframe), on_change, every_seconds, f"{symbol} {timeframe}")

    def _keep(self, symbol: str, timeframe: str, loaded: Loaded) -> Loaded:
        self._given[(symbol, timeframe)] = loaded
        return loaded

    def _loaded(self, path: Path, content: bytes | None) -> Loaded:
        changes = readable_changes(self._champions)
        if content is None:
            own = [change for change in changes if change.niche == path.stem]
            if own and own[-1].change == "dethroned":
                return self._baseline(path, f"its champion was dethroned on {own[-1].at[:10]}: {own[-1].reason}")
            return self._baseline(path, "there is no champion of this niche")
        try:
            champion = champion_of_file(content, path)
        except OperatorError as refusal:
            return self._baseline(path, str(refusal))
        # Copied back by hand, or the monitor was killed between its word and its deed: dethroned is dethroned.
        fallen = dethroning_of(changes, path.stem, champion.claim)
        if fallen is not None:
            return self._baseline(path, f"this champion was dethroned on {fallen.at[:10]}: {fallen.reason}")
        told = {
            "source": "champion",
            "origin": champion.origin,
            "path": str(path),
            "checksum": champion.checksum,
            "score": champion.score,
            "created_at": champion.created_at,
            "tried": champion.tried,
        }
        return Loaded(champion.strategy, champion.mode, dict(champion.parameters), champion, {"champion": told})

    def _baseline(self, path: Path, reason: str) -> Loaded:
        card = strategy_named(self._strategy).card
        told = {"source": "baseline", "path": str(path), "reason": reason}
        return Loaded(self._strategy, self._mode, dict(card.baseline), None, {"champion": told})


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
