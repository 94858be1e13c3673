"""The meter: only the evaluation's own time, all that two runs need to be compared, and nothing of it in a result."""

import time
from dataclasses import replace

from search_builders import MODE, SYMBOL, a_desk, a_market, an_order, run_phase

from swarmd.engine.compiled import sources_digest
from swarmd.engine.phases.prescreen import prescreen
from swarmd.engine.phases.throughput import Meter


def busy(seconds: float) -> None:
    """That much processor time, however long it takes."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_preparation_and_the_listeners_own_time_are_left_out():
    heard = []

    def listen(done: int) -> None:
        heard.append(done)
        busy(0.2)

    meter = Meter(listen)
    busy(0.2)
    meter.heard(0)
    assert (meter.cpu_seconds, meter.wall_seconds) == (0.0, 0.0)
    busy(0.01)
    meter.heard(7)
    busy(0.01)
    meter.heard(5)
    assert heard == [0, 7, 5]
    assert 0.02 <= meter.cpu_seconds < 0.2
    assert meter.wall_seconds >= 0.9 * meter.cpu_seconds


def test_a_prescreen_tells_its_desk_how_fast_it_was_and_its_result_knows_nothing_of_it(tmp_path):
    a_market(tmp_path / "bars")
    run_phase(tmp_path, tmp_path / "bars", "preflight")
    order = an_order(tmp_path, tmp_path / "bars", "prescreen")
    told, results = [], []
    for _ in range(2):
        prescreen(order, replace(a_desk(tmp_path), measured=told.append))
        results.append((tmp_path / "results" / "c" / SYMBOL / MODE / "phase0_top500.json").read_bytes())
    first, second = told
    assert first.work == second.work
    assert (first.kernel, first.strategy, first.engine) == (sources_digest(), "mtf_ema", "cpu")
    assert (first.symbol, first.combos, first.bars, first.threads) == (SYMBOL, 300, 7680, 1)
    assert first.cpu_seconds > 0
    assert first.wall_seconds > 0
    assert first.conditions.load is not None
    assert results[0] == results[1]
    for word in (b"seconds", b"steal", b"machine", first.machine.encode()):
        assert word not in results[0]


def test_another_space_is_other_work(tmp_path):
    a_market(tmp_path / "bars")
    run_phase(tmp_path, tmp_path / "bars", "preflight")
    told = []
    for space in ({}, {"L_fast": {"low": 2, "high": 3, "type": "int"}}):
        order = an_order(tmp_path, tmp_path / "bars", "prescreen", space=space)
        prescreen(order, replace(a_desk(tmp_path), measured=told.append))
    assert told[0].space != told[1].space
