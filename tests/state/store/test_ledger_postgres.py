"""The ledger on a real Postgres that is shared: cut connections, killed writers, lost leases, and strangers' hands."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from ledger_homes import SECRET, SECRET_VARIABLE, emptied, joined, nobody_let_in, written
from postgres_relay import Relay

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.store.lease import LeaseLost, LeaseStore
from swarmd.state.store.ledger_place import (
    LEASED_VARIABLE,
    address,
    join,
    note_token,
    opened,
    remember,
    url_path,
)
from swarmd.state.store.patience import waits_with
from swarmd.state.store.trial_ledger import (
    Batch,
    LedgerName,
    TrialLedgers,
    Vintage,
    append_batch,
    new_name,
    read_ledger,
    tried,
)

pytestmark = pytest.mark.xdist_group("lease")

NOW = 1_700_000_000_000
NAME = LedgerName("BTCUSDT", "mtf_ema")
BATCH = Batch(
    symbol="BTCUSDT", family="mtf_ema", vintage=Vintage("2023-01-01", "2024-05-31"), interval="5m", phase="refine",
    count=1, run="r-1", code="0.1.0+abc", data="f" * 64,
)  # fmt: skip

# A writer in small that dies in the middle of its turn: its line is written and its transaction is open.
IN_ITS_TURN = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_ledger_postgres import BATCH, NOW
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import TrialLedgers, new_name
with opened(Home(Path(sys.argv[1]))) as kept:
    def act():
        TrialLedgers(kept).append(BATCH, NOW, once=new_name())
        print("written", flush=True)
        time.sleep(60)
    TrialLedgers(kept).in_turn("BTCUSDT", act)
"""


@pytest.fixture
def server(ledger_server: str) -> str:
    return emptied(ledger_server)


@pytest.fixture
def home(server: str, tmp_path: Path) -> Home:
    return joined(Home(tmp_path / "home"), server).home


@pytest.fixture
def relay(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with contextlib.closing(Relay(server)) as made:
        yield made


@contextlib.contextmanager
def owned(home: Home, server: str, campaign: str) -> Iterator[None]:
    """As a run of this home's daemon sees it, which has just taken the campaign."""
    store = LeaseStore(server)
    note_token(home, campaign, store.take(campaign, str(home.root), lasts=60_000).token)
    store.close()
    os.environ[LEASED_VARIABLE] = campaign
    try:
        yield
    finally:
        del os.environ[LEASED_VARIABLE]


def test_a_line_is_the_same_bytes_as_in_a_file(home: Home, server: str, tmp_path: Path) -> None:
    in_file = joined(Home(tmp_path / "file"), None)
    for number in range(3):
        append_batch(in_file.home, replace(BATCH, count=number + 1), NOW + number)
        append_batch(home, replace(BATCH, count=number + 1), NOW + number)
    assert joined(home, server).lines(str(NAME)) == in_file.lines(str(NAME))


@pytest.mark.parametrize("when", ["before it was done", "after it was done"])
def test_a_line_whose_answer_is_lost_on_its_way_is_written_once(home: Home, relay: Relay, when: str) -> None:
    append_batch(home, BATCH, NOW)
    remember(home, written(relay.url))
    relay.cut_next(b"COMMIT", is_carried_out=when == "after it was done")
    entry = append_batch(home, replace(BATCH, run="r-2"), NOW)
    assert relay.n_cut == 1
    assert (entry.line, entry.batch.run) == (2, "r-2")
    assert [each.batch.run for each in read_ledger(home, NAME)] == ["r-1", "r-2"]


def test_a_line_whose_answer_is_lost_is_found_though_others_have_gone_on_behind_it(home: Home) -> None:
    once = new_name()
    with opened(home) as kept:
        first = TrialLedgers(kept).append(BATCH, NOW, once=once)
        append_batch(home, replace(BATCH, run="another"), NOW)
        assert TrialLedgers(kept).append(BATCH, NOW, once=once) == first
    assert len(read_ledger(home, NAME)) == 2


def test_a_server_that_lets_nobody_in_is_waited_for(home: Home, server: str, caplog: pytest.LogCaptureFixture) -> None:
    with nobody_let_in(server):
        with (
            pytest.raises(OutsideError, match=r"cannot be reached: .*not currently accepting") as told,
            opened(home, give_up_after_s=0.0),
        ):
            pytest.fail("opened though nobody is let in")
        assert SECRET not in str(told.value)
        looks: list[float] = []

        def ask() -> None:
            with waits_with(lambda: looks.append(time.monotonic())):
                append_batch(home, BATCH, NOW)

        asked = threading.Thread(target=ask)
        asked.start()
        until = time.monotonic() + 60
        while "waiting for it" not in caplog.text:
            assert time.monotonic() < until
            time.sleep(0.01)
    asked.join()
    assert looks, "who waits says so to whoever watches"
    assert tried(read_ledger(home, NAME)) == 1


def test_a_writer_killed_in_the_middle_of_its_turn_leaves_nothing_and_nobody_waiting(home: Home) -> None:
    here = Path(__file__)
    words = [sys.executable, "-c", IN_ITS_TURN, str(home.root), str(here.parent), str(here.parents[2])]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        assert read_ledger(home, NAME) == (), "it is there for nobody before its turn is over"
        writer.send_signal(signal.SIGKILL)
    append_batch(home, replace(BATCH, run="r-2"), NOW)
    assert [each.batch.run for each in read_ledger(home, NAME)] == ["r-2"]


def test_whoever_has_lost_the_campaign_appends_nothing(home: Home, server: str, tmp_path: Path) -> None:
    other = joined(Home(tmp_path / "other"), server).home
    with owned(home, server, "majors"):
        append_batch(home, BATCH, NOW)
        with psycopg.connect(server) as hand:
            hand.execute("UPDATE swarmd_lease SET expires_at = clock_timestamp()")
        # It has run out, and nobody took it: it is ours still.
        append_batch(home, BATCH, NOW)
    with owned(other, server, "majors"):
        append_batch(other, BATCH, NOW)
        with pytest.raises(LeaseLost, match=rf"'majors' is owned by {other.root} since .*: token 1 is void"):
            append_batch(home, BATCH, NOW)
        # By hand one works for nobody's campaign.
        del os.environ[LEASED_VARIABLE]
        append_batch(home, BATCH, NOW)
        os.environ[LEASED_VARIABLE] = "majors"
    assert len(read_ledger(home, NAME)) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE swarmd_ledger.line SET content = content",
        "DELETE FROM swarmd_ledger.line",
        "TRUNCATE swarmd_ledger.line",
    ],
)
def test_a_row_is_neither_changed_nor_removed_by_mistake(home: Home, server: str, statement: str) -> None:
    append_batch(home, BATCH, NOW)
    with psycopg.connect(server) as hand, pytest.raises(psycopg.errors.RaiseException, match="neither changed nor"):
        hand.execute(statement)
    assert len(read_ledger(home, NAME)) == 1


