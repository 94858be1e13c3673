"""The GPU's source without a GPU: compiled by g++ it gives numba's bits, and NVRTC compiles it for real targets."""

import ctypes
import importlib.util
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from price_builders import KINDS, awkward_bars, real_btc
from screen_builders import STRATEGY, Columns, asked, assert_same_bits, by_numba, on_device, random_vectors

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.devices import LEAST_BATCH, DeviceFull, Listeners, screen_on
from swarmd.engine.kernel.host_build import COMPILER, HostDevice, build_for_host
from swarmd.engine.kernel.layout import DEVICE_OPTIONS, POINTERS, SCREEN, SOURCE, device_source, filled_screen
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.registry import strategy_named

MODES = ("balanced", "aggressive")
TARGETS = ("sm_80", "sm_86", "sm_89", "sm_90")
NVRTC_PACKAGE = "nvidia-cuda-nvrtc-cu12"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"no {COMPILER} to compile {SOURCE.name} with")
    return build_for_host(tmp_path_factory.mktemp("host"))


@pytest.fixture
def device(library: Path) -> HostDevice:
    return HostDevice(library)


# -- compiled by g++ ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_metrics_are_the_bits_of_numba(device: HostDevice, kind: str, mode: str):
    for seed, (n_bars, lead, missing) in enumerate([(9000, 0, 0.0), (9000, 50, 0.05), (4000, 287, 0.2)]):
        bars = awkward_bars(kind, n_bars, seed, lead=lead, missing=missing)
        columns = random_vectors(250, seed)
        assert_same_bits(on_device(device, bars, columns, mode=mode), by_numba(bars, columns, mode=mode))


@pytest.mark.parametrize("costs", [Costs(0.0, 0.0), Costs(300.0, 100.0)], ids=["free", "dear"])
@pytest.mark.parametrize("mode", MODES)
def test_costs_change_no_agreement(device: HostDevice, mode: str, costs: Costs):
    bars, columns = awkward_bars("spikes", 9000, 8, lead=7), random_vectors(250, 8)
    assert_same_bits(
        on_device(device, bars, columns, mode=mode, costs=costs), by_numba(bars, columns, mode=mode, costs=costs)
    )


@pytest.mark.parametrize("mode", MODES)
def test_real_bars_with_an_accepted_gap_give_the_bits_of_numba(device: HostDevice, mode: str):
    bars, columns = real_btc(), random_vectors(1500, 4)
    found = on_device(device, bars, columns, mode=mode)
    assert_same_bits(found, by_numba(bars, columns, mode=mode))
    assert found["total_trades"].sum() > 10_000


@pytest.mark.parametrize("mode", MODES)
def test_levels_that_are_just_touched_are_touched(device: HostDevice, mode: str):
    bars, columns = awkward_bars("ties", 9000, 3), random_vectors(250, 3)
    rng = np.random.default_rng(3)
    # Prices are whole numbers near 100 or multiples of these: many levels are prices, to the last bit.
    columns["sl"], columns["tp"] = rng.choice([0.01, 0.02, 0.03125, 0.05], (2, 250))
    assert_same_bits(on_device(device, bars, columns, mode=mode), by_numba(bars, columns, mode=mode))


@pytest.mark.parametrize("mode", MODES)
def test_a_wild_day_does_not_swallow_the_returns_of_the_others(device: HostDevice, mode: str):
    bars, columns = awkward_bars("walk", 9000, 4), random_vectors(250, 4)
    # A tenth of the moves, for trades that last for days, and one close a hundred thousand times too high.
    o, h, low, c = (100.0 * (prices / 100.0) ** 0.1 for prices in (bars.open, bars.high, bars.low, bars.close))
    c[287 + 288 * 5] *= 1e5
    h[287 + 288 * 5] = c[287 + 288 * 5]
    wild = replace(bars, open=o, high=h, low=low, close=c)
    assert_same_bits(on_device(device, wild, columns, mode=mode), by_numba(wild, columns, mode=mode))


@pytest.mark.parametrize("mode", MODES)
def test_days_whose_returns_hardly_vary_are_summed_about_their_mean(device: HostDevice, mode: str):
    columns = random_vectors(120, 5)
    columns["tf_fast"][:], columns["tf_slow"][:], columns["L_slow"][:] = 15, 60, 10
    columns["L_fast"] = np.arange(120) % 12 + 5
    columns["sl"], columns["tp"] = np.linspace(0.02, 0.05, 120), np.linspace(0.1, 0.15, 120)
    for seed in range(30):
        # Two days: now and then their returns are nearly equal, and the difference of squares says nothing.
        bars = awkward_bars("walk", 576, seed)
        assert_same_bits(on_device(device, bars, columns, mode=mode), by_numba(bars, columns, mode=mode))


@pytest.mark.parametrize("n_bars", [1, 2, 12, 40, 700])
def test_data_too_short_for_a_crossing_has_no_trades_and_no_fault(device: HostDevice, n_bars: int):
    bars, columns = awkward_bars("walk", n_bars, 1, lead=3), random_vectors(60, 1)
    found = on_device(device, bars, columns, mode="aggressive")
    assert_same_bits(found, by_numba(bars, columns, mode="aggressive"))
    if n_bars < 700:
        assert not found["total_trades"].any()


