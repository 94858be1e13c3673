"""The vault: the last part of the data, opened once, for one finalist.

Where it is kept for the guards, the screen has a stretch of its own, opened once like it under another name.
`vault_opened.json` is written before the first look and never again. The same finalist may be looked at again (a killed
run is repeated and sees what it saw); another one is refused, or selection would creep in through the back door.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.phases.desk import json_bytes
from swarmd.engine.phases.question import Question
from swarmd.engine.strategies.contract import BarStrategy, Columns, Params, StrategyCard, in_mode
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import atomic_write

VAULT_FILE = "vault_opened.json"
SCREEN_STRETCH_FILE = "screen_opened.json"
SCHEMA = "swarmd.vault/1"


def open_vault(folder: Path, finalist: dict[str, Any], note: str = VAULT_FILE) -> Path:
    """Note for whom the vault is opened, or refuse; the note is on the disk before this returns.

    Raises
    ------
    OperatorError
        If it was opened for another finalist, or the note cannot be read: what is unknown counts as seen.
    """
    path = folder / note
    wanted = {"schema": SCHEMA, **finalist}
    if not path.exists():
        atomic_write(path, json_bytes(wanted), sync=True)
        return path
    try:
        seen = json.loads(path.read_bytes())
    except ValueError:
        seen = None
    except OSError as cause:
        raise OutsideError(f"cannot read {path}: {os.strerror(cause.errno or 0)}") from cause
    # Compared as JSON, so that 20 and 20.0 are what they are in the file.
    if seen != json.loads(json_bytes(wanted)):
        seen = seen if isinstance(seen, dict) else {}
        raise OperatorError(
            f"{path}: the vault was opened for trial {seen.get('trial')} with {seen.get('params')}, and now trial "
            f"{finalist['trial']} with {finalist['params']} asks; a vault is opened once: "
            "take data that nobody has looked at, in a new campaign"
        )
    return path


def opened_for(question: Question, finalist: Mapping[str, Any]) -> dict[str, Any]:
    """Who looks at the vault, and at which: what the note says."""
    return {
        "symbol": question.symbol,
        "mode": question.mode,
        "strategy": question.strategy_name,
        "trial": finalist["number"],
        "params": finalist["params"],
        "score": finalist["score"],
        "vault_bar": question.vault_bar,
        "data_sha256": question.origin.data_sha256,
    }


class WarmedUp:
    """A strategy on the bars from `start` on, whose indicators have seen all the bars before.

    Hand it `history.between(start, n_bars)`: events come from the whole history, and those before the start are
    dropped. The first trade is thus of a crossing at or after the start; nothing is held over from before, nothing
    later is seen.
    """

    card: StrategyCard

    def __init__(self, strategy: BarStrategy, history: Bars, start: int) -> None:
        self.card = strategy.card
        self.strategy = strategy
        self.history = history
        self.start = start

    def in_mode(self, mode: str) -> "WarmedUp":
        return WarmedUp(in_mode(self.strategy, mode), self.history, self.start)

    def events(self, bars: Bars, params: Params) -> Events:
        if self.start + bars.n_bars != self.history.n_bars or bars.open_time[0] != self.history.open_time[self.start]:
            raise ValueError("these bars are not the end of the history; cut them from it with between(start, n_bars)")
        events = self.strategy.events(self.history, params)
        bar = events.bar - self.start
        # Bar 0 is left out too: its event was decided at a close that belongs to the development data.
        return events.at(bar, bar >= 1)

    def plan(self, params: Params) -> ExitPlan:
        return self.strategy.plan(params)

    def admissible(self, columns: Columns) -> BoolArray:
        return self.strategy.admissible(columns)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return 0
