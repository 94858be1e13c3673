"""How many lanes a machine carries: a container's share counts, a person's word stands, strange files are refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from swarm_builders import a_home

from swarmd.state.errors import OperatorError
from swarmd.supervisor.machine_profile import lanes_for, measured, profile_of, write_profile

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cpus", "quota", "memory", "lanes", "words"),
    [
        (16, None, 64 * GIB, 16, "16 processors may be used"),
        (64, 2.0, 64 * GIB, 2, "a control group leaves 2 of 64 processors"),
        (64, 0.5, 64 * GIB, 1, "a control group leaves 0.5 of 64 processors"),
        (16, None, 2 * GIB, 5, "2048 MiB of memory carry 5 lanes, fewer than 16 processors"),
        (2, 8.0, 64 * GIB, 2, "2 processors may be used"),
    ],
)
def test_the_scarcest_of_processors_quota_and_memory_counts(
    cpus: int, quota: float | None, memory: int, lanes: int, words: str
) -> None:
    assert lanes_for(cpus, quota, memory) == (lanes, words)


@given(st.integers(1, 512), st.none() | st.floats(0.01, 600.0), st.integers(0, 1 << 42))
def test_there_is_always_a_lane_and_never_more_than_processors(cpus: int, quota: float | None, memory: int) -> None:
    assert 1 <= lanes_for(cpus, quota, memory)[0] <= cpus


def test_both_forms_of_control_groups_are_read(tmp_path: Path) -> None:
    second, first = tmp_path / "second", tmp_path / "first"
    for folder in (second, first / "cpu", first / "memory"):
        folder.mkdir(parents=True)
    (second / "cpu.max").write_text("150000 100000\n")
    (second / "memory.max").write_text(f"{GIB}\n")
    (first / "cpu/cpu.cfs_quota_us").write_text("50000\n")
    (first / "cpu/cpu.cfs_period_us").write_text("100000\n")
    (first / "memory/memory.limit_in_bytes").write_text(f"{GIB}\n")
    assert (measured(second).cpu_quota, measured(second).memory_bytes) == (1.5, GIB)
    assert (measured(first).cpu_quota, measured(first).memory_bytes) == (0.5, GIB)
    (second / "cpu.max").write_text("max 100000\n")
    (first / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    assert measured(second).cpu_quota is measured(first).cpu_quota is measured(tmp_path).cpu_quota is None


def test_what_is_written_down_is_used_and_a_persons_number_of_lanes_stands(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    assert profile_of(home) == measured()
    path = write_profile(home, measured())
    said = json.loads(path.read_text())
    assert said["schema"] == "swarmd.machine_profile/1"
    path.write_text(json.dumps(said | {"lanes": 3, "reason": "the owner works here too"}))
    assert profile_of(home).lanes == 3
    assert write_profile(home, profile_of(home)) == path
    assert json.loads(path.read_text())["lanes"] == 3


def test_the_profile_of_another_machine_is_not_ours(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write_profile(home, replace(measured(), host="elsewhere", lanes=4096))
    assert profile_of(home) == measured()


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "cannot be read"), ("[]", "lacks host, cpus"), ('{"host": "x"}', "lacks cpus"), (None, "lanes is 0; give")],
)
def test_a_file_that_is_no_profile_is_told_with_what_to_do(tmp_path: Path, text: str | None, words: str) -> None:
    home = a_home(tmp_path)
    path = write_profile(home, measured())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lanes": 0}) if text is None else text)
    with pytest.raises(OperatorError, match=words):
        profile_of(home)
