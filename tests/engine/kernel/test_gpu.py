"""Screening on a GPU: the CPU's bits and top 500 where there is one, and a plain word where there is none."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from price_builders import KINDS, awkward_bars, real_btc
from screen_builders import asked, assert_same_bits, by_numba, on_device, random_vectors

from swarmd.engine.kernel.devices import DeviceFull, in_batches
from swarmd.engine.kernel.gpu import VISIBLE, CupyDevice, GpuUnavailable, engine_for, open_gpu, screen_crossings_gpu
from swarmd.engine.search.score import Constraints, ScoreRule, meets, ranking, score_columns


@pytest.fixture
def gpu() -> CupyDevice:
    try:
        return open_gpu()
    except GpuUnavailable as lack:
        pytest.skip(str(lack))


@pytest.fixture
def _unopened() -> Iterator[None]:
    """A GPU found by an earlier test is looked for anew, before and after."""
    open_gpu.cache_clear()
    yield
    open_gpu.cache_clear()


# -- with a GPU -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_bits_of_the_cpu(gpu: CupyDevice, kind: str, mode: str):
    for seed, (lead, missing) in enumerate([(0, 0.0), (50, 0.05)]):
        bars, columns = awkward_bars(kind, 9000, seed, lead=lead, missing=missing), random_vectors(1000, seed)
        wanted = by_numba(bars, columns, mode=mode)
        assert_same_bits(on_device(gpu, bars, columns, mode=mode), wanted)
        assert_same_bits(on_device(gpu, bars, columns, mode=mode, batch=333), wanted)


@pytest.mark.parametrize("mode", ["balanced", "aggressive"])
def test_a_gpu_ranks_the_same_500_of_real_bars(gpu: CupyDevice, mode: str):
    bars, columns = real_btc(), random_vectors(20_000, 5)
    tops = []
    for metrics in (on_device(gpu, bars, columns, mode=mode), by_numba(bars, columns, mode=mode)):
        score = score_columns(metrics, ScoreRule("annual_sharpe", {"max_drawdown": -0.25}))
        tops.append(ranking(score, meets(metrics, Constraints(30, 0.35)), 500).tolist())
    assert tops[0] == tops[1]
    assert len(tops[0]) == 500


def test_the_first_batch_is_announced_on_stderr(gpu: CupyDevice, capsys: pytest.CaptureFixture[str]):
    bars, columns = awkward_bars("walk", 4000, 1), random_vectors(600, 1)
    screen_crossings_gpu(asked(bars, columns, mode="balanced"), batch=300)
    assert capsys.readouterr().err.splitlines() == [
        f"Batch {number}/2: 300 combinations on {gpu.name}" for number in (1, 2)
    ]


# -- batches --------------------------------------------------------------------------------------------------------


class Memory:
    """Room for so many rows at a time, and what was done with it."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.calls: list[tuple[int, int, str]] = []
        self.freed = 0
        self.said: list[str] = []

    def work(self, start: int, stop: int, which: str) -> None:
        self.calls.append((start, stop, which))
        if stop - start > self.rows:
            raise MemoryError(f"{stop - start} rows")
        # A real allocation, of exactly the room there is.
        assert bytearray(stop - start)

    def free(self) -> None:
        self.freed += 1

    def run(self, n: int, size: int, least: int = 2) -> None:
        in_batches(n, size, self.work, free=self.free, log=self.said.append, least=least)


def test_batches_cover_every_row_once_in_order():
    memory = Memory(100)
    memory.run(250, 100)
    assert memory.calls == [(0, 100, "1/3"), (100, 200, "2/3"), (200, 250, "3/3")]
    assert memory.said == []


def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_stays_small():
    memory = Memory(30)
    memory.run(100, 100)
    assert memory.calls == [
        (0, 100, "1/1"), (0, 50, "1/2"), (0, 25, "1/4"), (25, 50, "2/4"), (50, 75, "3/4"), (75, 100, "4/4")
    ]  # fmt: skip
    assert memory.said == [
        "out of memory at 100 combinations a batch; going on with 50",
        "out of memory at 50 combinations a batch; going on with 25",
    ]
    assert memory.freed == 2


def test_memory_that_shrinks_on_the_way_repeats_only_the_batch_at_hand():
    memory = Memory(50)

    def work(start: int, stop: int, which: str) -> None:
        memory.rows = 50 if start == 0 else 25
        memory.work(start, stop, which)

    in_batches(100, 50, work, free=memory.free, log=memory.said.append, least=2)
    assert memory.calls == [(0, 50, "1/2"), (50, 100, "2/2"), (50, 75, "2/3"), (75, 100, "3/3")]


def test_below_the_least_batch_it_gives_up_with_the_reason():
    with pytest.raises(DeviceFull, match=r"out of memory with only 8 combinations a batch \(8 rows\); free"):
        Memory(3).run(100, 64, least=8)


def test_what_a_failed_batch_held_is_free_before_the_next_is_tried():
    held: list[int] = []

    class Block:
        def __init__(self) -> None:
            held.append(1)

        def __del__(self) -> None:
            held.pop()

    def work(start: int, stop: int, which: str) -> None:
        block = Block()
        if stop - start > 4:
            raise MemoryError(str(block))

    in_batches(16, 16, work, free=lambda: held.append(-1) if held else None, log=lambda _: None, least=2)
    assert held == []


# -- without a GPU --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_unopened")
@pytest.mark.parametrize("hidden", ["", " ", "-1"])
def test_hidden_devices_are_named_as_the_reason(monkeypatch: pytest.MonkeyPatch, hidden: str):
    monkeypatch.setenv(VISIBLE, hidden)
    with pytest.raises(GpuUnavailable, match=f"no GPU: {VISIBLE} is .* hides every device; unset it"):
        open_gpu()


@pytest.mark.usefixtures("_unopened")
def test_without_cupy_the_extras_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(GpuUnavailable, match=r"no GPU: CuPy cannot be imported .*`gpu` \(CUDA 12 .*`gpu13`"):
        open_gpu()


@pytest.mark.usefixtures("_unopened")
def test_auto_takes_the_cpu_and_says_why_where_gpu_by_name_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VISIBLE, "")
    said: list[str] = []
    assert engine_for("auto", say=said.append) == "cpu"
    assert len(said) == 1
    assert said[0].startswith(f"engine: cpu (no GPU: {VISIBLE} is ''")
    with pytest.raises(GpuUnavailable):
        engine_for("gpu", say=said.append)
    assert len(said) == 1


def test_the_cpu_engine_is_taken_without_looking_for_a_gpu():
    program = (
        "import sys; from swarmd.engine.kernel.gpu import engine_for; "
        "print(engine_for('cpu', say=print), 'cupy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["cpu", "False"]


def test_an_unequal_bit_is_noticed():
    same = {"total_return": np.array([1.0, 2.0])}
    assert_same_bits(same, {"total_return": np.array([1.0, 2.0])})
    with pytest.raises(AssertionError, match="1 of 2 rows differ, the first is 1"):
        assert_same_bits(same, {"total_return": np.array([1.0, np.nextafter(2.0, 3.0)])})
