"""The lock of the daemon, removed or replaced under it, is held again where everybody looks, and told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import a_source, a_view

from swarmd.state.records.source import Source
from swarmd.state.store.files import Home, is_locked, lock_file, lock_holder
from swarmd.supervisor.presence import daemon_of
from swarmd.supervisor.sensors.home_lock import HOME_LOCK, HomeLock, observe_home_lock

HOLDER = {"pid": os.getpid(), "since": "2026-01-31T03:00:00.000Z", "home": "here"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    return made


@pytest.fixture
def lock(home: Home) -> Iterator[HomeLock]:
    descriptor = lock_file(home.daemon_lock, HOLDER)
    assert descriptor is not None
    made = HomeLock(home, descriptor)
    yield made
    made.close()
    assert not is_locked(home.daemon_lock), "nothing may be held once it is let go"


def look(lock: HomeLock, *known: Source) -> list[tuple[str, str]]:
    records = observe_home_lock(a_view(sources=list(known)), lock, now=7)
    return [(record.id, record.status.value) for record in records if isinstance(record, Source)]


def test_a_lock_that_is_where_it_should_be_is_no_news(lock: HomeLock) -> None:
    assert look(lock) == []
    assert look(lock, a_source(HOME_LOCK, status="fresh")) == []


def test_one_that_was_removed_is_made_anew_and_told_once(home: Home, lock: HomeLock) -> None:
    home.daemon_lock.unlink()
    assert daemon_of(home) is None
    assert look(lock) == [(HOME_LOCK, "missing")]
    found = daemon_of(home)
    assert found is not None
    assert (found.pid, found.since) == (HOLDER["pid"], HOLDER["since"])
    assert look(lock, a_source(HOME_LOCK, status="missing")) == [(HOME_LOCK, "fresh")]


def test_one_that_went_with_its_folder_is_made_anew(home: Home, lock: HomeLock) -> None:
    home.daemon_lock.unlink()
    home.run_dir.rmdir()
    assert look(lock) == [(HOME_LOCK, "missing")]
    assert is_locked(home.daemon_lock)


def test_its_age_stays_that_of_the_hold_on_the_home(home: Home, lock: HomeLock) -> None:
    os.utime(home.daemon_lock, ns=(10**18, 10**18))
    home.daemon_lock.unlink()
    look(lock)
    assert home.daemon_lock.stat().st_mtime_ns == 10**18


def test_a_file_that_somebody_put_in_its_place_is_locked_and_says_who_lives(home: Home, lock: HomeLock) -> None:
    home.daemon_lock.unlink()
    home.daemon_lock.write_text('{"pid": 1, "since": "never"}\n')
    assert look(lock) == [(HOME_LOCK, "missing")]
    assert lock_holder(home.daemon_lock) == HOLDER


def test_while_another_holds_it_the_old_one_is_kept_and_as_soon_as_it_is_free_it_is_taken(
    home: Home, lock: HomeLock
) -> None:
    home.daemon_lock.unlink()
    other = lock_file(home.daemon_lock, {"pid": 4711})
    assert other is not None
    (told,) = observe_home_lock(a_view(), lock, now=7)
    assert isinstance(told, Source)
    assert told.status.value == "damaged"
    assert "pid 4711" in told.note
    assert look(lock, a_source(HOME_LOCK, status="damaged")) == []
    os.close(other)
    assert look(lock, a_source(HOME_LOCK, status="damaged")) == [(HOME_LOCK, "missing")]
    assert look(lock, a_source(HOME_LOCK, status="missing")) == [(HOME_LOCK, "fresh")]


def test_where_it_cannot_be_made_the_reason_is_told(home: Home, lock: HomeLock) -> None:
    home.daemon_lock.unlink()
    home.daemon_lock.mkdir()
    (told,) = observe_home_lock(a_view(), lock, now=7)
    assert isinstance(told, Source)
    assert told.status.value == "damaged"
    assert "cannot hold the lock" in told.note
    home.daemon_lock.rmdir()
    assert look(lock, a_source(HOME_LOCK, status="damaged")) == [(HOME_LOCK, "missing")]
