"""The outbox: a progress line a second at most, every trial, and a rate that can be believed."""

import json

import pytest
from builders import a_speed

from swarmd.engine.lane.outbox import Outbox
from swarmd.state.errors import OutsideError
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import ResultLine, SpeedLine


class Clock:
    def __init__(self):
        self.ms = 1_000

    def __call__(self):
        return self.ms


def lines(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outbox(tmp_path, clock):
    box = Outbox(tmp_path / "run", token=2, now=lambda: 5, steady=clock)
    yield box
    box.close()


def test_progress_is_told_once_a_second_with_rate_and_time_left(outbox, clock, tmp_path):
    outbox.expect(100)
    for _ in range(20):
        clock.ms += 100
        outbox.advance(1)
    told = lines(tmp_path / "run", "progress")
    assert [(line["done"], line["total"]) for line in told] == [(0, 100), (10, 100), (20, 100)]
    assert (told[0]["rate"], told[0]["eta_s"]) == (None, None)
    assert (told[-1]["rate"], told[-1]["eta_s"]) == (10.0, 8.0)


def test_what_an_earlier_run_did_is_progress_and_no_measure_of_the_pace(outbox, clock, tmp_path):
    outbox.expect(100)
    outbox.skip(60)
    for _ in range(20):
        clock.ms += 100
        outbox.advance(1)
    told = lines(tmp_path / "run", "progress")
    assert [line["done"] for line in told] == [0, 70, 80]
    assert (told[-1]["rate"], told[-1]["eta_s"]) == (10.0, 2.0)


def test_the_last_word_on_progress_comes_with_the_result(outbox, clock, tmp_path):
    outbox.expect(3)
    clock.ms += 10
    outbox.advance(3)
    outbox.result(ResultSummary(verdict="pass", headline="done", tried=3))
    assert lines(tmp_path / "run", "progress")[-1]["done"] == 3
    said = ResultLine.model_validate(lines(tmp_path / "run", "events")[-1])
    assert (said.token, said.summary.headline) == (2, "done")


def test_every_trial_has_its_line_with_the_token(outbox, tmp_path):
    for number in range(3):
        outbox.trial({"number": number})
    assert [(line["number"], line["token"]) for line in lines(tmp_path / "run", "trials")] == [(0, 2), (1, 2), (2, 2)]


def test_how_fast_it_was_stands_among_the_events_before_the_result(outbox, tmp_path):
    outbox.measured(a_speed(steal=0.25))
    outbox.result(ResultSummary(verdict="pass", headline="done", tried=3))
    speed, result = lines(tmp_path / "run", "events")
    assert SpeedLine.model_validate(speed) == SpeedLine(token=2, speed=a_speed(steal=0.25), wall=5)
    assert result["event"] == "result"


def test_an_outbox_that_cannot_be_made_is_the_outsides_fault(tmp_path, clock):
    (tmp_path / "run").write_text("a file where a folder should be")
    with pytest.raises(OutsideError, match="cannot open the outbox"):
        Outbox(tmp_path / "run", token=1, now=clock, steady=clock)
