"""Where a home's dashboard is, and the token that opens it.

The server writes it, the daemon's keeper, ``start`` and ``status`` read it. The token is made once a home, in a file
that only its owner can read, so that a page left open goes on working over restarts and a scraper can be pointed at it.
"""

import contextlib
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from swarmd.state.store.files import Home, atomic_write, is_locked, lock_holder
from swarmd.supervisor.presence import looks

SCHEMA = "swarmd.dashboard/1"
PORT = 8787
LOOPBACK = "127.0.0.1"
# `off` in the environment: no daemon of this shell starts a dashboard, as in a test or a container without a network.
SWITCH = "SWARMD_DASHBOARD"

_COMES_WITHIN_S = 5.0
_TOKEN_BYTES = 32
_TOKEN_LENGTH = 43  # of 32 bytes in base64 without padding


@dataclass(frozen=True, slots=True)
class Address:
    """``url`` ends with a slash and holds no token; ``version`` is the code's that serves."""

    url: str
    port: int
    pid: int
    token: str
    version: str
    since: str
    read_only: bool

    @property
    def with_token(self) -> str:
        """What a browser opens to be let in. For a terminal, never for a log."""
        return f"{self.url}?token={self.token}"


def address_path(home: Home) -> Path:
    return home.run_dir / "dashboard.json"


def token_path(home: Home) -> Path:
    """The token alone: for ``bearer_token_file`` and ``curl``."""
    return home.run_dir / "dashboard.token"


def hold_path(home: Home) -> Path:
    """Held (flock) by the one server whose address is written down. Not named ``.lock``: those are of runs."""
    return home.run_dir / "dashboard.hold"


def is_wanted() -> bool:
    return os.environ.get(SWITCH, "").lower() not in ("off", "0", "no", "false")


def is_served(home: Home) -> bool:
    return is_locked(hold_path(home))


def served_at(home: Home) -> Address | None:
    """The dashboard that runs for this home and has said where, or None."""
    if not is_served(home):
        return None
    there = last_address(home)
    return there if there is not None and there.pid == lock_holder(hold_path(home)).get("pid") else None


def awaited(home: Home) -> Address | None:
    """The dashboard of a daemon that has just begun, which takes a second longer; None where it takes much longer."""
    for _ in looks(_COMES_WITHIN_S):
        if (there := served_at(home)) is not None:
            return there
    return None


def told_on_terminal(address: Address, is_terminal: bool) -> str:
    """With the token for a person's eyes; where the output may be kept, without."""
    told = address.with_token if is_terminal else f"{address.url}  (its token: `swarmd status` on a terminal)"
    return f"dashboard: {told}"


def last_address(home: Home) -> Address | None:
    """The last there was, whether it still runs or not."""
    try:
        said = orjson.loads(address_path(home).read_bytes())
        return Address(**{name: said[name] for name in Address.__slots__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_address(home: Home, address: Address) -> None:
    """Its owner's alone, as every file ``atomic_write`` makes. Raises OutsideError."""
    atomic_write(address_path(home), orjson.dumps({"schema": SCHEMA, **asdict(address)}) + b"\n")


def token_of(home: Home) -> str:
    """The home's token, made where there is none or where others could read it. Raises OutsideError."""
    path = token_path(home)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        kept = path.read_text().strip()
        if len(kept) == _TOKEN_LENGTH and path.stat().st_mode & 0o077 == 0:
            return kept
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    atomic_write(path, token.encode() + b"\n")
    return token
