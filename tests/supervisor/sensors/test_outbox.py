"""Results count once, under their own token, and a torn line counts as nothing; requests arrive as records."""

import errno
import os
from pathlib import Path

import pytest
from builders import JOB, RUN, a_fastest, a_job, a_mark, a_request, a_result, a_run, a_session, a_speed, a_view
from faulty_disk import descriptors_left

from swarmd.state.records.request import Request, Verb
from swarmd.state.records.result import Result, ResultSummary
from swarmd.state.records.throughput import Fastest, Speed, Throughput
from swarmd.state.store.files import Home, lock_file
from swarmd.state.view import View
from swarmd.state.work_order import ResultLine, SaidLine, SpeedLine
from swarmd.supervisor.presence import ask
from swarmd.supervisor.sensors.outbox import last_word, observe_inbox, observe_results, result_line

SUMMARY = ResultSummary(verdict="pass", headline="57,600 bars fit to use", tried=3, figures={"bars": 57_600})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def said(home: Home, *lines: bytes, run: str = RUN) -> None:
    outbox = home.outbox_of(run)
    outbox.mkdir(parents=True, exist_ok=True)
    (outbox / "events.jsonl").write_bytes(b"".join(lines))


def a_line(token: int) -> bytes:
    return ResultLine(token=token, summary=SUMMARY, wall=1).model_dump_json().encode() + b"\n"


def test_a_reported_result_becomes_a_record_once(home: Home) -> None:
    said(home, SaidLine(token=1, text='about the "result"', wall=1).model_dump_json().encode() + b"\n", a_line(1))
    view = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="running")])
    [result] = observe_results(view, home, now=9, resultless={})
    assert isinstance(result, Result)
    assert (result.id, result.job, result.attempt, result.summary) == (RUN, JOB, 1, SUMMARY)
    again = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="running")], results=[result])
    assert observe_results(again, home, now=10, resultless={}) == []


def test_an_outbox_without_a_result_is_read_again_once_there_is_more_of_it(home: Home) -> None:
    view, resultless = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="running")]), {"a run long gone": 7}
    said(home, a_line(1)[:-5])
    assert observe_results(view, home, now=9, resultless=resultless) == []
    assert resultless == {RUN: len(a_line(1)) - 5}
    said(home, a_line(1))
    for now in (10, 11):  # what could not be recorded the first time is seen again
        assert len(observe_results(view, home, now=now, resultless=resultless)) == 1


def test_a_result_that_could_not_be_read_is_read_in_the_next_look(home: Home) -> None:
    view: View = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="running")])
    resultless: dict[str, int] = {}
    said(home, a_line(1))
    with descriptors_left(0):
        assert observe_results(view, home, now=9, resultless=resultless) == []
    assert len(observe_results(view, home, now=10, resultless=resultless)) == 1


def test_a_request_that_could_not_be_read_for_want_of_descriptors_waits(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    ask(home, "pause")
    with monkeypatch.context() as disk:
        disk.setattr(Path, "read_bytes", refused)
        assert observe_inbox(a_view(), home, now=9) == ([], [])
    requests, done_with = observe_inbox(a_view(), home, now=10)
    assert (len(requests), len(done_with)) == (1, 1)


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_result_is_not_a_result(home: Home, cut: int) -> None:
    said(home, a_line(1)[:-cut])
    assert result_line(home.outbox_of(RUN), 1) is None


def test_a_result_under_another_token_is_not_this_runs(home: Home) -> None:
    said(home, a_line(1))
    assert result_line(home.outbox_of(RUN), 2) is None


def test_a_run_that_has_said_nothing_has_no_result(home: Home) -> None:
    assert result_line(home.outbox_of(RUN), 1) is None


def test_a_result_of_an_ordered_run_waits_until_its_process_was_seen(home: Home) -> None:
    said(home, a_line(1))
    view = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="starting")])
    assert observe_results(view, home, now=9, resultless={}) == []


def a_speed_line(token: int, speed: Speed) -> bytes:
    return SpeedLine(token=token, speed=speed, wall=1).model_dump_json().encode() + b"\n"


def test_with_a_result_comes_how_fast_it_was_made_beside_the_record_so_far(home: Home) -> None:
    said(home, a_speed_line(1, a_speed(cpu_seconds=14.0)), a_line(1))
    view = a_view(jobs=[a_job(attempt=1)], runs=[a_run()], fastest=[a_fastest()])
    throughput, result = observe_results(view, home, now=9, resultless={})
    assert isinstance(throughput, Throughput)
    assert (throughput.id, throughput.against, throughput.mark) == (RUN, a_fastest().id, a_mark())
    assert throughput.caused_by == (RUN, a_fastest().id)
    assert isinstance(result, Result)
    again = a_view(jobs=[a_job(attempt=1)], runs=[a_run()], results=[result], fastest=[a_fastest()])
    assert observe_results(again, home, now=10, resultless={}) == []


@pytest.mark.parametrize(
    "lines",
    [
        [a_line(1)],
        [a_speed_line(2, a_speed()), a_line(1)],
        [a_line(1), a_speed_line(1, a_speed())[:-9]],
        [b'{"event":"speed","token":1,"speed":{},"wall":1}\n', a_line(1)],
    ],
)
def test_without_a_sound_measure_of_this_run_its_result_stands_alone(home: Home, lines: list[bytes]) -> None:
    said(home, *lines)
    [result] = observe_results(a_view(jobs=[a_job(attempt=1)], runs=[a_run()]), home, now=9, resultless={})
    assert isinstance(result, Result)


