"""A campaign whose trials are not in a file beside its results: its proxy is killed, and so is the machine it is on."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import postgres_server
import psycopg
import pytest
from faults.swarm import SYMBOL, Swarm, campaign_text, outcome, state_of, wait
from faults.test_killed import trial_lines
from ledger_homes import written
from study_servers import free_port

from swarmd.state.storage_address import studies_lock
from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.state.store.ledger_place import address
from swarmd.state.store.trial_ledger import LedgerName, read_ledger

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")
HELD = "refine-a1@4.wait"


def proxy_of(home: Home) -> int:
    """Pid of the proxy that serves the home's studies; 0 without one."""
    lock = studies_lock(home)
    return int(lock_holder(lock).get("pid", 0)) if is_locked(lock) else 0


def test_a_proxy_that_is_killed_in_the_middle_is_started_again_and_makes_no_difference(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    url = f"grpc://127.0.0.1:{free_port()}"
    swarm = swarm_of(campaign_text(bars) + f"storage: {{kind: grpc, url: '{url}'}}\n")
    order = swarm.order(HELD)
    swarm.start()
    swarm.reached(HELD)
    first = proxy_of(swarm.home)
    assert first, "the daemon keeps a proxy for its campaign"
    os.kill(first, signal.SIGKILL)
    wait("the proxy to die", lambda: not state_of(first))
    wait("another proxy", lambda: proxy_of(swarm.home) not in (0, first))
    order.unlink()
    assert swarm.finish() == 0
    assert outcome(swarm) == undisturbed
    assert trial_lines(swarm) == list(range(12)), "each trial was made and told once"
    assert not proxy_of(swarm.home), "it ends with the session"


@pytest.mark.skipif(postgres_server.programs() is None, reason=postgres_server.ADVICE)
def test_of_two_daemons_one_owns_the_campaign_and_the_other_takes_it_over_when_that_one_is_dead(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any], ledger_server: str
) -> None:
    server = written(ledger_server)
    kept = f"storage: {{kind: postgres, url: '{server}'}}\nledger: {{url: '{server}'}}\n"
    one, two = (swarm_of(campaign_text(bars) + kept, name) for name in ("one", "two"))
    order = one.order(HELD)
    one.start()
    one.reached(HELD)

    # While it lives the other is refused, and told who has it.
    two.start()
    assert two.finish() == 2
    said = (two.folder / "daemon.out").read_text()
    assert f"campaign 'faults' is owned by {os.uname().nodename}:{one.home.root} since" in said
    assert not two.records("session")

    # The daemon is killed, and its run lives on. The lease ends by the server's clock, which is not waited for here.
    (left,) = one.reached(HELD)
    one.kill_daemon()
    with psycopg.connect(ledger_server) as hand:
        hand.execute("UPDATE swarmd_lease SET expires_at = clock_timestamp() WHERE campaign = 'faults'")
    two.start(str(two.campaign), "--checked")
    assert two.finish() == 0, (two.folder / "daemon.out").read_text()
    assert outcome(two) == undisturbed

    # What is left of the first one learns that it is nobody's run any more, and adds nothing.
    assert state_of(left)
    order.unlink()
    wait("the former owner's run to end", lambda: not state_of(left))

    # The twelve trials stand once in the study they share, and once in the ledger.
    with psycopg.connect(ledger_server) as hand:
        rows = hand.execute(
            "SELECT number, state FROM trials JOIN studies USING (study_id) "
            "WHERE study_name LIKE 'faults.%' AND study_name NOT LIKE '% workers' ORDER BY number"
        ).fetchall()
        assert rows == [(number, "COMPLETE") for number in range(12)]
    assert address(two.home) == server
    entries = read_ledger(two.home, LedgerName(SYMBOL, "obedient"))
    assert sum(entry.batch.count for entry in entries if entry.batch.phase == "refine") == 12
    assert {entry.batch.run for entry in entries if entry.batch.phase == "refine"} < set(one.records("run"))
