"""Between two turns: progress that moves is remembered, READY and a stopped adopted lane are news, a pulse is none."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import JOB, RUN, a_run
from swarm_builders import a_sleeper

from swarmd.state.beats import BeatsPage, BeatWriter
from swarmd.state.records.run import RunAlive
from swarmd.supervisor.glances import Glances
from swarmd.supervisor.processes import state_of


@pytest.fixture
def page(tmp_path: Path) -> Iterator[BeatsPage]:
    with BeatsPage(tmp_path / "beats", create=True) as made:
        yield made


@pytest.fixture
def glances(page: BeatsPage) -> Glances:
    return Glances(page)


def the_run(slot: int = 0, job: str = JOB) -> RunAlive:
    run = a_run(job, slot=slot)
    assert isinstance(run, RunAlive)
    return run


def look(glances: Glances, now: int, *runs: RunAlive) -> bool:
    glances.expect(runs, {}, {})
    return glances.look(now)


def writer(page: BeatsPage, slot: int = 0) -> BeatWriter:
    return page.writer(slot, 1)


def test_the_instant_at_which_progress_last_moved_is_remembered(page: BeatsPage, glances: Glances) -> None:
    beat = writer(page)
    beat.ready()
    look(glances, 100, the_run())
    beat.advance()
    assert not look(glances, 300, the_run())
    assert glances.has_moved
    look(glances, 500, the_run())
    assert (glances.moved_at, glances.has_moved) == ({RUN: 300}, False)


def test_a_pulse_alone_is_no_movement(page: BeatsPage, glances: Glances) -> None:
    beat = writer(page)
    look(glances, 100, the_run())
    beat.pulse(12_345)
    assert not look(glances, 300, the_run())
    assert not glances.has_moved


def test_ready_is_news(page: BeatsPage, glances: Glances) -> None:
    look(glances, 100, the_run())
    writer(page).ready()
    assert look(glances, 300, the_run())


def test_runs_that_are_gone_are_forgotten_in_the_same_table(page: BeatsPage, glances: Glances) -> None:
    kept, table = the_run(slot=1, job="other"), glances.moved_at
    gone_beat, kept_beat = writer(page, 0), writer(page, 1)
    look(glances, 100, the_run(), kept)
    for beat in (gone_beat, kept_beat):
        beat.advance()
    look(glances, 300, the_run(), kept)
    assert table == {RUN: 300, kept.id: 300}
    kept_beat.advance()
    look(glances, 500, kept)
    assert table == {kept.id: 500}


def test_an_adopted_lane_that_is_stopped_is_news_until_it_is_on_record(glances: Glances) -> None:
    with a_sleeper() as process:
        os.kill(process.pid, signal.SIGSTOP)
        until = time.monotonic() + 10
        while state_of(process.pid) != "T" and time.monotonic() < until:
            time.sleep(0.01)
        glances.expect([], {RUN: "S"}, {RUN: process.pid})
        assert glances.look(100)
        glances.expect([], {RUN: "T"}, {RUN: process.pid})
        assert not glances.look(300)
        os.kill(process.pid, signal.SIGCONT)
