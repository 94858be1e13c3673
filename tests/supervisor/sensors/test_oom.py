"""A lane that the kernel ends for want of memory, through the real backend and sensor: the run's end says so."""

import select
import sys
from pathlib import Path

import pytest
from builders import JOB, a_campaign, a_job, a_run, a_view
from swarm_builders import a_home

from swarmd.state.beats import BeatsPage
from swarmd.state.records.run import RunEnded, RunOrdered
from swarmd.supervisor.backends.groups import find_groups
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.clock import SteadyClock, boot_id
from swarmd.supervisor.effects.runs import start_run, work_order
from swarmd.supervisor.sensors.runs import observe_runs

HOG = "import time; time.sleep(0.5); a = bytearray(400 << 20)"


def test_the_end_of_a_run_killed_for_want_of_memory_names_the_counter_and_its_high_water(tmp_path: Path) -> None:
    groups = find_groups(tmp_path)
    if groups.parent is None:
        pytest.skip("no control group may be made here")
    home = a_home(tmp_path)
    ordered = a_run(status="starting")
    assert isinstance(ordered, RunOrdered)
    with BeatsPage(home.beats_path, create=True) as page:
        program = (sys.executable, "-S", "-c", HOG)
        backend = LocalBackend(home, page, lambda pidfd: None, lambda pidfd: None, program=program, groups=groups)
        view = a_view(campaigns=[a_campaign()], jobs=[a_job(id=JOB)], runs=[ordered])
        order = work_order(view, ordered, home=home.root, session="here", threads=1)
        alive = start_run(backend, ordered, order, boot_id(), now=0)
        groups.settle(ordered.id)
        limit = {1: "memory.limit_in_bytes", 2: "memory.max"}[groups.version]
        (Path(groups.place(ordered.id)) / limit).write_text(str(64 << 20))
        process = backend.process_of(alive)  # type: ignore[arg-type]
        assert process is not None
        assert select.select([process.pidfd], [], [], 60)[0]
        (ended,) = observe_runs(
            a_view(runs=[alive]), backend, page, SteadyClock(0), boot_id(), now=1_000, late=0
        )  # fmt: skip
        place = str(groups.parent / f"swarmd-run-{groups.owner}{ordered.id}")
        assert isinstance(ended, RunEnded)
        assert ended.reason == f"killed by SIGKILL: oom_kill counter of {place} rose by 1"
        assert ended.high_water_bytes > 32 << 20
        backend.end_strays()
        assert not Path(place).exists()
        backend.close()
