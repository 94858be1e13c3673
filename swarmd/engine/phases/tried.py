"""What a question has cost in trials, told to the trial ledger in the question's own terms, and asked of it.

Whoever evaluates parameter vectors on the bars of a question calls `note_tried` once a batch; whoever judges a result
asks `tried_so_far`. Surrogates are no looks at the data and are not told here.
"""

from pathlib import Path

from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.question import Question
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, Entry, Vintage, append_batch, ledger_path, read_ledger, tried
from swarmd.state.units import Millis, iso


def note_tried(question: Question, home: Home, *, phase: str, count: int, run: str, at: Millis) -> None:
    """So many vectors were tried on the question's development bars; on the disk when this returns, nothing for 0."""
    if not count:
        return
    batch = Batch(
        symbol=question.symbol,
        family=question.strategy.card.name,
        vintage=vintage_of(question),
        interval=interval_name(question.bars.interval_minutes),
        phase=phase,
        count=count,
        run=run,
        code=question.origin.code_version,
        data=question.origin.data_sha256,
    )
    append_batch(home, batch, at)


def tried_so_far(question: Question, home: Home) -> int:
    """How many vectors of this family were ever tried on any day that the question's search has seen."""
    return tried(ledger_of(question, home)[1], vintage_of(question))


def ledger_of(question: Question, home: Home) -> tuple[Path, tuple[Entry, ...]]:
    """Where the question's ledger lies, and its batches, the chain checked."""
    path = ledger_path(home, question.symbol, question.strategy.card.name)
    return path, read_ledger(path)


def vintage_of(question: Question) -> Vintage:
    """The days that a search of the question sees: the vault's are not among them."""
    bars = question.development
    return Vintage(*(iso(int(bars.open_time[bar])).partition("T")[0] for bar in (0, -1)))
