"""What a question has cost in trials, told to the trial ledger in the question's own terms, and asked of it.

Whoever evaluates parameter vectors on the bars of a question calls `note_tried` once a batch; whoever judges a result
asks `tried_so_far`, after `remembered.require_told` has found every line that the home's results remember. Surrogates
are no looks at the data and are not told here; a look at the vault is told by `looks`.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.remembered import remember
from swarmd.engine.search.provenance import Provenance
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import (
    Batch,
    Entry,
    LedgerName,
    Vintage,
    append_batch,
    read_ledger,
    tried,
)
from swarmd.state.units import Millis, iso


def note_tried(
    question: Question,
    home: Home,
    *,
    phase: str,
    count: int,
    run: str,
    at: Millis,
    folder: Path | None = None,
    tell: Callable[[Home, Batch, Millis], Entry] = append_batch,
) -> None:
    """So many vectors were tried on the question's development bars; on the disk when this returns, nothing for 0.

    With a folder, the line is remembered there. `tell` is the desk's, where there is one.

    Raises
    ------
    Relabelled
        If these prices are known under another name, or as other days.
    OperatorError
        If the ledger's chain is broken.
    """
    if not count:
        return
    batch = batch_on(
        question.development,
        symbol=question.symbol,
        family=question.strategy.card.name,
        origin=question.origin,
        phase=phase,
        count=count,
        run=run,
    )
    entry = tell(home, batch, at)
    if folder is not None:
        remember(entry, folder)


def batch_on(bars: Bars, *, symbol: str, family: str, origin: Provenance, phase: str, count: int, run: str) -> Batch:
    """A batch on all of these bars, a stretch of the data whose `origin` it is."""
    return Batch(
        symbol=symbol,
        family=family,
        vintage=days_of(bars),
        interval=interval_name(bars.interval_minutes),
        phase=phase,
        count=count,
        run=run,
        code=origin.code_version,
        data=origin.data_sha256,
        prices=prices_of(bars),
    )


def tried_so_far(question: Question, home: Home) -> int:
    """How many vectors of this family were ever tried on any day that the question's search has seen."""
    return tried(ledger_of(question, home)[1], vintage_of(question))


def ledger_of(question: Question, home: Home) -> tuple[LedgerName, tuple[Entry, ...]]:
    """Which ledger is the question's, and its batches, the chain checked."""
    name = LedgerName(question.symbol, question.strategy.card.name)
    return name, read_ledger(home, name)


def vintage_of(question: Question) -> Vintage:
    """The days that a search of the question sees: the vault's are not among them."""
    return days_of(question.development)


def days_of(bars: Bars) -> Vintage:
    return Vintage(*(iso(int(bars.open_time[bar])).partition("T")[0] for bar in (0, -1)))


def prices_of(bars: Bars) -> str:
    """Digest of the prices without times and name: the same under whatever label (SHA-256, hex; 3 ms a year of 5-minute
    bars)."""
    digest = hashlib.sha256()
    for prices in (bars.open, bars.high, bars.low, bars.close):
        digest.update(np.ascontiguousarray(prices, dtype="<f8").data)
    return digest.hexdigest()