def test_known_prices_under_another_name_are_refused_in_every_home(home: Home, server: str, tmp_path: Path) -> None:
    other = joined(Home(tmp_path / "other"), server).home
    append_batch(home, replace(BATCH, prices="c" * 64), NOW)
    with pytest.raises(OperatorError, match="these very prices were tried before as BTCUSDT 2023"):
        append_batch(other, replace(BATCH, symbol="FRESH", prices="c" * 64), NOW)
    assert read_ledger(other, LedgerName("FRESH", "mtf_ema")) == ()


def test_a_home_that_counts_in_files_joins_no_other_ledger(server: str, tmp_path: Path) -> None:
    fresh, counted = Home(tmp_path / "fresh"), Home(tmp_path / "counted")
    join(fresh, written(server))
    join(fresh, written(server))
    assert address(fresh) == written(server)
    assert url_path(fresh).stat().st_mode & 0o777 == 0o600
    assert SECRET not in url_path(fresh).read_text()
    with pytest.raises(OperatorError, match="one home counts in one place"):
        join(fresh, "postgresql://me@elsewhere/d")
    append_batch(counted, BATCH, NOW)
    with pytest.raises(OperatorError, match="run `swarmd ledger move --to URL` first"):
        join(counted, written(server))
    assert address(counted) is None


def test_what_a_person_can_mend_is_told_without_the_password(
    home: Home, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "wr0ng")
    with pytest.raises(OperatorError, match=r"password authentication failed.*mend its address") as told:
        read_ledger(home, NAME)
    assert "wr0ng" not in str(told.value)
    monkeypatch.delenv(SECRET_VARIABLE)
    with pytest.raises(OperatorError, match=rf"needs \${{{SECRET_VARIABLE}}}"):
        read_ledger(home, NAME)
    remember(home, "postgresql://swarm:plain@db/x")
    with pytest.raises(OperatorError, match=r"ledger\.url holds a password; write \$\{NAME\} in its place") as told:
        read_ledger(home, NAME)
    assert "plain" not in str(told.value)


def test_a_server_that_is_not_there_is_told_and_not_waited_for_by_whoever_looks(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        home = joined(Home(tmp_path), f"postgresql://me@127.0.0.1:{nobody.getsockname()[1]}/d").home
        with pytest.raises(OutsideError, match="cannot be reached"), opened(home, give_up_after_s=0.0):
            pytest.fail("opened though nobody is there")
