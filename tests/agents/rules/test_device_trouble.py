"""What a device had to do with a loss: its own errors since the launch, its absence; a program's error is no such."""

from typing import Any

import pytest
from builders import a_device, a_lane, a_run, a_view

from swarmd.agents.rules.device_trouble import device_trouble, program_fault, trouble_of_its_device
from swarmd.state.records.run import RunEnded

LAUNCHED = 10_000


def errors(*each: tuple[int, int]) -> dict[str, Any]:
    return {"errors": [{"xid": xid, "at": at} for xid, at in each], "n_errors": len(each)}


def test_a_device_that_is_well_explains_nothing() -> None:
    view = a_view(devices=[a_device(at=20_000, since=5_000)])
    assert device_trouble(view, "gpu0", LAUNCHED) == ""
    assert device_trouble(view, "gpu1", LAUNCHED) == ""


def test_a_device_that_is_lost_is_told_with_its_errors() -> None:
    lost = a_device(at=20_000, since=20_000, is_there=False, trouble="GPU is lost", **errors((79, 19_000)))
    assert device_trouble(a_view(devices=[lost]), "gpu0", LAUNCHED) == (
        "gpu0 (NVIDIA H100) does not answer: GPU is lost; it reported Xid 79 (the GPU has fallen off the bus)"
    )


@pytest.mark.parametrize(("at", "is_told"), [(LAUNCHED - 1, False), (LAUNCHED, True), (LAUNCHED + 5_000, True)])
def test_an_error_counts_from_the_launch_on(at: int, is_told: bool) -> None:
    view = a_view(devices=[a_device(at=30_000, **errors((48, at)))])
    assert bool(device_trouble(view, "gpu0", LAUNCHED)) is is_told


def test_a_programs_own_error_is_no_trouble_of_the_device_and_never_hides_one() -> None:
    view = a_view(devices=[a_device(at=30_000, **errors((31, 20_000)))])
    assert device_trouble(view, "gpu0", LAUNCHED) == ""
    assert program_fault(view, "gpu0", LAUNCHED) == (
        "gpu0 reported Xid 31 (memory page fault by a program), an error of the program that ran there"
    )
    both = a_view(devices=[a_device(at=30_000, **errors((48, 19_000), (45, 20_000)))])
    assert "Xid 48 (double bit memory error), 9 s after the launch" in device_trouble(both, "gpu0", LAUNCHED)


def test_a_device_that_was_away_and_came_back_meanwhile_is_told() -> None:
    view = a_view(devices=[a_device(at=30_000, since=25_000)])
    assert device_trouble(view, "gpu0", LAUNCHED) == (
        "gpu0 (NVIDIA H100) was away, or was exchanged, 15 s after the launch"
    )


def test_a_run_of_a_cpu_lane_is_never_excused_by_a_device() -> None:
    lanes = [a_lane("cpu0"), a_lane("gpu0", device="gpu0")]
    view = a_view(lanes=lanes, devices=[a_device(is_there=False, trouble="GPU is lost")])
    told = {lane.id: trouble_of_its_device(view, ended(lane=lane.id)) for lane in lanes}
    assert told == {"cpu0": "", "gpu0": "gpu0 (NVIDIA H100) does not answer: GPU is lost"}


def ended(**fields: Any) -> RunEnded:
    run = a_run(status="lost", **fields)
    assert isinstance(run, RunEnded)
    return run
