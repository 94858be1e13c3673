"""What the ledgers ask of the place they are kept in: whole lines, one writer at a time, and who has his turn.

Two places answer: files below ``state/ledger`` of the home (``ledger_files``) and Postgres (``ledger_postgres``);
``ledger_place`` says which. Lines are the same bytes in both; what they say and how they are sealed is known to
``chain`` alone.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

_Result = TypeVar("_Result")


class Lines(Protocol):
    """The lines of one chain, each ended by a line feed. ``place`` is what people are told of it."""

    @property
    def place(self) -> str: ...

    def read(self) -> bytes:
        """All whole lines; none where there is nothing. OutsideError where it cannot be read."""

    def append(self, seal: Callable[[bytes], bytes | None], *, once: str) -> bytes:
        """Put the line that `seal` makes of those that are there behind them: all lines up to it.

        Nobody else appends meanwhile, and it is on the disk when this returns. Nothing is written where `seal` gives
        None, nor where a line that was called `once` is there already (whatever is not empty names one line).

        Raises
        ------
        OutsideError
            If it cannot be written; the lines are as they were. LeaseLost where the campaign has another owner.
        """


class Keeping(Protocol):
    """All chains of one ledger, by name: `BTCUSDT/mtf_ema`, or `discoveries`."""

    def names(self) -> tuple[str, ...]:
        """Of every chain that there is, in order."""

    def lines(self, name: str) -> Lines: ...

    def saying(self, words: bytes) -> tuple[str, ...]:
        """The names of the chains in which these bytes stand somewhere."""

    def in_turn(self, scope: str, act: Callable[[], _Result]) -> _Result:
        """What `act` gives back, alone among those who take turns in this scope: an asset's name, or empty for all.

        Where the place is a server, all that `act` appends is there once it ends or not at all, and it is begun anew
        after a lost connection: what it appends has to be named.
        """

    def close(self) -> None: ...
