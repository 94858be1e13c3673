"""An executor that is missing, fails or talks nonsense is told in one line; it is given real bars and nothing else."""

import stat
from pathlib import Path

import numpy as np
import pytest

from swarmd.engine.export.parity_run import TICK, _job, executed
from swarmd.state.errors import OperatorError, OutsideError
from tests.pine_builders import pinets_folder
from tests.price_builders import awkward_bars

BARS = awkward_bars("walk", 60, 1, missing=0.3)


def a_node(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A program of that name before the real one, and a folder that seems to hold PineTS."""
    node = folder / "bin" / "node"
    node.parent.mkdir()
    node.write_text(f"#!/bin/sh\n{script}\n")
    node.chmod(node.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{node.parent}:/usr/bin:/bin")
    pinets = folder / "node_modules" / "pinets"
    pinets.mkdir(parents=True)
    (pinets / "package.json").write_text("{}")
    return folder


def test_without_node_it_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError, match="there is no node to run PineTS with; install node 18"):
        executed("", BARS, pinets=tmp_path)


def test_a_folder_without_pinets_is_named(tmp_path, monkeypatch):
    a_node(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(OperatorError, match="elsewhere holds no node_modules/pinets; install"):
        executed("", BARS, pinets=tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'cannot find x' >&2; echo more >&2; exit 3", r"exit 3\): cannot find x$"),
        ("exit 1", "it said nothing"),
        ("echo '<html>'", "is no JSON"),
    ],
)
def test_one_that_fails_is_told_by_its_first_line(tmp_path, monkeypatch, script, told):
    with pytest.raises(OutsideError, match=told):
        executed("", BARS, pinets=a_node(tmp_path, monkeypatch, script))


def test_one_that_never_ends_is_ended(tmp_path, monkeypatch):
    with pytest.raises(OutsideError, match=r"not done with 60 bars after 0 s; name fewer with --last N"):
        executed("", BARS, pinets=a_node(tmp_path, monkeypatch, "exec sleep 600"), timeout_s=0.2)


def test_a_chart_has_no_bar_where_the_data_has_none():
    job = _job(BARS, Path("s.pine"), Path("/p"))
    real = ~BARS.synthetic
    assert 0 < real.sum() < 60
    assert job["bars"]["time"] == BARS.open_time[real].tolist()
    assert job["bars"]["close"] == BARS.close[real].tolist()


def test_no_level_of_any_price_is_rounded_to_the_tick():
    prices = np.random.default_rng(5).uniform(1e-6, 1e6, 10_000)
    assert np.array_equal(np.ceil(prices / TICK) * TICK, prices)


def test_a_script_that_pine_does_not_understand_is_told_as_that():
    with pytest.raises(OutsideError, match="PineTS could not run the script"):
        executed("//@version=6\nstrategy('x')\nta.nosuch(close, 3)\n", BARS, pinets=pinets_folder())
