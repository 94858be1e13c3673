"""One owner a campaign, by the server's clock: on a real Postgres, between real processes, one of them stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ledger_homes import emptied

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.lease import LeaseLost, LeaseStore

pytestmark = pytest.mark.xdist_group("lease")

# A supervisor in small: takes the campaign, renews it, and writes its token into the shared table while it may.
OWNER = """
import sys, time
from swarmd.state.store.lease import LeaseLost, LeaseStore
store = LeaseStore(sys.argv[1])
lease = store.take("majors", sys.argv[2], lasts=int(sys.argv[3]))
print("owns", lease.token, flush=True)
try:
    while True:
        store.renew(lease) if sys.argv[4] == "renews" else None
        with store.fenced(lease) as connection:
            connection.execute("INSERT INTO written (token) VALUES (%s)", (lease.token,))
        time.sleep(0.02)
except LeaseLost as lost:
    print("lost", lost, flush=True)
"""


@pytest.fixture(scope="module")
def url(ledger_server: str) -> str:
    return emptied(ledger_server)


@pytest.fixture
def store(url: str) -> Iterator[LeaseStore]:
    opened = LeaseStore(url)
    opened._connection.execute("TRUNCATE swarmd_lease")
    opened._connection.execute("DROP TABLE IF EXISTS written")
    opened._connection.execute("CREATE TABLE written (n bigserial, token bigint)")
    yield opened
    opened.close()


def owner(url: str, name: str, lasts: int, how: str = "renews") -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", OWNER, url, name, str(lasts), how]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("owns")
    return process


def _written(store: LeaseStore) -> None:
    """Waits for the first line of an owner."""
    until = time.monotonic() + 20
    while store._connection.execute("SELECT count(*) FROM written").fetchone() == (0,):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_second_is_refused_with_who_since_and_until_when(store: LeaseStore, url: str) -> None:
    mine = store.take("majors", "swarm@one:/home")
    other = LeaseStore(url)
    with pytest.raises(OperatorError, match=r"owned by swarm@one:/home since \d{4}-.*Z, at least until \d{4}-.*Z"):
        other.take("majors", "swarm@two:/home")
    assert other.take("minors", "swarm@two:/home").token == 1
    store.give_back(mine)
    assert other.take("majors", "swarm@two:/home").token == mine.token + 1
    other.close()


def test_of_many_that_ask_at_once_one_becomes_the_owner(store: LeaseStore, url: str) -> None:
    stores = [LeaseStore(url) for _ in range(8)]

    def asks(number: int) -> str:
        try:
            return f"token {stores[number].take('majors', f'swarm-{number}').token}"
        except OperatorError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(asks, range(8)))
    assert answers == ["refused"] * 7 + ["token 1"]
    for each in stores:
        each.close()


def test_an_owner_stopped_past_its_end_writes_nothing_beside_the_next(store: LeaseStore, url: str) -> None:
    first = owner(url, "one", lasts=400)
    try:
        _written(store)
        os.kill(first.pid, signal.SIGSTOP)
        with pytest.raises(OperatorError, match="owned by one"):
            store.take("majors", "two")
        until = time.monotonic() + 20
        lease = None
        while lease is None and time.monotonic() < until:
            try:
                lease = store.take("majors", "two", lasts=60_000)
            except OperatorError:
                time.sleep(0.05)
        assert lease is not None
        assert lease.token == 2
        (before,) = store._connection.execute("SELECT count(*) FROM written").fetchone()
        os.kill(first.pid, signal.SIGCONT)
        told, _ = first.communicate(timeout=20)
        assert "lost campaign 'majors' is owned by two since" in told
        (after,) = store._connection.execute("SELECT count(*) FROM written").fetchone()
        assert before == after > 0
        store.renew(lease)
    finally:
        first.kill()
        first.wait()


def test_an_owner_that_renews_late_keeps_what_nobody_took_and_may_not_write_while_it_had_run_out(
    store: LeaseStore,
) -> None:
    lease = store.take("majors", "one", lasts=50)
    time.sleep(0.1)
    with pytest.raises(LeaseLost, match="has run out"), store.fenced(lease):
        pytest.fail("written though its time was over")
    store.renew(lease)
    with store.fenced(lease) as connection:
        connection.execute("INSERT INTO written (token) VALUES (1)")


def test_the_same_home_takes_its_campaign_again_after_a_crash_and_the_former_token_is_void(
    store: LeaseStore, url: str
) -> None:
    crashed = owner(url, "swarm@one", lasts=60_000)
    crashed.kill()
    crashed.wait()
    assert store.take("majors", "swarm@one").token == 2


def test_nobody_takes_a_lease_in_the_middle_of_a_fenced_write(store: LeaseStore, url: str) -> None:
    lease, other = store.take("majors", "one", lasts=200), LeaseStore(url)
    other._connection.execute("SET lock_timeout = 300")
    with store.fenced(lease) as connection:
        time.sleep(0.3)  # past its end: the row is held all the same
        with pytest.raises(OutsideError, match="lock timeout"):
            other.take("majors", "two")
        connection.execute("INSERT INTO written (token) VALUES (1)")
    assert other.take("majors", "two").token == 2
    other.close()


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(OutsideError, match="cannot be reached") as told:
        LeaseStore("postgresql+psycopg://swarm:s3cret@127.0.0.1:1/none")
    assert "s3cret" not in str(told.value)
