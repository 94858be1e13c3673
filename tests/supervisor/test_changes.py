"""Which line each change makes, and what a daemon that nobody watches need not load for it."""

import subprocess
import sys
from dataclasses import replace

from builders import a_campaign, a_champion, a_job, a_policy, a_view, an_incident

from swarmd.state.projection import Projection
from swarmd.state.records.champion import Champion
from swarmd.supervisor.changes import changes


def test_the_first_picture_is_told_in_two_lines_and_the_same_again_in_none() -> None:
    view = a_view(jobs=[a_job()], campaigns=[a_campaign(reason="started")])
    assert list(changes(None, view, 1000)) == [
        "1970-01-01T00:00:01Z campaign majors: active (started)",
        "1970-01-01T00:00:01Z jobs: 1 queued",
    ]
    assert list(changes(view, view, 2000)) == []


def test_each_change_is_one_line_and_told_once() -> None:
    before = a_view(jobs=[a_job(), a_job(phase="refine")], incidents=[an_incident("r0")], champions=[])
    after = a_view(
        campaigns=[a_campaign(status="done", reason="all settled")],
        jobs=[a_job(status="done", reason="500 kept"), a_job(phase="refine", status="skipped")],
        incidents=[an_incident("r0", status="closed", outcome="run 2 went on"), an_incident("r1")],
        champions=[a_champion()],
    )
    assert [line.removeprefix("1970-01-01T00:00:00Z ") for line in changes(before, after, 0)] == [
        "campaign majors: done (all settled)",
        "job majors.BTCUSDT.balanced.prescreen: done: 500 kept",
        "job majors.BTCUSDT.balanced.refine: skipped",
        "incident r0/crash closed: run 2 went on",
        "incident r1/crash: it exited with code 1; a new run",
        "champion BTCUSDT_5m: annual_sharpe 1.60 in sample, 1.10 out of sample, score 1.50, tried 250,200",
    ]
    assert list(changes(after, after, 0)) == []


def test_tables_that_two_pictures_share_tell_what_copies_of_them_would() -> None:
    projection = Projection()
    for record in (a_policy(), a_campaign(), a_job(), a_job(phase="refine"), an_incident("r0"), a_champion()):
        projection.apply(record)
    before = projection.view()
    for record in (
        a_campaign(status="done", reason="all settled"),
        a_job(status="done", reason="500 kept"),
        an_incident("r0", status="closed", outcome="run 2 went on"),
        a_champion(status="dethroned", note="the monitor: e = 22.1"),
    ):
        projection.apply(record)
        view = projection.view()
        shared = [name for name in ("jobs", "incidents", "champions") if getattr(view, name) is getattr(before, name)]
        assert len(shared) >= 2
        told = list(changes(before, view, 0))
        assert len(told) == 1
        assert told == list(changes(before, replace(view, **{name: dict(getattr(view, name)) for name in shared}), 0))
        before = view


def test_what_becomes_of_a_champion_is_one_line_with_the_reason() -> None:
    def lines(was: Champion, by_now: Champion) -> list[str]:
        told = changes(a_view(champions=[was]), a_view(champions=[by_now]), 0)
        return [line.partition(" champion ")[2] for line in told]

    crowned = a_champion()
    fallen = a_champion(status="dethroned", note="the monitor: e = 22.1")
    heir = a_champion(origin="rollback", note="follows one that was dethroned", checksum="c0")
    assert lines(crowned, fallen) == ["BTCUSDT_5m: mtf_ema balanced is dethroned (the monitor: e = 22.1)"]
    assert lines(fallen, a_champion(status="dethroned", note="the monitor: e = 22.1", e_value=23.0)) == []
    assert lines(a_champion(status="damaged"), crowned) == ["BTCUSDT_5m: mtf_ema balanced is in force, crowned"]
    figures, story = lines(crowned, heir)
    assert figures.startswith("BTCUSDT_5m: annual_sharpe 1.60")
    assert story == "BTCUSDT_5m: mtf_ema balanced is in force, put back (follows one that was dethroned)"


def test_a_daemon_without_a_screen_loads_nothing_that_draws_and_no_library_of_tmux_or_yaml() -> None:
    code = (
        "import sys, swarmd.supervisor.daemon, swarmd.supervisor.changes, swarmd.supervisor.commands.start\n"
        "print([name for name in ('rich', 'libtmux', 'yaml', 'numba', 'numpy') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
