"""What results remember of the trial ledger: the digest of every line that was told for them.

A chain betrays a line that was changed, never one that was cut off at its end, and a ledger that is gone says nothing
at all. So each phase keeps the digests of its lines in `ledger_told.json` beside its results, and whoever judges asks
for those of the whole home: a new campaign that finds an empty ledger is not the first to search its asset.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swarmd.engine.phases.desk import check_disk, json_bytes
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import Entry, LedgerName, TrialLedgers, Vintage

TOLD_FILE = "ledger_told.json"
SCHEMA = "swarmd.ledger_told/1"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A line as the folder of its results remembers it. `days` is None for one of before they were noted: any day."""

    ledger: LedgerName
    digest: str
    run: str
    days: Vintage | None
    path: Path


def remember(entry: Entry, folder: Path) -> None:
    """Keep the line's digest beside the results that rely on it. The caller holds the folder.

    In a file of its own: results come out the same every time, and a ledger's digests never do.
    """
    path = folder / TOLD_FILE
    batch = entry.batch
    told = {"phase": batch.phase, "run": batch.run, "count": batch.count, "lines": entry.line, "head": entry.digest}
    told |= {"ledger": f"{batch.symbol}/{batch.family}", "vintage": str(batch.vintage)}
    atomic_write(path, json_bytes({"schema": SCHEMA, "told": [*_told_in(path), told]}), sync=True)


def heads_in(folder: Path) -> tuple[str, ...]:
    """The digest of every line that was told from this folder or one below it. OperatorError where one is unreadable:
    what is unknown counts as told."""
    return tuple(line.digest for line in _lines_below(folder))


def lost_lines(home: Home, symbol: str | None = None, days: Vintage | None = None) -> tuple[Remembered, ...]:
    """The lines that results in this home remember and its ledger has no more: of one asset, on any of these days.

    Raises
    ------
    OperatorError
        If a ledger's chain is broken, or what a folder remembers cannot be read.
    """
    # What is remembered was told before: read in this order, a line that is told meanwhile is not missed.
    lines = [line for line in _lines_of(home, symbol) if days is None or line.days is None or line.days.overlaps(days)]
    with opened(home) as kept:
        ledgers = TrialLedgers(kept)
        there = {name: {entry.digest for entry in ledgers.read(name)} for name in {line.ledger for line in lines}}
    return tuple(line for line in lines if line.digest not in there[line.ledger])


def require_told(home: Home, symbol: str, days: Vintage) -> None:
    """Every line on these days of the asset that results in this home remember is still in its ledger.

    Raises
    ------
    OperatorError
        If one is gone: the ledger was deleted, cut off, or replaced by another; or if its chain is broken.
    """
    lost = lost_lines(home, symbol, days)
    if lost:
        raise OperatorError(
            f"{words_of_lost(home, lost)}: put the ledger back from a copy, or take days that nobody has searched"
        )


def words_of_lost(home: Home, lost: tuple[Remembered, ...]) -> str:
    """What is missing of the first one's ledger, for people."""
    first = lost[0]
    with opened(home) as kept:
        ledgers = TrialLedgers(kept)
        place, there = ledgers.place(first.ledger), len(ledgers.read(first.ledger))
    gone = sum(line.ledger == first.ledger for line in lost)
    return (
        f"{place}: {gone} of its lines {'is' if gone == 1 else 'are'} gone, the first with digest "
        f"{first.digest[:12]} (told by {first.run}, remembered in {first.path}), and it has {there} now; it was "
        "deleted, cut off or replaced"
    )


def _lines_of(home: Home, symbol: str | None) -> Iterator[Remembered]:
    for campaign in sorted(home.results.glob("*")):
        assets = sorted(campaign.glob("*")) if symbol is None else [campaign / symbol]
        for asset in assets:
            yield from _lines_below(asset)


def _lines_below(folder: Path) -> Iterator[Remembered]:
    for path in sorted(folder.rglob(TOLD_FILE)):
        for told in _told_in(path):
            try:
                days = Vintage.of(told["vintage"]) if "vintage" in told else None
                line = Remembered(LedgerName(*told["ledger"].split("/", 1)), told["head"], told["run"], days, path)
            except (OperatorError, ValueError, KeyError, TypeError, AttributeError) as cause:
                raise _unreadable(path, cause) from cause
            yield line


def _told_in(path: Path) -> list[dict[str, str]]:
    try:
        told: list[dict[str, str]] = json.loads(path.read_bytes())["told"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as cause:
        check_disk(path, cause)
        raise _unreadable(path, cause) from cause
    return told


def _unreadable(path: Path, cause: Exception) -> OperatorError:
    return OperatorError(
        f"{path} cannot be read ({cause!r}), so nobody knows what was told to the trial ledger; put it back from a "
        "copy, or go on in a new home"
    )
