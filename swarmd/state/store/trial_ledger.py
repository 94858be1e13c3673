"""The trial ledger: how many parameter vectors have ever been tried on an asset with a family of strategies.

One append-only chain for each of the two, `state/ledger/<SYMBOL>/<family>.jsonl`, one line an evaluation batch. What a
result is deflated by is asked here, so that neither a new campaign nor a restart makes a search look smaller than it
was. A look at the vault is a batch of one that names its finalist. How lines are sealed and checked is in `chain`; the
one thing refused here on its own account are known prices under another name.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.chain import Chain, Link, turn_in
from swarmd.state.store.files import Home
from swarmd.state.units import Millis, iso

FOLDER = "ledger"
# As results are kept below a folder of that name, and nothing that would lead out of it.
_PLAIN = re.compile(r"[^./\0\n][^/\0\n]*")


class Relabelled(OperatorError):  # noqa: N818  (it says what was done)
    """The same prices were tried under another name, or as other days."""


@dataclass(frozen=True, slots=True)
class Vintage:
    """A stretch of data by its first and last day, both UTC and both in it; written `2023-01-01_2024-05-31`.

    Of any timeframe: bars of an hour and of five minutes tell of the same days.
    """

    first: str
    last: str

    def __post_init__(self) -> None:
        for day in (self.first, self.last):
            try:
                is_day = dt.date.fromisoformat(day).isoformat() == day
            except ValueError:
                is_day = False
            if not is_day:
                raise OperatorError(f"vintage {self}: {day!r} is no day; write 2023-01-01_2024-05-31")
        if self.last < self.first:
            raise OperatorError(f"vintage {self}: it ends before it begins; exchange the two days")

    def __str__(self) -> str:
        return f"{self.first}_{self.last}"

    @classmethod
    def of(cls, text: str) -> "Vintage":
        first, _, last = text.partition("_")
        return cls(first, last)

    def overlaps(self, other: "Vintage") -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Batch:
    """One evaluation batch: `count` vectors tried by `phase` of `run` on bars of `vintage`, with that code and data.

    `prices` is a digest of those bars' prices without their times; `finalist` names the vector that looked at a vault.
    Lines of before there were the two have neither.
    """

    symbol: str
    family: str
    vintage: Vintage
    interval: str
    phase: str
    count: int
    run: str
    code: str
    data: str
    prices: str = ""
    finalist: str = ""

    @property
    def is_look(self) -> bool:
        return bool(self.finalist)


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch as it stands in a ledger: its line from 1 on, when it was written, and the digest it is sealed with."""

    line: int
    at: str
    batch: Batch
    digest: str


def ledger_path(home: Home, symbol: str, family: str) -> Path:
    """The ledger of the two. OperatorError for a name that would lead elsewhere."""
    for name, value in (("symbol", symbol), ("family", family)):
        if not _PLAIN.fullmatch(value):
            raise OperatorError(
                f"{name} {value!r} cannot be part of a ledger's name; use letters, digits, - and _, no /, and no dot "
                "at the beginning"
            )
    return home.state / FOLDER / symbol / f"{family}.jsonl"


def ledgers(home: Home) -> tuple[Path, ...]:
    """Every ledger of this home, by name."""
    return tuple(sorted((home.state / FOLDER).glob("*/*.jsonl")))


def append_batch(home: Home, batch: Batch, at: Millis) -> Entry:
    """Seal the batch onto its ledger; it is on the disk when this returns.

    Raises
    ------
    Relabelled
        If the batch's prices stand in a ledger of this home under another symbol, or as days it shares none with.
    OperatorError
        If the chain is broken; names file and line.
    OutsideError
        If it cannot be written; the ledger is as it was.
    """
    if batch.count < 1:
        raise ValueError(f"ledger: a batch of {batch.count} vectors is none; tell only what was tried")
    path = ledger_path(home, batch.symbol, batch.family)
    told = {"at": iso(at), **asdict(batch), "vintage": str(batch.vintage)}
    # Without the two a line is as those of before them are.
    told = {name: value for name, value in told.items() if value or name not in ("prices", "finalist")}
    with _prices_known_as(home, batch, path):
        return _entry(_chain(path).append(lambda links: told)[-1])


def read_ledger(path: Path) -> tuple[Entry, ...]:
    """Every batch of a ledger, the chain checked; none where there is no such file. A torn last line is no line yet.

    Raises
    ------
    OperatorError
        If the chain is broken; names file and line.
    """
    return tuple(_entry(link) for link in _chain(path).read())


def tried(entries: Iterable[Entry], vintage: Vintage | None = None) -> int:
    """How many vectors; of a vintage all that were tried on any day of it, so that a stretch moved by a day is no new
    one. A look at a vault is one, on the vault's days."""
    return sum(e.batch.count for e in entries if vintage is None or e.batch.vintage.overlaps(vintage))


def of_symbol(home: Home, symbol: str) -> tuple[Entry, ...]:
    """The batches of all families of the asset, by the time at which they were told."""
    paths = [path for path in ledgers(home) if path.parent.name == symbol]
    return tuple(sorted((entry for path in paths for entry in read_ledger(path)), key=lambda entry: entry.at))


def head_of(entries: Sequence[Entry], path: Path) -> str:
    """The digest that the next line must name: the last line's; before the first one that of the ledger's own name, so
    that the lines of one asset are not those of another."""
    return entries[-1].digest if entries else _chain(path).root


@contextlib.contextmanager
def _prices_known_as(home: Home, batch: Batch, path: Path) -> Iterator[None]:
    """Refuse prices that are known as something else; nobody else makes prices known until the batch is written.

    Prices that stand in the batch's own ledger as these very days have been through this once: whoever appends there
    checks its chain. Of the other ledgers only those are parsed in which the digest stands.
    """
    known_as = (batch.prices.encode(), f'"vintage":"{batch.vintage}"'.encode())
    if not batch.prices or any(all(part in line for part in known_as) for line in _content(path).splitlines()):
        yield
        return
    with turn_in(home.state / FOLDER):
        for other in ledgers(home):
            if known_as[0] not in _content(other):
                continue
            for known in (entry.batch for entry in read_ledger(other) if entry.batch.prices == batch.prices):
                if known.symbol != batch.symbol or not known.vintage.overlaps(batch.vintage):
                    raise Relabelled(
                        f"{batch.symbol} {batch.vintage} {batch.interval}: these very prices were tried before as "
                        f"{known.symbol} {known.vintage} (run {known.run}, {other}), and under another name or other "
                        "days they would count as never tried; give them the name and the times they have there"
                    )
        yield


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as cause:
        raise OutsideError(f"cannot read the ledger {path}: {cause.strerror}") from cause


def _chain(path: Path) -> Chain:
    return Chain(
        path=path,
        name=f"{path.parent.name}/{path.stem}",
        of="batch of trials",
        without="what was tried before no longer counts",
        is_sound=_is_batch,
    )


def _is_batch(told: Mapping[str, Any]) -> bool:
    Vintage.of(told["vintage"])
    return isinstance(told["count"], int) and isinstance(told["at"], str)


def _entry(link: Link) -> Entry:
    told = dict(link.told)
    at = told.pop("at")
    return Entry(link.line, at, Batch(**told | {"vintage": Vintage.of(told["vintage"])}), link.digest)