@pytest.mark.parametrize("kind", ["walk", "gaps", "doubling", "spikes"])
@pytest.mark.parametrize("mode", MODES)
def test_the_metrics_are_those_of_the_reference(device: HostDevice, kind: str, mode: str):
    bars, columns = awkward_bars(kind, 6000, 21, lead=100, missing=0.05), random_vectors(8, 21)
    found = on_device(device, bars, columns, mode=mode)
    for row in range(8):
        params = {name: column[row].item() for name, column in columns.items()}
        wanted = run_backtest(bars, strategy_named(STRATEGY), params, mode=mode, costs=Costs(), engine="reference")
        for name, column in found.items():
            if name == "annual_sharpe":
                assert column[row] == pytest.approx(wanted.metrics.annual_sharpe, rel=1e-9, abs=1e-9)
            else:
                assert column[row] == getattr(wanted.metrics, name), name


def test_order_of_the_vectors_and_size_of_the_batches_change_no_bit(device: HostDevice):
    bars, columns = awkward_bars("saw", 6000, 2, lead=9, missing=0.02), random_vectors(400, 2)
    # Vectors of one pair, in several batches.
    columns["L_fast"][100:200], columns["L_slow"][100:200] = 9, 21
    columns["tf_fast"][100:200], columns["tf_slow"][100:200] = 45, 60
    whole = on_device(device, bars, columns, mode="aggressive")
    assert_same_bits(on_device(device, bars, columns, mode="aggressive", batch=33), whole)
    order = np.random.default_rng(0).permutation(400)
    shuffled = {name: column[order] for name, column in columns.items()}
    found = on_device(device, bars, shuffled, mode="aggressive")
    assert_same_bits(found, {name: column[order] for name, column in whole.items()})


def test_no_vectors_give_empty_columns(device: HostDevice):
    bars = awkward_bars("walk", 3000, 1)
    given = asked(bars, random_vectors(5, 1), mode="balanced")
    none = replace(given, **{name: getattr(given, name)[:0] for name in ("fast_of", "slow_of", "stop", "target")})
    found = screen_on(device, none, listeners=Listeners())
    assert {name: column.size for name, column in found.items()} == dict.fromkeys(found, 0)
    assert found["total_trades"].dtype == np.int64


def test_a_stop_behind_which_a_short_is_ruined_is_refused(device: HostDevice):
    bars, columns = awkward_bars("walk", 3000, 1), random_vectors(5, 1)
    columns["sl"][3] = 1.2
    with pytest.raises(ValueError, match=r"a stop of 1.2 lets shorts be ruined"):
        on_device(device, bars, columns, mode="aggressive")


# -- when memory runs out -------------------------------------------------------------------------------------------


def _needed_bytes(library: Path, bars: Bars, columns: Columns) -> tuple[int, int]:
    """What the bars and lines take, and the most that is held at a time."""
    device, prepared = HostDevice(library), []
    listeners = Listeners(progress=lambda _: prepared.append(device.used_bytes))
    on_device(device, bars, columns, mode="aggressive", listeners=listeners)
    return prepared[0], device.peak_bytes


