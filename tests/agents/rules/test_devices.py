"""Devices: one that failed is one incident until it works again, and so are CPU lanes that hold a GPU all the same."""

from typing import Any

import pytest
from builders import RUN, a_device, a_lane, a_run, a_session, a_view, an_incident

from swarmd.agents.rules.devices import (
    QUIET_AFTER,
    about_devices,
)
from swarmd.state.actions import CloseIncident, OpenIncident

GIB = 1 << 30


def errors(*each: tuple[int, int]) -> dict[str, Any]:
    return {"errors": [{"xid": xid, "at": at} for xid, at in each], "n_errors": len(each)}


# -- incidents of devices ---------------------------------------------------------------------------------------------


def test_a_device_lost_in_this_session_is_one_incident_until_it_answers_again() -> None:
    lost = a_device(at=20_000, since=20_000, is_there=False, trouble="GPU is lost")
    session = a_session(at=1_000)
    (opened,) = about_devices(a_view(sessions=[session], devices=[lost]), now=20_000)
    assert isinstance(opened, OpenIncident)
    assert (opened.signature.value, opened.subject) == ("device_failed", "gpu0")
    assert opened.reason == "gpu0 (NVIDIA H100) does not answer: GPU is lost"
    known = [an_incident("gpu0", "device_failed", opened_at=20_000)]
    assert about_devices(a_view(sessions=[session], devices=[lost], incidents=known), now=25_000) == []
    back = a_device(at=80_000, since=80_000)
    (closed,) = about_devices(a_view(sessions=[session], devices=[back], incidents=known), now=80_000)
    assert isinstance(closed, CloseIncident)
    assert (closed.incident, closed.is_verified) == (known[0].id, True)
    assert "1 min 0 s after the incident" in closed.reason


def test_a_device_away_since_before_the_session_opens_nothing_and_closes_what_was_open() -> None:
    gone = a_device(at=20_000, since=500, is_there=False, trouble="no NVIDIA driver on this machine")
    assert about_devices(a_view(sessions=[a_session(at=1_000)], devices=[gone]), now=20_000) == []
    known = [an_incident("gpu0", "device_failed", opened_at=500)]
    (closed,) = about_devices(a_view(sessions=[a_session(at=1_000)], devices=[gone], incidents=known), now=20_000)
    assert isinstance(closed, CloseIncident)
    assert not closed.is_verified


def test_a_device_that_reports_errors_of_its_own_is_one_incident_until_it_was_quiet() -> None:
    ailing = a_device(at=20_000, **errors((48, 20_000)))
    (opened,) = about_devices(a_view(devices=[ailing]), now=20_000)
    assert isinstance(opened, OpenIncident)
    assert "Xid 48 (double bit memory error)" in opened.reason
    known = [an_incident("gpu0", "device_failed", opened_at=20_000)]
    view = a_view(devices=[ailing], incidents=known)
    assert about_devices(view, now=20_000 + QUIET_AFTER) == []
    (closed,) = about_devices(view, now=20_001 + QUIET_AFTER)
    assert isinstance(closed, CloseIncident)
    assert about_devices(a_view(devices=[ailing]), now=20_001 + QUIET_AFTER) == []


def test_a_programs_error_is_no_incident_of_its_device() -> None:
    assert about_devices(a_view(devices=[a_device(at=20_000, **errors((31, 20_000)))]), now=20_000) == []


# -- CPU lanes that hold a device -------------------------------------------------------------------------------------


def holding(pid: int = 100, run: str = RUN) -> list[Any]:
    return [a_device(at=20_000, processes=[{"pid": pid, "mem_bytes": GIB // 2, "run": run}, {"pid": 7, "run": ""}])]


@pytest.mark.parametrize(("pid", "who"), [(100, "pid 100"), (4711, "pid 4711, descendant of pid 100")])
def test_a_cpu_lane_with_a_context_is_a_leak_told_with_figures_and_remedy(pid: int, who: str) -> None:
    view = a_view(runs=[a_run()], devices=holding(pid))
    (opened,) = about_devices(view, now=20_000)
    assert isinstance(opened, OpenIncident)
    assert (opened.signature.value, opened.subject) == ("gpu_leak", "gpu0")
    assert opened.reason == (
        f"run {RUN} in lane cpu0 ({who}) holds 512 MiB of gpu0 (NVIDIA H100); a CPU lane holds none"
    )
    assert "CUDA_VISIBLE_DEVICES" in opened.remedy
    assert opened.caused_by == ("gpu0", RUN)
    again = a_view(runs=[a_run()], devices=holding(pid), incidents=[an_incident("gpu0", "gpu_leak")])
    assert about_devices(again, now=25_000) == []


@pytest.mark.parametrize("view", [
    a_view(runs=[a_run(lane="gpu0")], lanes=[a_lane("gpu0", device="gpu0")], devices=holding()),
    a_view(runs=[a_run()], devices=holding(run="")),
    a_view(runs=[a_run(status="done")], devices=holding()),
    a_view(runs=[a_run()], devices=holding(run="somebody-else-a1")),
], ids=["a lane of the GPU", "a stranger", "a run that has ended", "a run unknown here"])  # fmt: skip
def test_whoever_may_hold_a_device_is_no_leak(view: Any) -> None:
    assert about_devices(view, now=20_000) == []


def test_a_leak_is_closed_when_no_cpu_lane_is_on_the_device_any_more() -> None:
    known = [an_incident("gpu0", "gpu_leak", opened_at=20_000)]
    (closed,) = about_devices(a_view(runs=[a_run()], devices=[a_device()], incidents=known), now=50_000)
    assert closed == CloseIncident(
        incident=known[0].id,
        reason="no process of a CPU lane on gpu0 any more, 30 s later",
        caused_by=(known[0].id,),
    )
