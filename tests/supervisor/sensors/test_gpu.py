"""The GPU sensor against a libnvidia-ml that answers from a file: figures, owners, Xids, a lost GPU, a driver gone.

The library is loaded by its name, as pynvml does it, so each story runs in a process of its own with LD_LIBRARY_PATH.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynvml
import pytest
from builders import RUN, a_device, a_run, a_view
from swarm_builders import a_home, a_sleeper

from swarmd.state.records.device import Device, DeviceError, DeviceProcess
from swarmd.state.store.files import Home
from swarmd.state.work_order import RUN_VARIABLE
from swarmd.supervisor.sensors.gpu import count_gpus, observe_gpus
from swarmd.supervisor.sensors.gpu_watch import NO_DRIVER, GpuWatch, Look, Seen

SOURCE = Path(__file__).with_name("stand_in_nvml.c")
GIB = 1 << 30

# Looks once for each line on stdin, and prints what it saw.
LOOKER = """
import dataclasses, json, sys
from swarmd.supervisor.sensors.nvml import Nvml
nvml = Nvml()
for line in sys.stdin:
    print(json.dumps(dataclasses.asdict(nvml.look())), flush=True)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    built = subprocess.run(
        ["g++", "-x", "c", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(target), str(SOURCE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder


class Looker:
    """A process that looks at the stand-in when it is told to."""

    def __init__(self, library: Path, answers: Path) -> None:
        self.answers = answers
        self.says()
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOOKER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "LD_LIBRARY_PATH": str(library), "STAND_IN_NVML": str(answers)},
        )  # fmt: skip

    def says(self, *lines: str) -> None:
        self.answers.write_text("".join(f"{line}\n" for line in lines))

    def look(self) -> Look:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("look\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        devices = [
            Seen(**{**each, "processes": tuple(map(tuple, each["processes"])), "xids": tuple(each["xids"])})
            for each in told["devices"]
        ]
        return Look(tuple(devices), told["trouble"])

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def nvml(library: Path, tmp_path: Path) -> Iterator[Looker]:
    looker = Looker(library, tmp_path / "answers")
    yield looker
    looker.end()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return a_home(tmp_path)


ONE = ("count 1", "util 0 40", f"mem 0 {2 * GIB} {8 * GIB}", "temp 0 61")


# -- what NVML says ---------------------------------------------------------------------------------------------------


def test_one_look_tells_figures_processes_and_no_error(nvml: Looker) -> None:
    nvml.says(*ONE, f"process 0 4711 {GIB}", "process 0 12 5")
    assert nvml.look() == Look(
        (
            Seen(
                index=0, name="NVIDIA Stand-in", uuid="GPU-0", util=0.4, mem_used=2 * GIB, mem_total=8 * GIB, temp_c=61,
                processes=((12, 5), (4711, GIB)),
            ),
        )
    )  # fmt: skip


def test_what_a_device_does_not_tell_is_unknown_and_not_zero(nvml: Looker) -> None:
    nvml.says("count 1")
    (seen,) = nvml.look().devices
    assert (seen.util, seen.mem_used, seen.temp_c, seen.trouble) == (None, None, None, "")


def test_an_xid_is_told_once_and_to_its_device(nvml: Looker) -> None:
    nvml.says("count 2")
    assert [seen.xids for seen in nvml.look().devices] == [(), ()]
    nvml.says("count 2", "xid 1 31", "xid 1 79")
    assert [seen.xids for seen in nvml.look().devices] == [(), (31, 79)]
    assert [seen.xids for seen in nvml.look().devices] == [(), ()]


def test_a_gpu_that_is_lost_is_told_with_its_last_xid_and_the_other_one_goes_on(nvml: Looker) -> None:
    nvml.says("count 2")
    nvml.look()
    nvml.says("count 2", "lost 0", "xid 0 79", "util 1 10")
    lost, other = nvml.look().devices
    assert lost == Seen(index=0, uuid="GPU-0", trouble="NVML says: GPU is lost", xids=(79,))
    assert (other.trouble, other.util) == ("", 0.1)


def test_a_driver_that_is_not_loaded_or_goes_away_and_comes_back(nvml: Looker) -> None:
    nvml.says("init 9", *ONE)
    assert nvml.look() == Look(trouble="the NVIDIA driver is installed and not loaded (see `nvidia-smi`)")
    nvml.says(*ONE)
    assert len(nvml.look().devices) == 1
    nvml.says("count 1", "lost 0")  # the only one: the library is let go of, and asked anew
    assert nvml.look().devices[0].trouble == "NVML says: GPU is lost"
    assert nvml.look().devices[0].uuid == "GPU-0"
    nvml.says("init 9")
    assert nvml.look().devices == ()
    nvml.says(*ONE)
    assert nvml.look().devices[0].trouble == ""


def test_a_driver_without_a_device_is_said(nvml: Looker) -> None:
    assert nvml.look() == Look(trouble="the NVIDIA driver is there and shows no GPU")


def test_without_the_library_it_is_said_plainly(tmp_path: Path) -> None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        if error.value != pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            pytest.skip(f"a driver's library is here: {error}")
    else:
        pynvml.nvmlShutdown()
        pytest.skip("a driver is here; the stand-in tells of machines without")
    looker = Looker(tmp_path, tmp_path / "answers")
    try:
        assert looker.look() == Look(trouble="no NVIDIA driver on this machine (libnvidia-ml is not there)")
    finally:
        looker.end()


# -- what is recorded -------------------------------------------------------------------------------------------------


def seen(**fields: Any) -> Look:
    figures = {"name": "NVIDIA H100", "uuid": "GPU-gpu0", "util": 0.5, "mem_used": GIB, "mem_total": 80 * GIB,
               "temp_c": 50}  # fmt: skip
    return Look((Seen(**{"index": 0, **figures, **fields}),))


def test_a_new_device_is_recorded_and_stillness_is_not(home: Home) -> None:
    (first,) = observe_gpus(a_view(), seen(), home.run_dir, now=1_000)
    assert first == a_device(at=1_000, since=1_000)
    view = a_view(devices=[a_device(at=1_000, since=1_000)])
    assert observe_gpus(view, seen(util=0.58, mem_used=2 * GIB, temp_c=54), home.run_dir, now=5_000) == []
    assert observe_gpus(view, None, home.run_dir, now=5_000) == []


@pytest.mark.parametrize(
    "change", [{"util": 0.65}, {"mem_used": 6 * GIB}, {"temp_c": 56}, {"util": None}, {"processes": ((7, GIB),)}]
)
def test_what_moved_enough_is_news(change: dict[str, Any], home: Home) -> None:
    view = a_view(devices=[a_device(at=1_000, since=500)])
    (record,) = observe_gpus(view, seen(**change), home.run_dir, now=5_000)
    assert isinstance(record, Device)
    assert (record.at, record.since, record.is_there) == (5_000, 500, True)


def test_an_xid_is_recorded_with_its_instant_and_the_last_few_are_kept(home: Home) -> None:
    known = a_device(at=1_000, errors=[{"xid": 31, "at": n} for n in range(8)], n_errors=20)
    (record,) = observe_gpus(a_view(devices=[known]), seen(xids=(79,)), home.run_dir, now=2_000)
    assert isinstance(record, Device)
    assert record.errors[-2:] == (DeviceError(xid=31, at=7), DeviceError(xid=79, at=2_000))
    assert (len(record.errors), record.n_errors) == (8, 21)


@pytest.mark.parametrize("look", [
    Look((Seen(index=0, uuid="GPU-gpu0", trouble="GPU is lost", xids=(79,)),)),
    Look(trouble="the NVIDIA driver is installed and not loaded (see `nvidia-smi`)"),
    Look((Seen(index=1, uuid="GPU-gpu1"),)),
], ids=["it is lost", "the driver is gone", "it is not counted any more"])  # fmt: skip
def test_a_device_that_vanished_is_told_once(look: Look, home: Home) -> None:
    known = a_device(at=1_000, since=500, processes=[{"pid": 7}])
    gone = [each for each in observe_gpus(a_view(devices=[known]), look, home.run_dir, now=2_000) if each.id == "gpu0"]
    (record,) = gone
    assert isinstance(record, Device)
    assert (record.is_there, record.since, record.util, record.processes) == (False, 2_000, None, ())
    assert record.trouble
    quiet = Look(tuple(Seen(**{**vars_of(each), "xids": ()}) for each in look.devices), look.trouble)
    again = observe_gpus(a_view(devices=[record, a_device("gpu1", at=2_000)]), quiet, home.run_dir, now=4_000)
    assert [each for each in again if each.id == "gpu0"] == []


def vars_of(each: Seen) -> dict[str, Any]:
    return {name: getattr(each, name) for name in Seen.__slots__}


def test_a_device_that_came_back_or_was_exchanged_is_there_since_now(home: Home) -> None:
    gone = a_device(at=1_000, since=500, is_there=False, trouble="GPU is lost")
    other = a_device(at=1_000, since=500, uuid="GPU-another", n_errors=3)
    for known, n_errors in ((gone, 0), (other, 0)):
        (record,) = observe_gpus(a_view(devices=[known]), seen(), home.run_dir, now=2_000)
        assert isinstance(record, Device)
        assert (record.is_there, record.since, record.trouble, record.n_errors) == (True, 2_000, "", n_errors)


def test_a_machine_without_a_gpu_records_nothing(home: Home) -> None:
    assert observe_gpus(a_view(), Look(trouble="no NVIDIA driver on this machine"), home.run_dir, now=1_000) == []


def test_how_many_there_are_is_told_once_and_again_when_it_changes(home: Home) -> None:
    none = Look(trouble="no NVIDIA driver on this machine")
    [count] = count_gpus(a_view(), none, now=1_000)
    assert (count.id, count.value) == ("host.gpu_count", 0.0)
    assert count_gpus(a_view(gauges=[count]), none, now=2_000) == []
    [count] = count_gpus(a_view(gauges=[count]), seen(), now=3_000)
    assert count.value == 1.0
    assert count_gpus(a_view(), None, now=4_000) == [], "nobody has looked yet"


def test_where_no_driver_is_installed_its_binding_is_not_imported() -> None:
    code = (
        "import sys; from swarmd.supervisor.sensors import gpu_watch;"
        "gpu_watch._LIBRARY = 'libswarmd-has-no-such.so.1';"
        "print(gpu_watch.nvml()().trouble, 'pynvml' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == f"{NO_DRIVER} False"


# -- whose process it is ----------------------------------------------------------------------------------------------


@pytest.fixture
def device_file(tmp_path: Path) -> Path:
    """Any file whose path reads like a device's: who computes has one open."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    return tmp_path / "dev" / "nvidia0"


def owner(pid: int, home: Home, **view: Any) -> str:
    (record,) = observe_gpus(a_view(**view), seen(processes=((pid, GIB),)), home.run_dir, now=1_000)
    assert isinstance(record, Device)
    assert record.processes == (DeviceProcess(pid=pid, mem_bytes=GIB, run=record.processes[0].run),)
    return record.processes[0].run


def holder(device_file: Path, **variables: str) -> "subprocess.Popen[bytes]":
    code = f"import time; f = open({str(device_file)!r}); print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdout=subprocess.PIPE, env={**os.environ, **variables}
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ended(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


def test_a_process_belongs_to_the_run_its_environment_names_and_to_no_other_homes(
    home: Home, device_file: Path
) -> None:
    process = holder(device_file, **{RUN_VARIABLE: f"{RUN}@{home.run_dir}"})
    stranger = holder(device_file, **{RUN_VARIABLE: f"{RUN}@/elsewhere"})
    try:
        assert owner(process.pid, home) == RUN
        assert owner(stranger.pid, home) == ""
    finally:
        ended(process)
        ended(stranger)


def test_a_process_that_hides_its_environment_belongs_to_the_run_it_descends_from(
    home: Home, device_file: Path
) -> None:
    process = holder(device_file)
    try:
        # This test is its parent: as if this process were the run's.
        assert owner(process.pid, home, runs=[a_run(pid=os.getpid())]) == RUN
        assert owner(process.pid, home, runs=[a_run(pid=process.pid)]) == RUN
        assert owner(process.pid, home, runs=[]) == ""
    finally:
        ended(process)


def test_a_number_of_another_namespace_accuses_nobody(home: Home) -> None:
    with a_sleeper() as process:  # the run's own number, but no device open
        assert owner(process.pid, home, runs=[a_run(pid=process.pid)]) == ""
    assert owner(2**22 - 1, home) == ""


# -- looking in the background ----------------------------------------------------------------------------------------


def until(what: Callable[[], Any], within_s: float = 30.0) -> Any:
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def test_each_answer_is_told_once_with_the_xids_of_all_looks_since() -> None:
    turn = threading.Semaphore(0)
    looks = iter([seen(xids=(31,)), seen(xids=(79,)), seen()])

    def ask() -> Look:
        turn.acquire()
        return next(looks)

    watch = GpuWatch(ask, every_s=0.0)
    watch.begin()
    try:
        assert watch.fresh() is None
        turn.release(2)
        xids: list[int] = []
        until(lambda: (xids.extend(x for d in (watch.fresh() or Look()).devices for x in d.xids), len(xids) == 2)[1])
        assert xids == [31, 79]
        assert watch.fresh() is None
        turn.release()
        assert until(watch.fresh) == seen()
    finally:
        watch.end()
        turn.release(100)


def test_the_last_word_of_a_device_that_is_lost_is_kept_until_it_is_told() -> None:
    lost = Seen(index=0, trouble="GPU is lost")
    looks = iter([Look((Seen(index=0, uuid="GPU-0", trouble="GPU is lost", xids=(79,)),)), Look((lost,)), None])
    has_seen_all = threading.Event()

    def ask() -> Look:
        look = next(looks)
        if look is None:
            has_seen_all.set()
            time.sleep(60)
        return look or Look()

    watch = GpuWatch(ask, every_s=0.0, within_s=3600)
    watch.begin()
    assert has_seen_all.wait(30)
    told = watch.fresh()
    watch.end()
    assert told is not None
    assert [(each.trouble, each.xids) for each in told.devices] == [("GPU is lost", (79,))]


def test_a_driver_that_hangs_is_said_while_it_hangs_and_holds_nobody_up() -> None:
    release = threading.Event()

    def ask() -> Look:
        release.wait(60)
        return seen()

    watch = GpuWatch(ask, every_s=0.0, within_s=0.05)
    watch.begin()
    try:
        assert until(watch.fresh) == Look(trouble="the NVIDIA driver has not answered within 0.05 s")
        release.set()
        watch.within_s = 60
        until(lambda: watch.fresh() == seen())
    finally:
        watch.end()
        release.set()


def test_a_library_that_breaks_is_an_answer_and_not_the_end_of_the_watch() -> None:
    answers = iter([RuntimeError("symbol not found"), seen()])

    def ask() -> Look:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = GpuWatch(ask, every_s=3600)
    watch.begin()
    try:
        assert until(watch.fresh) == Look(trouble="NVML could not be asked: symbol not found")
    finally:
        watch.end()