def test_of_two_runs_seen_at_once_the_second_is_held_to_what_the_first_achieved(home: Home) -> None:
    other = a_run(a_job("ETHUSDT").id, 1, slot=1, lane="cpu1")
    said(home, a_speed_line(1, a_speed()), a_line(1))
    said(home, a_speed_line(1, a_speed(symbol="ETHUSDT", cpu_seconds=9.0, wall_seconds=9.0)), a_line(1), run=other.id)
    view = a_view(jobs=[a_job(attempt=1), a_job("ETHUSDT", attempt=1)], runs=[a_run(), other])
    seen = observe_results(view, home, now=9, resultless={})
    best = [record for record in seen if isinstance(record, Fastest)]
    assert [record.mark.run for record in best] == [RUN]
    second = [record for record in seen if isinstance(record, Throughput)][1]
    assert second.mark is not None
    assert second.mark.run == RUN


def test_requests_become_records_and_their_files_are_done_with(home: Home) -> None:
    name = ask(home, "pause")
    [request], files = observe_inbox(a_view(), home, now=5)
    assert isinstance(request, Request)
    assert (request.id, request.verb, request.asked_by, request.at) == (name, Verb.PAUSE, "cli", 5)
    assert files == [home.inbox / f"{name}.json"]


def test_a_request_already_on_record_is_not_made_twice(home: Home) -> None:
    name = ask(home, "stop")
    known, files = observe_inbox(a_view(requests=[a_request(id=name)]), home, now=5)
    assert known == []
    assert files == [home.inbox / f"{name}.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"verb":"fly","asked_by":"x"}', b'{"verb":"stop"}'])
def test_a_damaged_request_asks_for_nothing_and_is_put_away(home: Home, content: bytes) -> None:
    (home.inbox / "broken.json").write_bytes(content)
    requests, files = observe_inbox(a_view(), home, now=5)
    assert requests == []
    assert files == [home.inbox / "broken.json"]


def test_results_of_several_runs_are_told_apart(home: Home) -> None:
    other = f"{JOB}-a2"
    said(home, a_line(1))
    said(home, a_line(2), run=other)
    runs = [a_run(status="lost", ended_at=3, reason="gone"), a_run(JOB, 2, status="running")]
    seen = observe_results(a_view(jobs=[a_job(attempt=2)], runs=runs, results=[a_result()]), home, now=9, resultless={})
    assert [(record.id, getattr(record, "attempt", 0)) for record in seen] == [(other, 2)]


def test_a_run_that_ended_long_ago_is_not_listened_to_for_ever(home: Home) -> None:
    said(home, a_line(1))
    view = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="lost", ended_at=1_000)])
    assert len(observe_results(view, home, now=2_000, resultless={})) == 1
    assert observe_results(view, home, now=10_000_000, resultless={}) == []


def test_in_haste_a_run_that_ended_just_now_is_heard_and_those_before_it_wait_for_the_next_look(home: Home) -> None:
    said(home, a_line(1))
    view = a_view(jobs=[a_job(attempt=1)], runs=[a_run(status="lost", ended_at=1_000)])
    assert len(observe_results(view, home, now=1_000, resultless={}, is_hasty=True)) == 1
    resultless: dict[str, int] = {}
    assert observe_results(view, home, now=1_001, resultless=resultless, is_hasty=True) == []
    assert len(observe_results(view, home, now=1_001, resultless=resultless)) == 1


def test_a_stop_that_a_dead_daemon_never_read_is_older_than_the_session_that_reads_it(home: Home) -> None:
    left = home.inbox / f"{ask(home, 'stop')}.json"
    home.daemon_lock.write_text("{}")
    os.utime(left, ns=(0, home.daemon_lock.stat().st_mtime_ns - 1))
    asked = home.inbox / f"{ask(home, 'stop')}.json"
    requests, _ = observe_inbox(a_view(sessions=[a_session(at=100)]), home, now=500)
    assert {request.id: request.at for request in requests} == {left.stem: 99, asked.stem: 500}


def test_a_stop_after_the_clock_was_set_back_is_for_the_daemon_that_it_names(home: Home) -> None:
    held = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": "2026-01-02T00:00:00.000Z", "home": "x"})
    assert held is not None
    asked = home.inbox / f"{ask(home, 'stop')}.json"
    yesterday = home.daemon_lock.stat().st_mtime_ns - 86_400_000_000_000
    os.utime(asked, ns=(yesterday, yesterday))
    view = a_view(sessions=[a_session(at=100)])
    assert [request.at for request in observe_inbox(view, home, now=500)[0]] == [500]

    # The next daemon holds the home, under the very same pid: what its predecessor never read is not meant for it,
    # though by the clock it came later.
    os.close(held)
    later = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": "2026-01-01T00:00:00.000Z", "home": "x"})
    assert later is not None
    tomorrow = home.daemon_lock.stat().st_mtime_ns + 86_400_000_000_000
    os.utime(asked, ns=(tomorrow, tomorrow))
    assert [request.at for request in observe_inbox(view, home, now=500)[0]] == [99]
    os.close(later)


def test_a_folder_in_the_inbox_asks_for_nothing(home: Home) -> None:
    (home.inbox / "folder.json").mkdir()
    assert observe_inbox(a_view(), home, now=5) == ([], [home.inbox / "folder.json"])


def test_the_last_word_of_a_run_is_what_it_said_under_its_own_token(home: Home) -> None:
    words = [
        SaidLine(token=token, text=text, wall=1) for token, text in ((1, "first"), (2, "boom"), (1, "of an older"))
    ]
    said(home, *(line.model_dump_json().encode() + b"\n" for line in words))
    assert last_word(home.outbox_of(RUN), 2) == "boom"
    assert last_word(home.outbox_of(RUN), 3) == ""
