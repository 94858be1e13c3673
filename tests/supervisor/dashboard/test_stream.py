"""The stream: how it stands each time something changed, and what happened without a hole, whoever comes back when."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from builders import a_finding, a_gauge
from dashboard_home import KEYS, told_home

from swarmd.state.store.files import Home, lock_file
from swarmd.state.store.journal import Journal
from swarmd.supervisor.dashboard.answers import Answers
from swarmd.supervisor.dashboard.app import Site
from swarmd.supervisor.dashboard.stream import Stream


def said(home: Home, *texts: str) -> None:
    with Journal.open(home.journal)[0] as journal:
        journal.append([a_finding(f"curator/{text}", text=text) for text in texts])
        journal.append([a_gauge(value=0.1)])
        journal.commit()


def a_stream(home: Home, clients_max: int = 5) -> Stream:
    answers = Answers(home)
    answers._looked_at = -1e9
    return Stream(answers, clients_max=clients_max)


def look(stream: Stream) -> None:
    """At once, though it looked a moment ago."""
    stream._answers._looked_at = -1e9
    stream._answers.look()
    stream.tell()


async def events_of(frames: AsyncIterator[bytes], count: int = 1) -> list[tuple[str, str, Any]]:
    """(event, id, data) of so many pieces."""
    found = []
    for _ in range(count):
        for block in (await anext(frames)).decode().split("\n\n"):
            words = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in words:
                found.append((words["event"], words.get("id", ""), json.loads(words["data"])))
    return found


async def test_a_page_is_told_how_it_stands_and_what_happened_then_only_what_is_new(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    stream = a_stream(home)
    stream._answers.look()
    stream.tell()
    frames = stream.frames("")
    first = await events_of(frames, 2)
    assert [name for name, _, _ in first] == ["begin", "state", "happened"]
    assert first[1][2]["campaign"]["name"] == "majors"
    said(home, "one", "two")
    look(stream)
    told = await events_of(frames)
    assert [name for name, _, _ in told] == ["state", "happened"]
    assert [row["text"] for row in told[1][2]] == ["one", "two"]
    assert told[1][1] == str(told[1][2][-1]["seq"])
    await frames.aclose()
    assert stream.n_clients == 0


async def test_what_somebody_elses_question_found_first_is_told_to_every_page_all_the_same(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    stream = a_stream(home)
    look(stream)
    frames = stream.frames("")
    await events_of(frames, 2)
    turning = asyncio.create_task(stream.tick())
    lock = lock_file(home.daemon_lock, {"pid": os.getpid()})
    assert lock is not None
    stream._answers._looked_at = -1e9
    assert stream._answers.look()  # as a table that is asked for does
    (state,) = await asyncio.wait_for(events_of(frames), 60)
    assert (state[0], state[2]["daemon"]["alive"]) == ("state", True)
    stream.stop()
    await turning
    await frames.aclose()
    os.close(lock)


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    stream = a_stream(home)
    frames = stream.frames("")
    last = (await events_of(frames, 2))[-1][1]
    await frames.aclose()
    said(home, "meanwhile")
    back = a_stream(home).frames(last)  # another server on the same journal
    told = await events_of(back, 2)
    assert [name for name, _, _ in told] == ["state", "happened"]
    assert [row["text"] for row in told[1][2]] == ["meanwhile"]
    await back.aclose()


async def test_who_comes_back_with_the_number_of_another_journal_begins_anew(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    for number in ("999999", "x", "-1", "٣"):
        frames = a_stream(home).frames(number)
        assert (await events_of(frames, 2))[0][0] == "begin"
        await frames.aclose()


async def test_a_slow_page_misses_frames_and_no_event(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    stream = a_stream(home)
    stream._answers.look()
    stream.tell()
    frames = stream.frames("")
    await events_of(frames, 2)
    for text in ("one", "two", "three"):
        said(home, text)
        look(stream)
    told = await events_of(frames)
    assert [row["text"] for row in told[-1][2]] == ["one", "two", "three"]
    await frames.aclose()


async def test_one_too_many_is_refused_and_may_come_when_another_has_left(tmp_path: Path) -> None:
    site = Site(told_home(tmp_path), KEYS, clients_max=2)
    opened = [site.stream.frames("") for _ in range(2)]
    for frames in opened:
        await anext(frames)
    assert site.stream.is_full
    await opened[0].aclose()
    assert not site.stream.is_full
    await opened[1].aclose()
