"""Which place a home's ledgers are kept in: its own files, or a Postgres that it shares with other homes.

All campaigns of a home count in one place: a ledger of its own for one of them would be a fresh vault. The address is
in ``state/ledger.url``, written when a campaign that names one is first started or by `swarmd ledger move`; its
password comes from the environment. A home whose files were moved never goes back to them by itself.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from swarmd.state.environment_words import filled
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.ledger import fault_of
from swarmd.state.storage_address import shown
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.store.ledger_files import FileKeeping
from swarmd.state.store.ledger_keeping import Keeping
from swarmd.state.store.patience import GIVE_UP_AFTER_S

FOLDER = "ledger"
# The campaign for whose owner a process appends: set by its daemon for all runs it starts.
LEASED_VARIABLE = "SWARMD_LEASED_CAMPAIGN"


def url_path(home: Home) -> Path:
    return home.state / "ledger.url"


def moving_path(home: Home) -> Path:
    """There while the files are being moved: nobody may append to them any more."""
    return home.state / "ledger.moving"


def moved_folder(home: Home) -> Path:
    """What the files are called once they were moved: a copy for the archive, which nobody asks."""
    return home.state / "ledger_moved"


def address(home: Home) -> str | None:
    """The address of the Postgres that keeps this home's ledgers, as it was given; None for its own files.

    Raises OperatorError where it is damaged, or gone although the files were moved.
    """
    path = url_path(home)
    try:
        url = path.read_text().strip()
    except FileNotFoundError:
        if moved_folder(home).exists():
            raise OperatorError(
                f"the ledgers of this home were moved to a Postgres (their files are in {moved_folder(home)}), and "
                f"{path}, which names it, is gone; write its address into that file again"
            ) from None
        return None
    except (OSError, UnicodeDecodeError) as cause:
        raise OperatorError(f"cannot read {path}: {cause}; write the ledger's address into it again") from None
    return checked(url, str(path))


def checked(url: str, where: str) -> str:
    """The address, if it is one; what is said of another never repeats it."""
    fault = fault_of(url)
    if fault is not None:
        raise OperatorError(f"{where} {fault}")
    return url


@contextlib.contextmanager
def opened(home: Home, *, give_up_after_s: float = GIVE_UP_AFTER_S) -> Iterator[Keeping]:
    """Where this home's ledgers are kept, ready to be asked. A server that is away is waited for so long.

    Raises OperatorError where the address, its password or the extra is wrong, OutsideError where the server is away.
    """
    kept = keeping_of(home, give_up_after_s=give_up_after_s)
    try:
        yield kept
    finally:
        kept.close()


def keeping_of(home: Home, *, give_up_after_s: float = GIVE_UP_AFTER_S) -> Keeping:
    url = address(home)
    return in_files(home) if url is None else in_postgres(url, home, give_up_after_s=give_up_after_s)


def in_files(home: Home) -> FileKeeping:
    def check() -> None:
        for path in (url_path(home), moving_path(home)):
            if path.exists():
                raise OutsideError(
                    f"the ledgers of this home are moved to a Postgres, or are being moved ({path}); run it again, and "
                    "where a move was broken off, `swarmd ledger move` first"
                )

    return FileKeeping(home.state / FOLDER, check)


def in_postgres(url: str, home: Home, *, give_up_after_s: float = GIVE_UP_AFTER_S) -> Keeping:
    """The ledgers at this address; appended to for the home, as the owner of the campaign it works on."""
    from swarmd.state.store.ledger_postgres import PostgresKeeping

    whole, fence = filled(url, whose="the ledger's address"), lease_of(home)
    return PostgresKeeping(whole, shown(url), fence=fence if fence[0] else None, give_up_after_s=give_up_after_s)


def join(home: Home, url: str) -> None:
    """From now on the home's ledgers are at this address, as the campaign says that is being started.

    Raises OperatorError where they are somewhere else already, OutsideError where nobody answers there.
    """
    there = address(home)
    if there == url:
        return
    if there is not None:
        raise OperatorError(
            f"the campaign's ledger is {shown(url)}, and the ledgers of this home are in {shown(there)}: one home "
            "counts in one place; give the campaign that address or none, or start it in another home"
        )
    if in_files(home).names() or moving_path(home).exists():
        raise OperatorError(
            f"the campaign's ledger is {shown(url)}, and this home has counted in its own files so far "
            f"({home.state / FOLDER}): what was tried must not be forgotten; run `swarmd ledger move --to URL` first"
        )
    in_postgres(url, home, give_up_after_s=0.0).close()
    remember(home, url)


def remember(home: Home, url: str) -> None:
    home.prepare()
    atomic_write(url_path(home), url.encode() + b"\n", sync=True)


# -- who may append ---------------------------------------------------------------------------------------------------


def note_token(home: Home, campaign: str, token: int) -> None:
    """With which token this home owned the campaign last: runs that outlive their daemon ask for it here."""
    atomic_write(_tokens_path(home), orjson.dumps({**_tokens(home), campaign: token}), sync=True)


def lease_of(home: Home) -> tuple[str, int]:
    """The campaign this process works on and the token that its home owned it with last; empty and 0 for whoever works
    for no daemon, or for one without a lease."""
    campaign = os.environ.get(LEASED_VARIABLE, "")
    return campaign, _tokens(home).get(campaign, 0)


def _tokens(home: Home) -> dict[str, int]:
    try:
        said = orjson.loads(_tokens_path(home).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): int(token) for name, token in said.items()} if isinstance(said, dict) else {}


def _tokens_path(home: Home) -> Path:
    return home.state / "lease.json"
