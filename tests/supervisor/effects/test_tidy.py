"""Small files of runs long ended go; whatever is held, fresh or strange stays."""

import os
from pathlib import Path

from builders import JOB, a_run, a_view
from swarm_builders import a_home

from swarmd.state.store.files import Home, lock_file
from swarmd.state.units import HOUR
from swarmd.supervisor.effects.tidy import tidy

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
