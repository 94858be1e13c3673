"""The ledgers of a home's files into a Postgres, and proof that they arrived: `swarmd ledger move`.

All lines go over in one transaction, byte for byte, so that digests kept elsewhere still name them. While it lasts
nobody appends to the files (``ledger_place`` refuses it); afterwards they are put aside under another name. Broken off
it may simply be asked again. Chains that counted apart are not made one: their lines name one another.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.storage_address import shown
from swarmd.state.store.chain import Chain
from swarmd.state.store.discovery_ledger import DISCOVERIES, discovery_chain
from swarmd.state.store.files import Home, atomic_write, is_locked, sync_directory
from swarmd.state.store.ledger_files import FileKeeping
from swarmd.state.store.ledger_keeping import Keeping
from swarmd.state.store.ledger_place import address, in_files, in_postgres, moved_folder, moving_path, remember
from swarmd.state.store.ledger_postgres import PostgresKeeping, turn_of
from swarmd.state.store.trial_ledger import LedgerName, trial_chain


@dataclass(frozen=True, slots=True)
class Moved:
    """How many chains and lines are there and equal, and how many of the lines were not there before."""

    chains: int
    lines: int
    added: int


def move(home: Home, url: str) -> Moved:
    """Copy, read both sides and compare, and only then count there from now on.

    Raises OperatorError where the home counts elsewhere already, a daemon works, a chain is broken, or other lines
    are there under the same name; OutsideError where the server does not answer. Then nothing is switched.
    """
    _require_movable(home, url)
    files = in_files(home)
    target = in_postgres(url, home, give_up_after_s=0.0)
    assert isinstance(target, PostgresKeeping)
    with contextlib.closing(target):
        if address(home) is None:
            atomic_write(moving_path(home), url.encode() + b"\n", sync=True)
        try:
            with _held(files):
                mine = {name: files.lines(name).read() for name in files.names()}
                for name in mine:
                    chain_named(files, name).read()
                added = _put_alone(target, mine)
                n_lines = _compared(target, mine)
                if address(home) is None:
                    remember(home, url)
        except (OperatorError, OutsideError):
            if address(home) is None:
                moving_path(home).unlink(missing_ok=True)
            raise
    if files.folder.exists():
        files.folder.rename(moved_folder(home))
        sync_directory(home.state)
    moving_path(home).unlink(missing_ok=True)
    return Moved(len(mine), n_lines, added)


def chain_named(kept: Keeping, name: str) -> Chain:
    """The chain of this name, whichever kind it is of."""
    return discovery_chain(kept) if name == DISCOVERIES else trial_chain(kept, LedgerName(*name.split("/", 1)))


def _require_movable(home: Home, url: str) -> None:
    there = address(home)
    is_left_over = there == url and moving_path(home).exists()
    if there is not None and not is_left_over:
        raise OperatorError(f"the ledgers of this home are in {shown(there)} already; nothing leads back from there")
    with contextlib.suppress(FileNotFoundError):
        begun = moving_path(home).read_text().strip()
        if begun != url:
            raise OperatorError(
                f"a move to {shown(begun)} was broken off; ask for that one again, or remove {moving_path(home)}"
            )
    if is_locked(home.daemon_lock):
        raise OperatorError("a daemon works in this home; end it with `swarmd stop`, then move its ledgers")


@contextlib.contextmanager
def _held(files: FileKeeping) -> Iterator[None]:
    """Whoever was about to append has done so or will be refused: nobody holds a chain any more but we."""
    with contextlib.ExitStack() as held:
        for name in files.names():
            descriptor = os.open(files.lines(name).path, os.O_RDONLY | os.O_CLOEXEC)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _put_alone(target: PostgresKeeping, mine: Mapping[str, bytes]) -> int:
    """In one transaction, and while nobody else looks at one of them or appends to it."""
    symbols = sorted({name.partition("/")[0] for name in mine if "/" in name})
    scopes: list[str] = [*symbols, "", *(turn_of(name) for name in mine)]

    def act() -> int:
        for scope in scopes[1:]:
            target.take_turn(scope)
        return _put(target, mine)

    return target.in_turn(scopes[0], act)


def _put(target: PostgresKeeping, mine: Mapping[str, bytes]) -> int:
    """The lines that are not there yet: how many. Nothing is written where one chain has other lines."""
    there = {name: target.lines(name).read() for name in mine}
    apart = [name for name in mine if not _is_beginning(mine[name], there[name])]
    if apart:
        raise OperatorError(
            f"{target.place} has other lines of {', '.join(apart[:5])}{' and more' if apart[5:] else ''}: two ledgers "
            "that counted apart do not become one; take a database of its own for this home, or go on there with a new "
            "home and data that this one has not searched"
        )
    added = 0
    for name, content in mine.items():
        for line in content[len(there[name]) :].split(b"\n")[:-1]:
            target.put(name, line)
            added += 1
    return added


def _compared(target: PostgresKeeping, mine: Mapping[str, bytes]) -> int:
    n_lines = 0
    for name, content in mine.items():
        chain_named(target, name).read()
        if not target.lines(name).read().startswith(content):
            raise OutsideError(f"{name} did not arrive as it was; ask for the move again")
        n_lines += content.count(b"\n")
    return n_lines


def _is_beginning(one: bytes, other: bytes) -> bool:
    """Either of the other."""
    return one.startswith(other) or other.startswith(one)
