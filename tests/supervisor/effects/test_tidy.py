"""Small files of runs long ended go; whatever is held, fresh or strange stays."""

import os
from pathlib import Path

from builders import JOB, a_run, a_view
from swarm_builders import a_home

from swarmd.state.store.files import Home, lock_file
from swarmd.state.units import HOUR
from swarmd.supervisor.effects.tidy import LOG_BYTES, cut_living_logs, tidy

NOW = 10 * HOUR


def files_of(home: Home, run: str) -> list[Path]:
    return [home.order_path(run), home.lock_path(run)]


def test_orders_and_locks_of_runs_long_ended_are_removed_and_all_else_stays(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    old, fresh, living, held = (a_run(JOB, attempt, **state) for attempt, state in enumerate((
        {"status": "done", "ended_at": HOUR},
        {"status": "done", "ended_at": NOW - 1},
        {"status": "running"},
        {"status": "lost", "ended_at": HOUR},
    ), start=1))  # fmt: skip
    for run in (old, fresh, living, held):
        for path in files_of(home, run.id):
            path.write_text("{}")
    strangers = [home.daemon_lock, home.beats_path, *files_of(home, "not-on-record")]
    for path in strangers:
        path.write_text("{}")
    descriptor = lock_file(home.lock_path(held.id), {})
    assert descriptor is not None
    assert tidy(a_view(runs=[old, fresh, living, held]), home, NOW) == 2
    os.close(descriptor)
    left = {path for run in (fresh, living, held) for path in files_of(home, run.id)} | set(strangers)
    assert set(home.run_dir.iterdir()) == left


def test_those_of_runs_that_no_record_speaks_of_any_more_go_too_unless_they_are_held(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    forgotten, held = f"{JOB}-a1", f"{JOB}-a2"
    for path in (*files_of(home, forgotten), home.run_dir / "handoff.lock"):
        path.write_text("{}")
    descriptor = lock_file(home.lock_path(held), {})
    assert descriptor is not None
    assert tidy(a_view(), home, NOW) == 2
    os.close(descriptor)
    assert {path.name for path in home.run_dir.iterdir()} == {"handoff.lock", f"{held}.lock"}


def test_a_log_over_its_bound_is_cut_to_its_end_while_its_run_writes_on(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    run = a_run(JOB, 1)
    path = home.log_path(run.id)
    writer = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lines = b"".join(b"line %07d of a run that says too much\n" % number for number in range(30_000))
    written = 0
    while written <= LOG_BYTES:
        written += os.write(writer, lines)
    assert cut_living_logs(a_view(runs=[run]), home, NOW) == 1
    os.write(writer, b"and goes on\n")
    os.close(writer)
    told = path.read_bytes().splitlines(keepends=True)
    assert told[
        0
    ] == b"[swarmd 1970-01-01T10:00:00.000Z] this log had %d bytes (limit %d); all but the last part was cut\n" % (
        written,
        LOG_BYTES,
    )
    assert told[-2:] == [b"line 0029999 of a run that says too much\n", b"and goes on\n"]
    assert set(told[1:-1]) <= set(lines.splitlines(keepends=True)), "whole lines"
    assert (1 << 19) < path.stat().st_size < (2 << 20)
    assert cut_living_logs(a_view(runs=[run]), home, NOW) == 0
    assert tidy(a_view(runs=[run]), home, NOW) == 0


def test_logs_of_the_ended_are_cut_too_and_a_link_is_left_alone(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    elsewhere = tmp_path / "precious"
    for path in (home.log_path("gone-a1"), elsewhere):
        path.write_bytes(b"x" * LOG_BYTES + b"\ny\n")
    home.log_path("linked-a1").symlink_to(elsewhere)
    tidy(a_view(), home, NOW)
    assert home.log_path("gone-a1").stat().st_size < 1000
    assert elsewhere.stat().st_size == LOG_BYTES + 3
