"""Published files and monitors that vanish or break are noticed once, with what was seen."""

from pathlib import Path

import pytest
from builders import a_source, a_view

from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.store.files import Home
from swarmd.state.store.published import Written, publish
from swarmd.state.store.raw import Damage
from swarmd.supervisor.sensors.sources import journal_damages, observe_monitors, observe_published

NAME = "worker_sentry_state.json"
ANOTHERS = Written(inode=0, modified_ns=0, size=0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    (made.state / NAME).write_text("{}")
    return made


def look(home: Home, *known: Source) -> list[tuple[str, str]]:
    records = observe_published(a_view(sources=list(known)), home, {NAME: ANOTHERS}, now=7)
    return [(record.id, record.status.value) for record in records if isinstance(record, Source)]


def test_a_published_file_is_fresh_and_said_to_be_so_once(home: Home) -> None:
    assert look(home) == [(f"state/{NAME}", "fresh")]
    assert look(home, a_source(f"state/{NAME}", status="fresh")) == []


def test_a_vanished_file_is_missing(home: Home) -> None:
    (home.state / NAME).unlink()
    assert look(home, a_source(f"state/{NAME}", status="fresh")) == [(f"state/{NAME}", "missing")]


@pytest.mark.parametrize("content", [b"", b"{", b"\0\0\0"])
def test_a_file_that_is_not_json_is_damaged(home: Home, content: bytes) -> None:
    (home.state / NAME).write_bytes(content)
    assert look(home) == [(f"state/{NAME}", "damaged")]


def test_a_file_as_it_was_left_is_fresh_and_one_touched_since_is_read(home: Home) -> None:
    left = publish(home, {NAME: {"agent": "worker_sentry"}})

    def statuses() -> list[str]:
        records = observe_published(a_view(), home, left, now=7)
        return [record.status.value for record in records if isinstance(record, Source)]

    assert statuses() == ["fresh"]
    (home.state / NAME).write_bytes(b'{"agent": "worker_se')
    assert statuses() == ["damaged"]
    (home.state / NAME).unlink()
    assert statuses() == ["missing"]


def test_a_lost_monitor_is_missing_and_one_without_change_is_no_news() -> None:
    known = [a_source("monitor/gpu", status="fresh"), a_source("monitor/cpu", status="fresh")]
    records = observe_monitors(a_view(sources=known), {"gpu": False, "cpu": True}, now=7)
    assert [(record.id, getattr(record, "status", None)) for record in records] == [
        ("monitor/gpu", SourceStatus.MISSING)
    ]


def test_each_damage_of_the_journal_is_a_source_of_its_own() -> None:
    damages = [Damage("000001.jsonl", 3, "its checksum is wrong"), Damage("000001.jsonl", 9, "the last line was torn")]
    told = journal_damages(damages, now=7)
    assert len({record.id for record in told}) == 2
    assert [getattr(record, "note", "") for record in told] == [damage.reason for damage in damages]
