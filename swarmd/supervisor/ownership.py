"""The campaign's lease while a daemon works on it: renewed in a thread of its own, and what its loss asks for.

Only where the campaign's trials or the home's ledgers are in a Postgres that other supervisors may share. A server that
does not answer past the lease's end means a pause, for another may have taken the campaign by now; when it answers and
nobody has, work goes on. One that says that somebody else is the owner means a stop: what would be written here is
void.
"""

import os
import socket
import threading
import time
from enum import StrEnum

from swarmd.state.environment_words import filled
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.steady_event import SteadyEvent
from swarmd.state.storage_address import shown, whole
from swarmd.state.store.files import Home
from swarmd.state.store.lease import Lease, LeaseLost, LeaseStore, same_database
from swarmd.state.store.ledger_place import LEASED_VARIABLE, address, note_token
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.logs import log

LASTS: Millis = 60 * SECOND
_JOIN_WITHIN_S = 6.0


class Standing(StrEnum):
    HELD = "held"
    UNHEARD = "unheard"
    LOST = "lost"


class Ownership:
    """A lease that is ours, and the thread that keeps it so. ``standing`` is what can be relied on now."""

    def __init__(self, url: str, campaign: str, holder: str, *, lasts: Millis = LASTS) -> None:
        """Raises OperatorError while another supervisor owns the campaign, OutsideError where nobody answers."""
        self._url, self.campaign, self._lasts = url, campaign, lasts
        self._store: LeaseStore | None = LeaseStore(url)
        self._renewed_at = _boot_ms()  # before it was asked for: the server's end comes no sooner than ours
        self.lease: Lease = self._store.take(campaign, holder, lasts=lasts)
        self.note = f"owned with token {self.lease.token}"
        self._is_lost = False
        self._leaves = SteadyEvent()
        self._thread = threading.Thread(target=self._kept, name="lease", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def standing(self) -> Standing:
        if self._is_lost:
            return Standing.LOST
        return Standing.HELD if _boot_ms() - self._renewed_at < self._lasts else Standing.UNHEARD

    def end(self) -> None:
        """Give it back, so that the next one need not wait; within a bounded time."""
        self._leaves.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_WITHIN_S)

    def _kept(self) -> None:
        while not self._leaves.wait(self._lasts / 6_000):
            began = _boot_ms()
            try:
                if self._store is None:
                    self._store = LeaseStore(self._url)
                self._store.renew(self.lease)
            except LeaseLost as lost:
                self._is_lost, self.note = True, str(lost)
                log.error("%s", lost)
                break
            except (OutsideError, OperatorError) as trouble:
                self.note = str(trouble)
                self._closed()
            except Exception as trouble:  # whatever else its library meets: without this thread the lease would end
                self.note = f"{type(trouble).__name__}: {trouble}"
                log.exception("the lease could not be renewed, and is tried again")
                self._closed()
            else:
                self._renewed_at, self.note = began, f"owned with token {self.lease.token}"
        if self._store is not None and not self._is_lost:
            try:
                self._store.give_back(self.lease)
            except OutsideError as trouble:
                log.warning("the lease could not be given back, and ends by itself: %s", trouble)
        self._closed()

    def _closed(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def ownership_of(settings: CampaignSettings | None, home: Home) -> Ownership | None:
    """The lease on the campaign where its storage is shared; None where nobody else can reach it."""
    url = None if settings is None else _shared_by(settings, home)
    if settings is None or url is None:
        os.environ.pop(LEASED_VARIABLE, None)
        return None
    owned = Ownership(url, settings.name, f"{socket.gethostname()}:{home.root}")
    # Runs append to the ledger as ours, also those that a next daemon of this home takes over.
    note_token(home, settings.name, owned.lease.token)
    os.environ[LEASED_VARIABLE] = settings.name
    return owned


def _shared_by(settings: CampaignSettings, home: Home) -> str | None:
    """The Postgres with what others reach as well. It keeps the lease: an append asks for it in its transaction."""
    trials = whole(settings.storage, home) if settings.storage.kind == "postgres" else None
    there = address(home)
    ledger = None if there is None else filled(there, whose="the ledger's address")
    if trials and ledger and not same_database(trials, ledger):
        raise OperatorError(
            f"campaign {settings.name!r} keeps its trials in {shown(trials)} and its ledger in {shown(ledger)}: one "
            "lease guards both, so that they have to be in one database"
        )
    return ledger or trials


def observe_ownership(view: View, owned: Ownership, *, session: str, now: Millis) -> list[Record]:
    """How the lease stands where that has changed, as a source; and what follows from it, as a request."""
    id, standing = f"lease/{owned.campaign}", owned.standing()
    status = SourceStatus.FRESH if standing is Standing.HELD else SourceStatus.DAMAGED
    known = view.sources.get(id)
    before = SourceStatus.FRESH if known is None else known.status
    is_told = any(each.verb is Verb.STOP for name, each in view.requests.items() if name.startswith(f"{session}-lease"))
    found: list[Record] = []
    if status is not before:
        found.append(Source(id=id, at=now, status=status, since=now, note=owned.note))
    verb = None
    if standing is Standing.LOST:
        verb = None if is_told else Verb.STOP
    elif status is not before:
        verb = Verb.PAUSE if standing is Standing.UNHEARD else Verb.RESUME
    if verb is not None:
        asked = Request(
            id=f"{session}-lease-{now}", at=now, caused_by=(id,), verb=verb, asked_by=owned.note,
            status=RequestStatus.PENDING,
        )  # fmt: skip
        found.append(asked)
    return found


def _boot_ms() -> int:
    """A suspended machine's lease runs out like any other's."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
