"""The pages the curator keeps: each written whole from the records, with a document on record for it."""

from pathlib import Path

import pytest
from builders import a_gauge, a_view
from swarm_builders import a_home

from swarmd.agents.curator import OF_ASSETS, OF_PHASES, OF_SESSIONS, page_id
from swarmd.agents.pages.workflow_notes import END, START
from swarmd.state.actions import WriteDocuments
from swarmd.state.errors import InvariantError, OutsideError
from swarmd.supervisor.effects.documents import WRITERS, write_documents

NAMES = tuple(sorted({*OF_ASSETS, *OF_PHASES, *OF_SESSIONS}))


def wish(*names: str) -> WriteDocuments:
    return WriteDocuments(names=names or NAMES, reason="the phase ended 5 ms ago")


def test_the_curator_wishes_for_nothing_that_nobody_writes() -> None:
    assert set(NAMES) == set(WRITERS)


def test_each_page_is_written_and_on_record(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    records = write_documents(a_view(gauges=[a_gauge()]), home, wish(), "a7-0", now=5)
    assert [(each.id, each.caused_by) for each in records] == [(page_id("majors", n), ("a7-0",)) for n in NAMES]
    assert "## budget_guard" in (home.docs / "AGENT_REGISTRY.md").read_text()
    assert "Campaign `majors` is active" in (home.docs / "WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md").read_text()
    assert "## majors" in (home.docs / "KNOWLEDGE_BASE_BACKTEST.md").read_text()


def test_what_a_person_wrote_around_the_notes_stays(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    page = home.docs / "BACKTEST_OPTIMIZE.md"
    page.write_bytes(f"# Ours\n\nbefore\n{START}\nold notes\n{END}\nafter ".encode() + b"\xff\n")
    write_documents(a_view(), home, wish(page.name), "a7-0", now=5)
    text = page.read_bytes()
    assert text.startswith(f"# Ours\n\nbefore\n{START}\n## Workflow notes".encode())
    assert text.endswith(f"{END}\nafter ".encode() + b"\xff\n")
    assert b"old notes" not in text
    write_documents(a_view(), home, wish(page.name), "a8-0", now=5)
    assert page.read_bytes() == text


def test_a_page_nobody_writes_and_one_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    with pytest.raises(InvariantError, match="those kept are AGENT_REGISTRY"):
        write_documents(a_view(), home, wish("DIARY.md"), "a7-0", now=5)
    (home.docs / "KNOWLEDGE_BASE_BACKTEST.md").mkdir()
    with pytest.raises(OutsideError):
        write_documents(a_view(), home, wish("KNOWLEDGE_BASE_BACKTEST.md"), "a7-0", now=5)


def test_a_page_that_would_say_the_same_is_not_written_again(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    view = a_view(gauges=[a_gauge()])
    write_documents(view, home, wish(), "a7-0", now=5)
    paths = [home.docs / name for name in NAMES if name not in OF_ASSETS]
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in paths]
    records = write_documents(view, home, wish(), "a8-0", now=60_000)
    # It is on record that they were looked at, and no file was touched.
    assert len(records) == len(NAMES)
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in paths] == before
