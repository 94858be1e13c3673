"""Who runs, and how it is asked."""

import os
import stat
from pathlib import Path

import orjson

from swarmd.state.store.files import Home, lock_file
from swarmd.supervisor.presence import Presence, ask, daemon_of, ulid


def test_a_home_that_nobody_holds_has_no_daemon(tmp_path: Path) -> None:
    home = Home(tmp_path / "swarm")
    assert daemon_of(home) is None
    home.run_dir.mkdir(parents=True)
    home.daemon_lock.write_text('{"pid": 1, "since": "2026-01-01T00:00:00Z"}\n')
    assert daemon_of(home) is None


def test_the_holder_of_the_lock_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    held = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": "2026-01-01T00:00:00Z"})
    assert held is not None
    assert daemon_of(home) == Presence(os.getpid(), "2026-01-01T00:00:00Z")
    os.close(held)
    assert daemon_of(home) is None


def test_a_request_is_one_whole_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    home = Home(tmp_path)
    names = [ask(home, "pause"), ask(home, "stop_now", asked_by="mcp"), ask(home, "kill", subject="cpu0")]
    files = sorted(home.inbox.iterdir())
    assert sorted(f"{name}.json" for name in names) == [path.name for path in files]
    said = {path.stem: orjson.loads(path.read_bytes()) for path in files}
    assert [said[name] for name in names] == [
        {"verb": "pause", "asked_by": "cli"},
        {"verb": "stop_now", "asked_by": "mcp"},
        {"verb": "kill", "asked_by": "cli", "subject": "cpu0", "place": "first"},
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_ulids_have_26_characters_and_sort_as_their_times_do() -> None:
    assert ulid(0, bytes(10)) == "0" * 26
    assert ulid((1 << 48) - 1, b"\xff" * 10) == "7" + "Z" * 25
    assert ulid(1_469_918_176_385, bytes(10)).startswith("01ARYZ6S41")
    times = [0, 1, 31, 32, 1 << 20, 1_700_000_000_000, 1_700_000_000_001]
    made = [ulid(time, b"\xff" * 10) for time in times]
    assert made == sorted(made)


def test_a_request_names_the_daemon_that_is_there_to_be_asked(tmp_path: Path) -> None:
    home = Home(tmp_path)
    since = "2026-01-01T00:00:00.000Z"
    for pid, named in ((os.getpid(), {"pid": os.getpid(), "since": since}), (1 << 22 | 1, None)):
        held = lock_file(home.daemon_lock, {"pid": pid, "since": since})
        assert held is not None
        said = orjson.loads((home.inbox / f"{ask(home, 'stop')}.json").read_bytes())
        assert said.get("to") == named
        os.close(held)
