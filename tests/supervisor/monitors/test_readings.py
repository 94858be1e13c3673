"""What the monitors see, and how they draw it."""

import os
from pathlib import Path

import pynvml
import pytest
from rich.console import Console, RenderableType

from swarmd.state.store.files import Home, lock_file
from swarmd.supervisor.monitors import cpu, gpu, log_index, progress


def told(drawn: RenderableType) -> str:
    console = Console(width=140, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(drawn)
    return captured.get()


def test_the_gpu_monitor_tells_each_device_and_who_computes_on_it() -> None:
    device = gpu.Gpu(0, "NVIDIA H100", 0.87, 4 << 30, 80 << 30, 61, 412.0, (gpu.GpuProcess(12, "lane", 1 << 30),))
    silent = gpu.Gpu(1, "NVIDIA T4", None, None, None, None, None)
    text = told(gpu.drawn(gpu.GpuReading((device, silent), "570.1", notes=("GPU 2 does not answer: lost",))))
    for expected in (
        "driver 570.1",
        "NVIDIA H100",
        "87%",
        "4.0 GiB of 80.0 GiB",
        "61 °C",
        "412 W",
        "pid 12 1.0 GiB lane",
    ):
        assert expected in text
    assert "NVIDIA T4" in text
    assert "GPU 2 does not answer: lost" in text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no NVIDIA driver on this machine"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "installed but not loaded"),
        (pynvml.NVML_ERROR_UNKNOWN, "does not answer"),
    ],
)
def test_a_machine_without_a_gpu_is_said_plainly(
    code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise pynvml.NVMLError(code)

    monkeypatch.setattr(pynvml, "nvmlInit", refused)
    reading = gpu.read(Home(tmp_path))
    assert reading.gpus == ()
    assert said in reading.trouble
    assert "work runs on the CPU" in told(gpu.drawn(reading)).replace("\n", " ")


def test_the_gpu_monitor_works_on_this_machine_whatever_it_has(tmp_path: Path) -> None:
    reading = gpu.read(Home(tmp_path))
    assert bool(reading.gpus) != bool(reading.trouble)
    assert gpu.document(reading)["trouble"] == reading.trouble


def test_the_cpu_monitor_sees_cores_memory_and_who_holds_a_lock(tmp_path: Path) -> None:
    home = Home(tmp_path)
    held = lock_file(home.lock_path("majors.BTCUSDT.preflight-a1"), {"pid": os.getpid()})
    left_behind = lock_file(home.lock_path("gone-a1"), {"pid": os.getpid()})
    assert held is not None
    assert left_behind is not None
    os.close(left_behind)
    reading = cpu.read(home)
    os.close(held)
    assert len(reading.cores) == os.cpu_count()
    assert all(0 <= share <= 1 for share in reading.cores)
    assert 0 < reading.mem_available <= reading.mem_total
    assert [(worker.name, worker.pid) for worker in reading.workers] == [("majors.BTCUSDT.preflight-a1", os.getpid())]
    assert reading.workers[0].rss_bytes > 1 << 20
    text = told(cpu.drawn(reading))
    assert "majors.BTCUSDT.preflight-a1" in text
    assert cpu.read(home).workers == ()
    assert "no daemon and no run lives here" in told(cpu.drawn(cpu.read(home)))


def test_the_progress_monitor_shows_a_home_that_is_empty_or_not_there(tmp_path: Path) -> None:
    reading = progress.read(Home(tmp_path / "nowhere"))
    assert reading.told() == "not running"
    assert "no campaign yet" in told(progress.drawn(reading))
    assert progress.document(reading)["daemon"] == {"alive": False, "pid": None}
    assert not (tmp_path / "nowhere").exists()


def test_the_log_index_tells_newest_first_with_errors_and_the_last_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.logs / "lanes").mkdir(parents=True)
    (home.logs / "swarmd.log").write_text("INFO started\nERROR disk\n")
    (home.logs / "lanes" / "r-a1.log").write_bytes(
        b"Traceback (most recent call last)\n\x1b[31mValueError: no\x1b[0m\n\n"
    )
    (home.logs / "workflow_events.log").write_text("one\ntwo\n")
    (home.logs / "other.txt").write_text("not a log")
    for age, name in enumerate(("lanes/r-a1.log", "workflow_events.log", "swarmd.log")):
        instant = 1_700_000_000 - age * 3600
        os.utime(home.logs / name, (instant, instant))
    reading = log_index.read(home)
    assert [(log.path, log.troubles, log.last) for log in reading.logs] == [
        ("lanes/r-a1.log", 1, "ValueError: no"),
        ("workflow_events.log", 0, "two"),
        ("swarmd.log", 1, "ERROR disk"),
    ]
    assert [line for line in reading.events if line] == ["one", "two"]
    text = told(log_index.drawn(reading))
    assert "ValueError: no" in text
    assert "\x1b" not in text


def test_only_the_end_of_a_large_log_is_read_and_begins_with_a_whole_line(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.logs.mkdir()
    (home.logs / "big.log").write_text("".join(f"error {n:06d}\n" for n in range(20_000)))
    (log,) = log_index.read(home).logs
    assert log.n_bytes == 20_000 * 13
    assert log.troubles == 64 * 1024 // 13
    assert log.last == "error 019999"
