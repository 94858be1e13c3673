"""A daemon's lease on its campaign: kept, given back, and what its loss asks for, on a real Postgres."""

import time
from collections.abc import Callable

import pytest
from builders import a_request, a_view, the_settings
from ledger_homes import emptied, nobody_let_in

from swarmd.state.errors import OperatorError
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request
from swarmd.state.records.source import Source
from swarmd.state.store.files import Home
from swarmd.state.store.lease import LeaseStore
from swarmd.supervisor.ownership import Ownership, Standing, observe_ownership, ownership_of

pytestmark = pytest.mark.xdist_group("lease")
_WITHIN_S = 20.0


@pytest.fixture(scope="module")
def url(ledger_server: str) -> str:
    return emptied(ledger_server)


def waited(until: Callable[[], bool]) -> bool:
    end = time.monotonic() + _WITHIN_S
    while not until() and time.monotonic() < end:
        time.sleep(0.02)
    return until()


def told(found: list[Record]) -> list[str]:
    return [
        each.status.value if isinstance(each, Source) else each.verb.value
        for each in found
        if isinstance(each, Source | Request)
    ]


def test_a_lease_is_kept_past_its_first_end_and_given_back_when_the_daemon_leaves(url: str) -> None:
    owned = Ownership(url, "kept", "one", lasts=600)
    owned.begin()
    other = LeaseStore(url)
    time.sleep(1.2)
    with pytest.raises(OperatorError, match="owned by one"):
        other.take("kept", "two")
    assert owned.standing() is Standing.HELD
    assert observe_ownership(a_view(), owned, session="s", now=0) == []
    owned.end()
    assert other.take("kept", "two").token == 2
    other.close()


def test_a_campaign_that_another_owns_by_now_is_stopped_once_and_told(url: str) -> None:
    owned = Ownership(url, "taken", "one", lasts=600)
    other = LeaseStore(url)
    assert waited(lambda: _taken(other))
    owned.begin()
    assert waited(lambda: owned.standing() is Standing.LOST)
    found = observe_ownership(a_view(), owned, session="s", now=5)
    assert told(found) == ["damaged", "stop"]
    assert "owned by two since" in owned.note
    view = a_view(sources=[each for each in found if isinstance(each, Source)], requests=[found[1]])
    assert observe_ownership(view, owned, session="s", now=6) == []
    owned.end()
    other.close()


def _taken(store: LeaseStore) -> bool:
    try:
        store.take("taken", "two")
    except OperatorError:
        return False
    return True


def test_a_server_that_does_not_answer_means_a_pause_and_an_answer_that_work_goes_on(url: str) -> None:
    owned = Ownership(url, "silent", "one", lasts=500)
    with nobody_let_in(url):
        owned.begin()
        assert waited(lambda: owned.standing() is Standing.UNHEARD)
        found = observe_ownership(a_view(), owned, session="s", now=5)
        assert told(found) == ["damaged", "pause"]
        # Requests answered long ago are forgotten, so that their number says nothing.
        again = observe_ownership(a_view(), owned, session="s", now=6)
        assert {each.id for each in found} & {each.id for each in again} == {"lease/silent"}
    asked = a_request("pause", id="s-lease-5")
    view = a_view(sources=[each for each in found if isinstance(each, Source)], requests=[asked])
    assert waited(lambda: owned.standing() is Standing.HELD)
    assert told(observe_ownership(view, owned, session="s", now=9)) == ["fresh", "resume"]
    owned.end()


def test_only_a_storage_that_others_reach_has_an_owner(url: str, tmp_path: object) -> None:
    home = Home(tmp_path)  # type: ignore[arg-type]
    assert ownership_of(None, home) is None
    assert ownership_of(the_settings(), home) is None
