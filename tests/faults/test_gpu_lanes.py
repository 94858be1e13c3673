"""A daemon beside a GPU: NVML tells of one, a prescreen goes there and sees no other, and falls back out loud.

The driver's library is a stand-in, and CuPy a file that writes down who imports it and fails as it does without CUDA.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.swarm import MODE, ONE_PRESCREEN, SYMBOL, Row, Swarm, wait

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")

STAND_IN = Path(__file__).resolve().parents[1] / "supervisor" / "sensors" / "stand_in_nvml.c"
_CUPY = """\
import os
with open(os.environ["TEST_IMPORTS"], "a") as told:
    told.write(f"{os.environ['SWARMD_RUN'].partition('@')[0]} {os.environ['CUDA_VISIBLE_DEVICES']}\\n")
raise ImportError("libcuda.so.1 is not there")
"""


def test_a_prescreen_takes_the_lane_of_the_gpu_and_sees_no_other_device(
    swarm_of: Callable[..., Swarm], bars: Path, tmp_path: Path
) -> None:
    swarm = swarm_of(ONE_PRESCREEN.format(bars=bars, symbol=SYMBOL, mode=MODE))
    imports = _beside_a_gpu(swarm, tmp_path)
    # Nothing is started before the driver has answered: until then the disk is said to be full.
    swarm.start(limits={"disk_free_min": 1 << 60})
    lanes = wait("lanes for the GPU", lambda: _held_lanes(swarm))
    assert {lane["device"] for lane in lanes} == {"gpu0"}
    assert [lane["is_fill"] for lane in lanes] == [False, True]
    assert swarm.run("stop", "--now").returncode == 0
    swarm.finish()

    swarm.start()
    rested = wait("the device to rest", lambda: _rested(swarm))
    assert "prescreen-a1 fell back on the processor, 1 of its runs in a row; prescreens go to CPU lanes" in rested
    prescreen = swarm.run_of("prescreen-a1")
    assert (prescreen["lane"], prescreen["engine"], prescreen["status"]) == ("gpu0a", "auto", "done")
    assert swarm.run_of("preflight-a1")["lane"] == "cpu0"
    assert set(imports.read_text().splitlines()) == {f"faults.{SYMBOL}.{MODE}.prescreen-a1 GPU-0"}
    refine = wait("the refinement", lambda: swarm.run_of("refine-a1"))
    assert (refine["lane"], refine["engine"]) == ("cpu0", "cpu")
    assert swarm.run("stop", "--now").returncode == 0
    swarm.finish()
    # What was decided hangs on records alone, those of the device among them.
    assert json.loads(swarm.run("replay", "--json").stdout)["differences"] == []


def _beside_a_gpu(swarm: Swarm, folder: Path) -> Path:
    """A driver that shows one device, and a CuPy; gives back where the latter tells who imported it."""
    built = subprocess.run(
        ["g++", "-x", "c", "-shared", "-fPIC", "-o", str(folder / "libnvidia-ml.so.1"), str(STAND_IN)], check=False
    )
    if built.returncode:
        pytest.skip("no g++: install it to build the stand-in for the driver's library")
    (folder / "answers").write_text("count 1\nutil 0 0\nmem 0 0 8589934592\n")
    modules = folder / "modules"
    modules.mkdir()
    (modules / "cupy.py").write_text(_CUPY)
    swarm.environment.pop("CUDA_VISIBLE_DEVICES", None)
    path = [str(modules), *filter(None, [os.environ.get("PYTHONPATH")])]
    swarm.environment |= {
        "LD_LIBRARY_PATH": str(folder),
        "STAND_IN_NVML": str(folder / "answers"),
        "PYTHONPATH": os.pathsep.join(path),
        "TEST_IMPORTS": str(folder / "imports"),
    }
    return folder / "imports"


def _held_lanes(swarm: Swarm) -> list[Row] | None:
    """Both lanes of the device, once everything is held."""
    lanes = swarm.records("lane")
    found = [row for name, row in sorted(lanes.items()) if name.startswith("gpu")]
    return found if len(found) == 2 and all(row["status"] == "held" for row in lanes.values()) else None


def _rested(swarm: Swarm) -> str:
    lane = swarm.records("lane")["gpu0a"]
    return str(lane["reason"]) if lane["status"] == "held" and "rests" in lane["reason"] else ""
