from pathlib import Path

import pytest
from builders import a_failure, a_job, a_run, a_view
from swarm_builders import a_home

from swarmd.agents import worker_sentry
from swarmd.state.actions import OpenIncident
from swarmd.state.records.failure import Failure
from swarmd.supervisor.failure_memory import memory_path, remembered, write_failure_memory


def test_what_is_written_is_remembered(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    known = [a_failure(remedies={"relaunch": (3, 2), "smaller": (1, 0)}, count=7, last_incidents=("x/crash",))]
    known.append(a_failure("silent", "", count=9))
    assert write_failure_memory(a_view(failures=known), home)
    again = remembered(home, 50_000)
    assert [one.id for one in again] == ["silent/", "crash/prescreen"]
    assert again[1] == known[0].model_copy(update={"at": 50_000})


def test_it_is_written_when_something_changed_and_not_for_nothing(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    assert not write_failure_memory(a_view(), home)
    assert not memory_path(home).exists()
    assert write_failure_memory(a_view(failures=[a_failure()]), home)
    assert not write_failure_memory(a_view(failures=[a_failure()]), home)
    assert write_failure_memory(a_view(failures=[a_failure(count=2)]), home)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schema":"other/1","failure_points":[]}', b'{"schema":"swarmd.failure_points/1"}',
     b'{"schema":"swarmd.failure_points/1","failure_points":[{"id":1}]}',
     b'{"schema":"swarmd.failure_points/1","failure_points":[{"id":"a","signature":"nonsense","phase":"","count":1,'
     b'"first_seen":"x","last_seen":"x","last_cause":"","remedies":[],"incidents":[]}]}'],
)  # fmt: skip
def test_a_file_that_cannot_be_read_costs_the_memory_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    home = a_home(tmp_path)
    memory_path(home).parent.mkdir(parents=True, exist_ok=True)
    memory_path(home).write_bytes(content)
    assert remembered(home, 1) == []
    assert remembered(a_home(tmp_path / "other"), 1) == []


def test_what_an_earlier_home_learned_changes_the_first_thing_that_is_tried(tmp_path: Path) -> None:
    """The record goes out as a document, comes back into a journal that knows nothing, and the sentry reads it."""
    job, crashed = a_job(attempt=1), a_run(status="failed", exit_code=1, ended_at=1_000)

    def first_rung(failures: list[Failure]) -> tuple[str, str]:
        (opened,) = [
            wish
            for wish in worker_sentry.decide(a_view(jobs=[job], runs=[crashed], failures=failures), 2_000)
            if isinstance(wish, OpenIncident)
        ]
        assert opened.rung is not None
        return opened.rung.value, opened.remedy

    assert first_rung([])[0] == "relaunch"
    # In the earlier home the same again helped 1 of 9 times, and less at a time 8 of 9.
    earlier = a_failure("crash", "prescreen", count=18, remedies={"relaunch": (9, 1), "smaller": (9, 8)})
    old, new = a_home(tmp_path / "old"), a_home(tmp_path / "new")
    write_failure_memory(a_view(failures=[earlier]), old)
    memory_path(new).parent.mkdir(parents=True, exist_ok=True)
    memory_path(new).write_bytes(memory_path(old).read_bytes())
    rung, told = first_rung(remembered(new, 1_500))
    assert rung == "smaller"
    assert "relaunch helped 1 of 9, smaller helped 8 of 9" in told