def test_out_of_memory_halves_the_batch_says_so_and_changes_no_bit(library: Path):
    bars, columns = awkward_bars("walk", 6000, 6), random_vectors(4 * LEAST_BATCH, 6)
    shared, most = _needed_bytes(library, bars, columns)
    small = HostDevice(library, memory_bytes=shared + (most - shared) * 3 // 4)
    said: list[str] = []
    done: list[int] = []
    listeners = Listeners(progress=done.append, log=said.append)
    found = on_device(small, bars, columns, mode="aggressive", listeners=listeners)
    assert_same_bits(found, by_numba(bars, columns, mode="aggressive"))
    assert said == [
        "Batch 1/1: 1,024 combinations on this processor (g++)",
        "out of memory at 1,024 combinations a batch; going on with 512",
        "Batch 1/2: 512 combinations on this processor (g++)",
        "Batch 2/2: 512 combinations on this processor (g++)",
    ]
    assert done == [0, 512, 512]
    assert small.used_bytes == 0


def test_without_room_for_a_small_batch_the_screen_gives_up_and_says_what_to_do(library: Path):
    bars, columns = awkward_bars("walk", 6000, 6), random_vectors(2 * LEAST_BATCH, 6)
    shared, _ = _needed_bytes(library, bars, columns)
    small = HostDevice(library, memory_bytes=shared + 10_000)
    with pytest.raises(DeviceFull, match=r"only 256 combinations a batch .*free the device's memory, or use --engine"):
        on_device(small, bars, columns, mode="aggressive")
    assert small.used_bytes == 0


def test_without_room_for_the_bars_the_screen_says_how_much_they_take(library: Path):
    small = HostDevice(library, memory_bytes=100_000)
    with pytest.raises(DeviceFull, match=r"this processor .*no room for the \d+ MiB of prices and lines"):
        on_device(small, awkward_bars("walk", 9000, 6), random_vectors(300, 6), mode="balanced")
    assert small.used_bytes == 0


# -- one layout -----------------------------------------------------------------------------------------------------


def test_the_struct_has_the_fields_of_the_layout_in_their_order():
    declared = re.search(r"typedef struct \{([^}]*)\} Screen;", SOURCE.read_text())
    assert declared is not None
    fields = re.sub(r"/\*.*?\*/", "", declared[1], flags=re.DOTALL).replace("*const *", "*")
    named = re.findall(r"([\w ]+?) ?(\*?)(\w+);", fields.replace("const ", ""))
    assert [name for *_, name in named] == list(SCREEN.names or ())
    in_c = {
        "double": np.float64, "int": np.int32, "short": np.int16, "unsigned short": np.uint16, "long long": np.int64
    }  # fmt: skip
    for kind, star, name in named:
        wanted = np.uint64 if star else in_c[kind.strip()]
        assert SCREEN[name] == wanted, name
        if star and name != "events":
            assert in_c[kind.strip()] is POINTERS[name], name


def test_a_field_that_the_struct_does_not_have_is_refused():
    with pytest.raises(ValueError, match="no field of name"):
        filled_screen({"bras": 1})


# -- compiled for GPUs ----------------------------------------------------------------------------------------------


class Nvrtc:
    """CUDA's run-time compiler, which needs neither GPU nor driver."""

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))

    def compiled(self, source: str, *options: str) -> tuple[int, str, bytes]:
        """Result code, log, and the machine code or PTX."""
        program = ctypes.c_void_p()
        self._call("CreateProgram", ctypes.byref(program), source.encode(), SOURCE.name.encode(), 0, None, None)
        encoded = [option.encode() for option in options]
        code = self.library.nvrtcCompileProgram(program, len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
        log = self._bytes(program, "ProgramLog").decode()
        kind = "PTX" if any("compute_" in option for option in options) else "CUBIN"
        binary = self._bytes(program, kind) if code == 0 else b""
        self._call("DestroyProgram", ctypes.byref(program))
        return code, log, binary

    def _bytes(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"Get{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"Get{what}", program, buffer)
        return buffer.raw.rstrip(b"\0") if what != "CUBIN" else buffer.raw

    def _call(self, name: str, *arguments: object) -> None:
        assert getattr(self.library, f"nvrtc{name}")(*arguments) == 0


@pytest.fixture(scope="module")
def nvrtc() -> Nvrtc:
    found = importlib.util.find_spec("nvidia.cuda_nvrtc") if importlib.util.find_spec("nvidia") else None
    places = list(found.submodule_search_locations or ()) if found else []
    libraries = [file for place in places for file in sorted(Path(place).glob("lib/libnvrtc.so.*"))]
    if not libraries:
        pytest.skip(f"no NVRTC; install the package {NVRTC_PACKAGE} of the group dev")
    return Nvrtc(libraries[0])


@pytest.mark.parametrize("target", TARGETS)
def test_nvrtc_compiles_the_kernels_for_every_target(nvrtc: Nvrtc, target: str):
    code, log, binary = nvrtc.compiled(device_source(), f"--gpu-architecture={target}", *DEVICE_OPTIONS)
    assert code == 0, log
    assert log == ""
    assert binary.startswith(b"\x7fELF")
    for kernel in (b"find_crossings", b"settle_events", b"screen_vectors"):
        assert kernel in binary


def test_the_device_code_fuses_no_product_with_a_sum(nvrtc: Nvrtc):
    fused = re.compile(rb"\bfma\.")
    options = ("--gpu-architecture=compute_80", *DEVICE_OPTIONS)
    assert not fused.search(nvrtc.compiled(device_source(), *options)[2])
    # And this is what it looks like where it does.
    allowed = [option for option in options if "fmad" not in option]
    assert fused.search(nvrtc.compiled(device_source(), *allowed)[2])


def test_a_typing_error_fails_and_names_its_own_line(nvrtc: Nvrtc):
    wrong = device_source().replace("value = value + alpha", "value = valve + alpha")
    code, log, _ = nvrtc.compiled(wrong, "--gpu-architecture=sm_80", *DEVICE_OPTIONS)
    line = next(n for n, text in enumerate(SOURCE.read_text().splitlines(), 1) if "value = value + alpha" in text)
    assert code != 0
    assert f'{SOURCE.name}({line}): error: identifier "valve" is undefined' in log


def test_a_struct_of_another_size_does_not_compile(nvrtc: Nvrtc):
    options = [option for option in DEVICE_OPTIONS if "SCREEN_BYTES" not in option]
    code, log, _ = nvrtc.compiled(
        device_source(), "--gpu-architecture=sm_80", *options, f"-DSCREEN_BYTES={SCREEN.itemsize + 8}"
    )
    assert code != 0
    assert "backtest.cuh and layout.py disagree about Screen" in log
