"""Who owns a campaign that several supervisors could work on: one row in Postgres, with a fencing token and an end.

A lease is taken, renewed and lost by the server's clock alone. Each taking has a token higher than any before it, so a
supervisor that slept past its end and wakes cannot write beside the new owner: ``fenced`` asks for the token in the
very transaction that writes. Needs the extra `postgres`; nothing here decides what follows from a loss.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.storage_address import shown
from swarmd.state.units import SECOND, Millis

# A server that does not answer must not hold up whoever asks; both are shorter than a third of any sensible lease.
_CONNECT_WITHIN_S, _ANSWER_WITHIN_MS = 5, 5_000

_TABLE = """
CREATE TABLE IF NOT EXISTS swarmd_lease (
    campaign text PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL,
    taken_at timestamptz NOT NULL, expires_at timestamptz NOT NULL)
"""
# One statement, so that of two that ask at once one is told no. Who held it last may have it again: its home's lock
# says that the process which held it is no more.
_TAKE = """
INSERT INTO swarmd_lease AS held VALUES
    (%(campaign)s, %(holder)s, 1, clock_timestamp(), clock_timestamp() + %(lasts)s * interval '1 ms')
ON CONFLICT (campaign) DO UPDATE SET holder = EXCLUDED.holder, token = held.token + 1,
    taken_at = EXCLUDED.taken_at, expires_at = EXCLUDED.expires_at
    WHERE held.expires_at <= clock_timestamp() OR held.holder = EXCLUDED.holder
RETURNING token
"""
_HOLDER = """
SELECT holder, to_char(taken_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM swarmd_lease WHERE campaign = %(campaign)s
"""
_RENEW = """
UPDATE swarmd_lease SET expires_at = clock_timestamp() + %(lasts)s * interval '1 ms'
WHERE campaign = %(campaign)s AND token = %(token)s RETURNING token
"""
_GIVE_BACK = """
UPDATE swarmd_lease SET expires_at = clock_timestamp() WHERE campaign = %(campaign)s AND token = %(token)s
"""
_TOKEN = "SELECT token FROM swarmd_lease WHERE campaign = %(campaign)s FOR SHARE"
_HOLD = "SELECT token FROM swarmd_lease WHERE campaign = %(campaign)s AND expires_at > clock_timestamp() FOR SHARE"


class LeaseLost(OutsideError):  # noqa: N818  (it says what happened)
    """Somebody else owns the campaign by now, or nobody does: nothing may be written for it any more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A campaign that is ours. ``token`` is higher than that of any owner before; ``lasts`` ms from each renewal on."""

    campaign: str
    holder: str
    token: int
    lasts: Millis


class LeaseStore:
    """One connection to the server that keeps the leases. Not for two threads at once."""

    def __init__(self, url: str) -> None:
        """Raises OperatorError without the extra, OutsideError where nobody answers within 5 s."""
        try:
            import psycopg
        except ImportError:
            raise OperatorError("a lease in Postgres needs the extra: pip install 'swarmd[postgres]'") from None
        self._faults = psycopg.Error
        self._place = shown(url)
        address = url.replace("postgresql+psycopg://", "postgresql://", 1)
        options = f"-c statement_timeout={_ANSWER_WITHIN_MS} -c lock_timeout={_ANSWER_WITHIN_MS}"
        with self._told():
            self._connection: Any = psycopg.connect(
                address, connect_timeout=_CONNECT_WITHIN_S, options=options, autocommit=True,
                keepalives_idle=5, keepalives_interval=2, keepalives_count=3, tcp_user_timeout=2 * _ANSWER_WITHIN_MS,
            )  # fmt: skip
            with self._connection.transaction():
                # Two that make the table at the same instant would meet in the catalogue.
                self._connection.execute("SELECT pg_advisory_xact_lock(hashtext('swarmd_lease'))")
                self._connection.execute(_TABLE)

    def take(self, campaign: str, holder: str, *, lasts: Millis = 30 * SECOND) -> Lease:
        """Become the owner. Raises OperatorError while another is, with who, since when and until when."""
        asked = {"campaign": campaign, "holder": holder, "lasts": lasts}
        with self._told():
            taken = self._connection.execute(_TAKE, asked).fetchone()
            if taken is not None:
                return Lease(campaign, holder, int(taken[0]), lasts)
            who, since, until = self._connection.execute(_HOLDER, asked).fetchone()
        raise OperatorError(
            f"campaign {campaign!r} is owned by {who} since {since}, at least until {until} (it renews that while it "
            f"lives); stop it there, or wait until it has ended"
        )

    def renew(self, lease: Lease) -> None:
        """Put its end off. One that ran out and that nobody took since is still ours. Raises LeaseLost."""
        asked = {"campaign": lease.campaign, "token": lease.token, "lasts": lease.lasts}
        with self._told():
            if self._connection.execute(_RENEW, asked).fetchone() is not None:
                return
            other = self._connection.execute(_HOLDER, asked).fetchone()
        raise _lost(lease, other)

    def give_back(self, lease: Lease) -> None:
        """Let the next one have it at once; harmless when it is lost already."""
        with self._told():
            self._connection.execute(_GIVE_BACK, {"campaign": lease.campaign, "token": lease.token})

    @contextlib.contextmanager
    def fenced(self, lease: Lease) -> Iterator[Any]:
        """A transaction in which the lease is held: until it ends nobody can take it. Gives the connection.

        Raises LeaseLost before anything is written where the token is no longer ours, or its time is over.
        """
        with self._told(), self._connection.transaction():
            found = self._connection.execute(_HOLD, {"campaign": lease.campaign}).fetchone()
            if found is None or int(found[0]) != lease.token:
                raise _lost(lease, self._connection.execute(_HOLDER, {"campaign": lease.campaign}).fetchone())
            yield self._connection

    def close(self) -> None:
        with contextlib.suppress(self._faults):
            self._connection.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._faults as cause:
            words = " ".join(str(cause).split())[:300]
            raise OutsideError(f"the leases in {self._place} cannot be reached: {words}") from None


def same_database(url: str, other: str) -> bool:
    """Whether two addresses lead to one database, whoever asks there."""
    from psycopg.conninfo import conninfo_to_dict

    def place(address: str) -> tuple[str, ...]:
        parts = conninfo_to_dict(address.replace("postgresql+psycopg://", "postgresql://", 1))
        defaults = {"host": "", "port": "5432", "dbname": str(parts.get("user", ""))}
        return tuple(str(parts.get(name) or default) for name, default in defaults.items())

    return place(url) == place(other)


def require_token(connection: Any, campaign: str, token: int) -> None:
    """In a transaction of this psycopg connection: nobody took the campaign since that token, nor can until it ends.

    A lease that ran out and that nobody took counts as held, as it does when it is renewed. Raises LeaseLost.
    """
    asked = {"campaign": campaign}
    found = connection.execute(_TOKEN, asked).fetchone()
    if found is None or int(found[0]) != token:
        raise _lost(Lease(campaign, "", token, 0), connection.execute(_HOLDER, asked).fetchone())


def _lost(lease: Lease, other: tuple[str, str, str] | None) -> LeaseLost:
    if other is None or other[0] == lease.holder:
        return LeaseLost(f"the lease of campaign {lease.campaign!r} (token {lease.token}) has run out")
    who, since, until = other
    return LeaseLost(
        f"campaign {lease.campaign!r} is owned by {who} since {since} (until {until}): token {lease.token} is void"
    )
