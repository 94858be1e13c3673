"""The proxy of a campaign's studies: kept while the session lasts, and told of where it does not come up."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_view
from study_servers import free_port

from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.records.storage import StorageSettings
from swarmd.state.storage_address import studies_lock
from swarmd.state.store.files import Home, lock_holder
from swarmd.supervisor.study_server import SOURCE, StudyServerKeeper, keeper_for

pytestmark = pytest.mark.xdist_group("studies on servers")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


async def until(is_so: Callable[[], bool], what: str) -> None:
    for _ in range(3_000):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {what}")


async def test_it_is_served_again_after_a_kill_and_gone_with_the_session(home: Home) -> None:
    keeper = StudyServerKeeper(home, f"grpc://127.0.0.1:{free_port()}")
    keeper.begin()
    try:
        await until(keeper.serves, "served")
        (seen,) = keeper.observe(a_view(), now=1_000)
        assert isinstance(seen, Source)
        assert (seen.id, seen.status) == (SOURCE, SourceStatus.FRESH)
        assert keeper.observe(a_view(sources=[seen]), now=2_000) == []
        first = lock_holder(studies_lock(home))["pid"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: keeper.serves() and lock_holder(studies_lock(home))["pid"] != first, "served again")
        # A daemon that was killed left it behind: the next one keeps it.
        other = StudyServerKeeper(home, keeper.url)
        assert other.serves()
    finally:
        await keeper.end()
    assert not keeper.serves()


async def test_a_lock_that_cannot_be_looked_at_for_a_while_ends_nobodys_keeping(home: Home) -> None:
    lock = studies_lock(home)
    lock.symlink_to(lock)  # a loop: every open fails
    keeper = StudyServerKeeper(home, f"grpc://127.0.0.1:{free_port()}")
    keeper.begin()
    try:
        await until(lambda: "cannot be looked at" in keeper._why, "told")
        lock.unlink()
        await until(keeper.serves, "served")
    finally:
        await keeper.end()


async def test_a_port_that_is_taken_is_told_of_with_the_place_to_look(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        keeper = StudyServerKeeper(home, f"grpc://127.0.0.1:{taken.getsockname()[1]}")
        keeper.begin()
        try:
            await until(lambda: "code 2" in json.dumps([str(r) for r in keeper.observe(a_view(), now=1)]), "refused")
            (seen,) = keeper.observe(a_view(), now=1_000)
        finally:
            await keeper.end()
    assert isinstance(seen, Source)
    assert seen.status is SourceStatus.MISSING
    assert seen.note.endswith("it ended with code 2; see logs/studies.log")
    assert "cannot be listened on; is the port taken?" in (home.logs / "studies.log").read_text()


@pytest.mark.parametrize(
    ("storage", "is_kept"),
    [
        (StorageSettings(), False),
        (StorageSettings(kind="grpc"), True),
        (StorageSettings(kind="grpc", url="grpc://localhost:9000"), True),
        (StorageSettings(kind="grpc", url="grpc://10.1.2.3:9000"), False),
        (StorageSettings(kind="postgres", url="postgresql://me@localhost/d"), False),
        (None, False),
    ],
)
def test_only_a_proxy_at_this_machines_own_address_is_ours_to_keep(
    home: Home, storage: StorageSettings | None, is_kept: bool
) -> None:
    assert (keeper_for(home, storage) is not None) is is_kept
