"""The page of progress counters, removed under the daemon, is there again for the next run, and told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import a_source, a_view

from swarmd.state.beats import BeatsPage
from swarmd.state.records.source import Source
from swarmd.supervisor.sensors.beats_page import BEATS_PAGE, observe_beats_page


@pytest.fixture
def page(tmp_path: Path) -> Iterator[BeatsPage]:
    (tmp_path / "run").mkdir()
    with BeatsPage(tmp_path / "run" / "beats", create=True) as made:
        yield made


def look(page: BeatsPage, *known: Source) -> list[tuple[str, str]]:
    records = observe_beats_page(a_view(sources=list(known)), page, now=7)
    return [(record.id, record.status.value) for record in records if isinstance(record, Source)]


def test_a_page_that_is_where_it_should_be_is_no_news(page: BeatsPage) -> None:
    assert look(page) == []


def test_one_that_was_removed_is_made_anew_and_told_once(page: BeatsPage, tmp_path: Path) -> None:
    (tmp_path / "run" / "beats").unlink()
    assert look(page) == [(BEATS_PAGE, "missing")]
    assert page.is_seen()
    assert look(page, a_source(BEATS_PAGE, status="missing")) == [(BEATS_PAGE, "fresh")]


def test_one_that_cannot_be_made_is_tried_again(page: BeatsPage, tmp_path: Path) -> None:
    (tmp_path / "run" / "beats").unlink()
    (tmp_path / "run").rmdir()
    assert look(page) == [(BEATS_PAGE, "damaged")]
    assert look(page, a_source(BEATS_PAGE, status="damaged")) == []
    (tmp_path / "run").mkdir()
    assert look(page, a_source(BEATS_PAGE, status="damaged")) == [(BEATS_PAGE, "missing")]
