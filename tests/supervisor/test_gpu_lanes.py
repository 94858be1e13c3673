"""Lanes for the devices that NVML tells of, and which devices are left alone."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import a_device, a_job, a_lane, a_policy, a_run, a_view, the_settings

from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.run import RunOrdered
from swarmd.supervisor.effects.runs import work_order
from swarmd.supervisor.gpu_lanes import has_cupy, lanes_of_gpus, why_left_alone
from swarmd.supervisor.opening import policy_of
from swarmd.supervisor.question import digest

UUID = "GPU-5f3c2a1b-0000"


def made(*devices: object, **tables: object) -> list[tuple[str, str, int, LaneStatus, bool]]:
    view = a_view(**{"policy": a_policy(gpu_lanes=2), "devices": devices, **tables})
    lanes = [record for record in lanes_of_gpus(view, now=7) if isinstance(record, Lane)]
    return [(lane.id, lane.device, lane.slot, lane.status, lane.is_fill) for lane in lanes]


def test_each_device_gets_an_open_lane_and_those_that_fill_it_once() -> None:
    first, fill = ("gpu0a", "gpu0", 0, LaneStatus.OPEN, False), ("gpu0b", "gpu0", 1, LaneStatus.HELD, True)
    assert made(a_device()) == [first, fill]
    assert made(a_device(), lanes=[a_lane("gpu0a", device="gpu0", slot=0)]) == [fill]
    assert [lane[0] for lane in made(a_device("gpu0"), a_device("gpu1"))] == ["gpu0a", "gpu0b", "gpu1a", "gpu1b"]
    assert made(a_device(), policy=a_policy(gpu_lanes=1)) == [first]
    assert made(a_device(), policy=a_policy(gpu_lanes=0)) == []


def test_a_device_that_is_away_or_left_alone_gets_none() -> None:
    assert made(a_device(is_there=False, trouble="GPU is lost")) == []
    assert made(a_device(left_alone="CuPy is not installed")) == []
    assert made() == []


def test_what_the_daemons_own_environment_hides_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Found by its name, and never imported.
    (tmp_path / "cupy.py").write_text("raise SystemExit('a daemon must not import it')")
    monkeypatch.syspath_prepend(str(tmp_path))
    has_cupy.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert why_left_alone(1, UUID) == ""
    for visible in ("1", "0, 1", UUID, "GPU-5f3c"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert why_left_alone(1, UUID) == "", visible
    for visible in ("", "-1", "0", "GPU-9", "GPU-", "NoDevFiles"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert why_left_alone(1, UUID) == f"CUDA_VISIBLE_DEVICES of the daemon is {visible!r}, which does not name gpu1"


def test_without_cupy_every_device_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    has_cupy.cache_clear()
    assert why_left_alone(0, UUID).startswith("CuPy is not installed")


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    yield
    has_cupy.cache_clear()


def test_the_order_of_a_lane_of_a_gpu_names_its_device_and_that_of_another_none() -> None:
    lanes = [a_lane("cpu0"), a_lane("gpu0a", device="gpu0", slot=0)]
    view = a_view(jobs=[a_job()], lanes=lanes, devices=[a_device(uuid=UUID)])
    for lane, engine, device in (("gpu0a", "auto", UUID), ("cpu0", "cpu", "")):
        run = a_run(lane=lane, engine=engine, status="starting")
        assert isinstance(run, RunOrdered)
        order = work_order(view, run, home=Path("/home"), session="s", threads=2)
        assert (order.lane, order.engine, order.device) == (lane, engine, device)


def test_the_limits_of_the_campaign_file_are_the_policys_and_no_part_of_the_question() -> None:
    asked = the_settings(targets={"gpu_util": 0.6}, limits={"gpu_lanes": 3})
    policy = policy_of(asked, 2, monitors=False, now=0)
    assert (policy.gpu_lanes, policy.gpu_util_target) == (3, 0.6)
    assert policy_of(None, 2, monitors=False, now=0).gpu_lanes == 2
    ray = policy_of(
        the_settings(backend={"kind": "ray", "lane_gpus": 0.5, "lane_vram_gb": 4}), 2, monitors=False, now=0
    )
    assert (ray.gpu_lanes, ray.lane_gpus, ray.lane_vram_gb) == (2, 0.5, 4.0)
    assert made(a_device(), policy=a_policy(gpu_lanes=2, on_nodes=True)) == [], "in a cluster none of this machine's"
    assert digest(asked) == digest(the_settings())
