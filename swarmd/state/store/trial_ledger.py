"""The trial ledger: how many parameter vectors have ever been tried on an asset with a family of strategies.

One append-only chain for each of the two, one line an evaluation batch: in `state/ledger/<SYMBOL>/<family>.jsonl`, or
in the Postgres that the home shares with others. What a result is deflated by is asked here, so that neither a new
campaign nor a restart makes a search look smaller than it was. A look at the vault is a batch of one that names its
finalist. How lines are sealed and checked is in `chain`, where they lie in `ledger_place`; the one thing refused here
on its own account are known prices under another name.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from swarmd.state.errors import OperatorError
from swarmd.state.store.chain import Chain, Link, root_of
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_keeping import Keeping
from swarmd.state.store.ledger_place import FOLDER, opened
from swarmd.state.units import Millis, iso

_Result = TypeVar("_Result")
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


@dataclass(frozen=True, slots=True, order=True)
class LedgerName:
    """Which ledger: of an asset and a family. OperatorError for a name that would lead elsewhere."""

    symbol: str
    family: str

    def __post_init__(self) -> None:
        for name, value in (("symbol", self.symbol), ("family", self.family)):
            if not _PLAIN.fullmatch(value):
                raise OperatorError(
                    f"{name} {value!r} cannot be part of a ledger's name; use letters, digits, - and _, no /, and no "
                    "dot at the beginning"
                )

    def __str__(self) -> str:
        return f"{self.symbol}/{self.family}"

    @property
    def in_home(self) -> str:
        """As certificates name it, wherever it is kept: the path that its file has in a home."""
        return f"state/{FOLDER}/{self}.jsonl"

    @classmethod
    def of(cls, in_home: str) -> "LedgerName":
        """Back from ``in_home``. OperatorError for what is none."""
        symbol, _, family = in_home.removeprefix(f"state/{FOLDER}/").removesuffix(".jsonl").partition("/")
        name = cls(symbol, family)
        if name.in_home != in_home:
            raise OperatorError(f"{in_home!r} is no trial ledger of a home")
        return name


class TrialLedgers:
    """The trial ledgers in one keeping, for whoever has several things to ask of them at once."""

    def __init__(self, kept: Keeping) -> None:
        self._kept = kept

    def names(self) -> tuple[LedgerName, ...]:
        return tuple(LedgerName(*name.split("/", 1)) for name in self._kept.names() if "/" in name)

    def place(self, name: LedgerName) -> str:
        """Where it lies, for people."""
        return self._kept.lines(str(name)).place

    def read(self, name: LedgerName) -> tuple[Entry, ...]:
        return tuple(_entry(link) for link in self._chain(name).read())

    def of_symbol(self, symbol: str) -> tuple[Entry, ...]:
        names = [name for name in self.names() if name.symbol == symbol]
        return tuple(sorted((entry for name in names for entry in self.read(name)), key=lambda entry: entry.at))

    def append(self, batch: Batch, at: Millis, *, once: str) -> Entry:
        """As `append_batch`; a batch that is there already under the name `once` is not written again."""
        if batch.count < 1:
            raise ValueError(f"ledger: a batch of {batch.count} vectors is none; tell only what was tried")
        name = LedgerName(batch.symbol, batch.family)
        told = {"at": iso(at), **asdict(batch), "vintage": str(batch.vintage)}
        # Without the two a line is as those of before them are.
        told = {name: value for name, value in told.items() if value or name not in ("prices", "finalist")}

        def write() -> Entry:
            return _entry(self._chain(name).append(lambda links: told, once=once)[-1])

        # Prices that stand in the batch's own ledger as these very days have been through this once: whoever appends
        # there checks its chain.
        known_as = (batch.prices.encode(), f'"vintage":"{batch.vintage}"'.encode())
        known = self._kept.lines(str(name)).read().splitlines() if batch.prices else []
        if not batch.prices or any(all(part in line for part in known_as) for line in known):
            return write()

        def write_if_new() -> Entry:
            self._require_no_other_name(batch)
            return write()

        # Nobody else makes prices known until the batch is written.
        return self._kept.in_turn("", write_if_new)

    def in_turn(self, symbol: str, act: Callable[[], _Result]) -> _Result:
        """What `act` gives back, alone among all who look at ledgers of the asset to decide what they append."""
        return self._kept.in_turn(symbol, act)

    def _require_no_other_name(self, batch: Batch) -> None:
        """Only the ledgers in which the digest of the prices stands are parsed."""
        for text in self._kept.saying(batch.prices.encode()):
            if "/" not in text:
                continue
            name = LedgerName(*text.split("/", 1))
            for known in (entry.batch for entry in self.read(name) if entry.batch.prices == batch.prices):
                if known.symbol != batch.symbol or not known.vintage.overlaps(batch.vintage):
                    raise Relabelled(
                        f"{batch.symbol} {batch.vintage} {batch.interval}: these very prices were tried before as "
                        f"{known.symbol} {known.vintage} (run {known.run}, {self.place(name)}), and under another name "
                        "or other days they would count as never tried; give them the name and the times they have "
                        "there"
                    )

    def _chain(self, name: LedgerName) -> Chain:
        return trial_chain(self._kept, name)


def append_batch(home: Home, batch: Batch, at: Millis) -> Entry:
    """Seal the batch onto its ledger; it is on the disk when this returns.

    Raises
    ------
    Relabelled
        If the batch's prices stand in a ledger of this home under another symbol, or as days it shares none with.
    OperatorError
        If the chain is broken; names place and line.
    OutsideError
        If it cannot be written; the ledger is as it was. LeaseLost where the campaign has another owner by now.
    """
    with opened(home) as kept:
        return TrialLedgers(kept).append(batch, at, once=new_name())


def read_ledger(home: Home, name: LedgerName) -> tuple[Entry, ...]:
    """Every batch of a ledger, the chain checked; none where there is none yet. A torn last line is no line yet.

    Raises
    ------
    OperatorError
        If the chain is broken; names place and line.
    """
    with opened(home) as kept:
        return TrialLedgers(kept).read(name)


def ledgers(home: Home) -> tuple[LedgerName, ...]:
    """Every ledger of this home, by name."""
    with opened(home) as kept:
        return TrialLedgers(kept).names()


def place_of(home: Home, name: LedgerName) -> str:
    """Where the ledger lies, for people: its file, or its chain on a server."""
    with opened(home) as kept:
        return TrialLedgers(kept).place(name)


def ledger_path(home: Home, symbol: str, family: str) -> Path:
    """The file of a ledger that is kept in the home. OperatorError for a name that would lead elsewhere."""
    return home.state / FOLDER / f"{LedgerName(symbol, family)}.jsonl"


def tried(entries: Iterable[Entry], vintage: Vintage | None = None) -> int:
    """How many vectors; of a vintage all that were tried on any day of it, so that a stretch moved by a day is no new
    one. A look at a vault is one, on the vault's days."""
    return sum(e.batch.count for e in entries if vintage is None or e.batch.vintage.overlaps(vintage))


def of_symbol(home: Home, symbol: str) -> tuple[Entry, ...]:
    """The batches of all families of the asset, by the time at which they were told."""
    with opened(home) as kept:
        return TrialLedgers(kept).of_symbol(symbol)


def head_of(entries: Sequence[Entry], name: LedgerName) -> str:
    """The digest that the next line must name: the last line's; before the first one that of the ledger's own name, so
    that the lines of one asset are not those of another."""
    return entries[-1].digest if entries else root_of(str(name))


def new_name() -> str:
    """A name for one line to come, so that it is written once however often it is asked for."""
    return str(uuid.uuid4())


def trial_chain(kept: Keeping, name: LedgerName) -> Chain:
    """The chain of a ledger, as it lies in this keeping."""
    return Chain(
        lines=kept.lines(str(name)),
        name=str(name),
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
