"""The running account: what is appended, and that a long one keeps to its bound."""

from pathlib import Path

import pytest
from builders import a_job, a_view

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor import chronicle as chronicles
from swarmd.supervisor.chronicle import Chronicle
from swarmd.supervisor.logs import rotate

SETTLED = [a_view(jobs=[a_job(status=status)]) for status in ("queued", "done")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


def names(home: Home, folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def test_an_account_without_end_keeps_to_six_files_and_loses_only_the_oldest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronicles, "SEGMENT_BYTES", 400)
    account = Chronicle(home, "bt-1")
    for turn in range(200):
        account.tell(SETTLED[turn % 2], turn * 5_000, cycle=turn)
    assert names(home, home.logs, "workflow_events.log*") == [
        "workflow_events.log", *(f"workflow_events.log.{number}" for number in range(1, 6))
    ]  # fmt: skip
    beats = home.state / "session_state_bt-1.jsonl"
    assert len(names(home, home.state, "session_state_bt-1.jsonl*")) in (5, 6)
    for folder, name in ((home.logs, "workflow_events.log"), (home.state, beats.name)):
        files = [path for number in range(5, 0, -1) if (path := folder / f"{name}.{number}").exists()]
        assert all(path.stat().st_size < 800 for path in files)
        assert all(path.read_bytes().endswith(b"\n") for path in files)
    told = b"".join(
        path.read_bytes() for number in range(5, 0, -1) if (path := Path(f"{beats}.{number}")).exists()
    ).splitlines()
    cycles = [int(line.partition(b'"cycle":')[2].partition(b",")[0]) for line in told]
    assert cycles == list(range(cycles[0], cycles[0] + len(cycles)))


def test_what_rotates_moves_up_by_one_and_the_fifth_goes(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    for turn in range(7):
        path.write_text(str(turn))
        rotate(path)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "x.log.1": "6", "x.log.2": "5", "x.log.3": "4", "x.log.4": "3", "x.log.5": "2",
    }  # fmt: skip


def test_a_line_that_cannot_be_written_is_told(home: Home) -> None:
    (home.logs / "workflow_events.log").mkdir()
    with pytest.raises(OutsideError, match=r"cannot append to .*workflow_events\.log: Is a directory"):
        Chronicle(home, "bt-1").tell(SETTLED[0], 0, cycle=1)
