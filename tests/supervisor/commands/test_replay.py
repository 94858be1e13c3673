"""``swarmd replay`` over journals on disk: what it says, how it exits, and what it refuses."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import a_session
from click.testing import CliRunner, Result
from scenarios.recorded import a_turbulent_world

from swarmd.state.actions import ActionTaken
from swarmd.state.errors import OperatorError
from swarmd.state.records.record import Record
from swarmd.state.records.session import Session
from swarmd.state.store.codec import decode
from swarmd.state.store.compaction import compact, removable
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import reaches_back_to
from swarmd.supervisor.commands.replay import replay
from swarmd.supervisor.rules_digest import rules_digest

SEED = 4


def a_journal(folder: Path, records: Sequence[Record], *, snapshot_every: int = 5_000) -> Path:
    folder.mkdir(parents=True)
    journal, _ = Journal.open(folder, snapshot_every=snapshot_every)
    with journal:
        for record in records:
            journal.append([record])
            if record.KIND == "cycle":
                journal.commit()
    return folder


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [decode(line.said) for line in a_turbulent_world(SEED).book.lines]


@pytest.fixture
def home(tmp_path: Path, records: list[Record]) -> Home:
    home = Home(tmp_path / "home")
    a_journal(home.journal, records)
    return home


def asked(home: Home, *words: str) -> Result:
    return CliRunner().invoke(replay, ["--home", str(home.root), *words])


def document(home: Home, *words: str) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(asked(home, *words, "--json").stdout)
    return told


def reworded(records: Sequence[Record]) -> tuple[list[Record], str]:
    """The same history, but for the reason of one action; and the id of that."""
    taken = next(record for record in records if isinstance(record, ActionTaken) and record.agent == "worker_sentry")
    other = taken.model_copy(update={"action": taken.action.model_copy(update={"reason": "nobody knows"})})
    return [other if record is taken else record for record in records], taken.id


def test_a_journal_without_differences_is_counted_and_exits_0(home: Home, records: list[Record]) -> None:
    told = asked(home)
    assert told.exit_code == 0, told.output
    (line,) = told.stdout.splitlines()
    assert line.startswith(f"{home.journal}: {len(records)} lines, ")
    assert line.endswith(" decided again: 0 differences")


def test_the_document_has_every_figure(home: Home, records: list[Record]) -> None:
    told = document(home)
    assert list(told) == [
        "schema", "journal", "run_id", "lines", "cycles", "quiet_cycles", "cut_off_cycles", "unseen_cycles",
        "decisions", "n_differences", "differences", "not_replayed", "sessions", "n_expected", "rules",
        "rules_of_today", "removed_before",
    ]  # fmt: skip
    assert (told["schema"], told["lines"], told["n_differences"]) == ("swarmd.replay/1", len(records), 0)
    assert told["cycles"] == sum(record.KIND == "cycle" for record in records)
    assert told["decisions"] == sum(record.KIND in ("action", "refusal") for record in records)
    assert told["sessions"] == {a_session().id: a_session().code_version}


def test_a_difference_is_told_with_both_reasons_and_exits_1(tmp_path: Path, records: list[Record]) -> None:
    edited, id = reworded(records)
    home = Home(tmp_path)
    a_journal(home.journal, edited)
    told = asked(home)
    assert told.exit_code == 1
    first, then, now, *_, summary, versions = told.stdout.splitlines()
    cycle = id.removeprefix("a").partition("-")[0]
    assert first.startswith(f"c{cycle}  ")
    assert first.endswith("worker_sentry: action, words in reason")
    assert then.startswith("  then  ")
    assert then.endswith(": nobody knows")
    assert now.startswith("  now   ")
    assert not now.endswith("nobody knows")
    assert summary.endswith("decided again: 1 difference")
    assert versions.startswith(
        f"  1 difference in {a_session().id}, written by swarmd {a_session().code_version}; this is"
    )
    (row,) = document(home)["differences"]
    assert (row["cycle"], row["agent"], row["what"], row["how"], row["fields"]) == (
        int(cycle), "worker_sentry", "action", "words", ["reason"]
    )  # fmt: skip
    assert row["reason_then"] == "nobody knows"


def test_what_other_rules_decided_is_told_and_expected(tmp_path: Path, records: list[Record]) -> None:
    edited, _ = reworded(records)
    by_others = [
        record.model_copy(update={"rules": "0123456789ab"}) if isinstance(record, Session) else record
        for record in edited
    ]
    home = Home(tmp_path)
    a_journal(home.journal, by_others)
    told = asked(home)
    assert told.exit_code == 0, told.output
    *_, summary, versions = told.stdout.splitlines()
    assert summary.endswith("decided again: 1 difference")
    assert versions == (
        f"  {a_session().id} was decided by other rules (0123456789ab, now {rules_digest()}): 1 difference expected"
    )
    read = document(home)
    assert (read["n_differences"], read["n_expected"]) == (1, 1)
    assert read["rules"] == {a_session().id: "0123456789ab"}


def test_the_same_rules_are_held_to_every_decision(tmp_path: Path, records: list[Record]) -> None:
    edited, _ = reworded(records)
    by_us = [
        record.model_copy(update={"rules": rules_digest()}) if isinstance(record, Session) else record
        for record in edited
    ]
    home = Home(tmp_path)
    a_journal(home.journal, by_us)
    told = asked(home)
    assert told.exit_code == 1
    assert "other rules" not in told.stdout


def test_another_journal_is_read_where_it_lies(home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.journal, tmp_path / "copy")
    told = asked(Home(tmp_path / "nowhere"), "--journal", str(tmp_path / "copy"))
    assert (told.exit_code, told.stdout.split(":")[0]) == (0, str(tmp_path / "copy"))


def test_a_session_or_a_run_narrows_it_down(home: Home, records: list[Record]) -> None:
    whole = document(home)
    assert document(home, a_session().id)["cycles"] == whole["cycles"]
    run = next(record.id for record in records if record.KIND == "run")
    about = document(home, run)
    assert about["run_id"] == run
    assert 0 < about["cycles"] < whole["cycles"]
    assert about["quiet_cycles"] == 0


def test_a_damaged_stretch_is_named_and_the_rest_is_decided_again(home: Home, records: list[Record]) -> None:
    segment = home.journal / "000001.jsonl"
    lines = segment.read_bytes().split(b"\n")
    at = next(at for at, line in enumerate(lines) if b'"kind":"run"' in line and at > len(records) // 2)
    lines[at] = lines[at].replace(b'"kind":"run"', b'"kind":"rub"')
    segment.write_bytes(b"\n".join(lines))
    told = asked(home)
    assert told.exit_code == 0, told.output
    assert f"000001.jsonl line {at + 1}: its checksum is wrong" in told.stderr
    assert f"in lines {at + 1} to {len(records)}: line {at + 1} is lost; what they decided from" in told.stdout
    assert 0 < document(home)["cycles"] < sum(record.KIND == "cycle" for record in records)


def test_lost_segments_are_bridged_by_the_snapshot(tmp_path: Path, records: list[Record]) -> None:
    home = Home(tmp_path)
    home.journal.mkdir(parents=True)
    journal, _ = Journal.open(home.journal, segment_bytes=40_000)
    with journal:
        half = next(at for at, record in enumerate(records) if record.KIND == "cycle" and at > len(records) // 2)
        for begin, end in ((0, half + 1), (half + 1, len(records))):
            for record in records[begin:end]:
                journal.append([record])
                if record.KIND == "cycle":
                    journal.commit()
            if begin == 0:
                journal.snapshot()
                kept = (home.journal / "snapshot.jsonl").read_bytes()
    (home.journal / "snapshot.jsonl").write_bytes(kept)
    (home.journal / "000001.jsonl").unlink()
    told = asked(home)
    assert told.exit_code == 0, told.output
    assert "000001.jsonl: the segment is missing" in told.stderr
    assert "not replayed:" in told.stdout
    assert document(home)["cycles"] > 0


def test_what_was_removed_is_told_and_the_rest_is_decided_again(tmp_path: Path, records: list[Record]) -> None:
    home = Home(tmp_path)
    home.journal.mkdir(parents=True)
    journal, _ = Journal.open(home.journal, segment_bytes=30_000)
    with journal:
        for record in records:
            journal.append([record])
            if record.KIND == "cycle":
                journal.commit()
        journal.snapshot()
    before = document(home)
    compact(home.journal, removable(home.journal, "9999"))
    told = asked(home)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(f"not replayed: what was before {reaches_back_to(home.journal)}; `swarmd clean`")
    after = document(home)
    assert after["removed_before"] == reaches_back_to(home.journal)
    assert after["not_replayed"] == []
    assert after["sessions"] == before["sessions"]
    assert 0 < after["cycles"] < before["cycles"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("bt-nobody",), r"no session and no run of the journal is called 'bt-nobody'"),
        ((a_session().id[:-2],), f"did you mean {a_session().id}"),
        (("--journal", "/nowhere"), r"there is no journal in /nowhere; name the folder that holds 000001\.jsonl"),
        (("--journal", "."), r"holds no sound line"),
    ],
)
def test_what_it_cannot_read_is_an_error_of_the_operator(
    home: Home, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], error: str
) -> None:
    monkeypatch.chdir(home.root)
    with pytest.raises(OperatorError, match=error):
        CliRunner().invoke(replay, ["--home", str(home.root), *words], catch_exceptions=False)


def test_a_home_without_a_journal_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"there is no journal in .*; start with"):
        CliRunner().invoke(replay, ["--home", str(tmp_path)], catch_exceptions=False)


def test_the_journal_is_only_read(home: Home) -> None:
    before = {path.name: path.read_bytes() for path in home.journal.iterdir()}
    asked(home)
    assert {path.name: path.read_bytes() for path in home.journal.iterdir()} == before
