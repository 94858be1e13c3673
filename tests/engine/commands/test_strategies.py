"""strategies list, show, new, check: what a person types, what comes back, with which exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from search_builders import a_market

from swarmd.cli import exit_code_of
from swarmd.engine.laws.suite import LAWS
from swarmd.engine.strategies.registry import strategy_names


def told(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 0) -> Any:
    """What the command prints: stdout as JSON where it was asked for, else (stdout, stderr)."""
    assert exit_code_of([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    return json.loads(out) if "--json" in arguments else (out, err)


@pytest.fixture
def starter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The file of a strategy just begun, in a folder that was not there."""
    told(capsys, "strategies", "new", "channel_break", "--dir", tmp_path / "mine")
    return tmp_path / "mine" / "channel_break.py"


def test_the_list_has_every_strategy_with_its_card(capsys: pytest.CaptureFixture[str]):
    document = told(capsys, "strategies", "list", "--json")
    assert document["schema"] == "swarmd.strategies/1"
    assert document["problems"] == {}
    cards = {card["name"]: card for card in document["strategies"] if card["on"] == "bars"}
    assert set(cards) == set(strategy_names())
    assert {"bollinger_reversion", "ofi_momentum"} <= {c["name"] for c in document["strategies"] if c["on"] == "ticks"}
    assert set(cards["mtf_ema"]["modes"]) == {"conservative", "balanced", "aggressive"}
    assert cards["mtf_ema"]["modes"]["aggressive"]["direction"] == "long_short"
    assert cards["mtf_ema"]["place"] == "swarmd.engine.strategies.mtf_ema:MtfEma"
    out, _ = told(capsys, "strategies", "list")
    heading, *lines = out.splitlines()
    assert heading.split() == ["name", "data", "modes", "parameters", "from"]
    assert any(line.startswith("bollinger_reversion") and "window, k" in line for line in lines)


def test_one_is_shown_with_ranges_units_and_what_each_mode_searches(capsys: pytest.CaptureFixture[str]):
    out, _ = told(capsys, "strategies", "show", "bollinger_reversion")
    assert "window     2..20000             bars                 closes that the mean" in out
    assert "long_short    long_short window 20..500, k 1..3.5" in out
    assert "baseline   window 200, k 2.0" in out
    out, _ = told(capsys, "strategies", "show", "final_trigger")
    ranges = ("2..250 ", "2..500 ", "0.1..50 ")
    columns = {line.index(word) for line in out.splitlines() for word in ranges if word in line}
    assert len(columns) == 1, "a long name pushes nothing out of its column"
    card = told(capsys, "strategies", "show", "bollinger_reversion", "--json")
    assert card["modes"]["long"]["space"][1]["unit"] == "standard deviations"
    _, err = told(capsys, "strategies", "show", "bolinger", code=2)
    assert "did you mean 'bollinger_reversion'" in err


def test_a_new_strategy_is_sound_as_it_is_written(starter: Path, capsys: pytest.CaptureFixture[str]):
    out, _ = told(capsys, "strategies", "check", f"{starter}:ChannelBreak", "--bars", 3000)
    assert out.splitlines()[-1] == "sound"
    assert all(f"pass  {law}" in out for law in LAWS)
    document = told(capsys, "strategies", "check", f"{starter}:ChannelBreak", "--bars", 3000, "--json")
    assert (document["sound"], document["schema"]) == (True, "swarmd.strategy_check/1")
    assert [law["law"] for law in document["laws"]] == list(LAWS)


def test_the_test_of_a_new_strategy_passes_and_finds_the_first_slip(starter: Path):
    run = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{starter.name}"]
    passed = subprocess.run(run, cwd=starter.parent, capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stdout
    assert f"{len(LAWS) + 1} passed" in passed.stdout
    starter.write_text(starter.read_text().replace("Events(decided + 1,", "Events(decided + (decided == 0),"))
    failed = subprocess.run([*run, "-k", "look"], cwd=starter.parent, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "FAILED test_channel_break.py::test_it_obeys_the_law[no look ahead]" in failed.stdout
    assert "add 1" in failed.stdout


def test_nothing_is_overwritten(starter: Path, capsys: pytest.CaptureFixture[str]):
    starter.write_text("my own work\n")
    _, err = told(capsys, "strategies", "new", "channel_break", "--dir", starter.parent, code=2)
    assert f"{starter} is there already" in err
    assert starter.read_text() == "my own work\n"
    starter.unlink()
    _, err = told(capsys, "strategies", "new", "channel_break", "--dir", starter.parent, code=2)
    assert "test_channel_break.py is there already" in err
    assert not starter.exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mtf_ema", "there is a strategy 'mtf_ema' already (swarmd.engine.strategies.mtf_ema:MtfEma)"),
        ("Mine", "cannot name a strategy"),
        ("two words", "cannot name a strategy"),
        ("class", "cannot name a strategy"),
        ("../up", "cannot name a strategy"),
        ("events", "would have a class Events"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str):
    _, err = told(capsys, "strategies", "new", name, "--dir", tmp_path / "mine", code=2)
    assert said in err
    assert not (tmp_path / "mine").exists()


def test_a_strategy_that_looks_ahead_is_told_with_the_bar_on_the_users_own_data(
    starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    bars = a_market(tmp_path / "bars", days=60, symbol="OWN")
    # Tomorrow's close in place of today's.
    starter.write_text(starter.read_text().replace("rises = bars.close >", "rises = np.roll(bars.close, -1) >"))
    arguments = ("strategies", "check", f"{starter}:ChannelBreak", "--data", tmp_path / "bars" / "OWN.parquet")
    document = told(capsys, *arguments, "--bars", 2000, "--json", code=1)
    assert document["data"]["bars"] == 2000
    broken = {law["law"]: law for law in document["laws"] if not law["holds"]}
    caught = broken["no look ahead"]
    assert 0 < caught["bar"] < 2000
    assert caught["time"].endswith(" UTC")
    assert "it is decided with bar" in caught["told"]
    out, _ = told(capsys, *arguments, "--bars", 2000, code=1)
    assert f"FAIL  no look ahead\n        bar {caught['bar']} ({caught['time']}): {caught['told']}\n" in out
    assert out.splitlines()[-1].endswith("laws broken")
    assert bars.n_bars > 2000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.py:Mine",), "no file gone.py"),
        (("mtf_emma",), "did you mean 'mtf_ema'"),
        (("mtf_ema", "--mode", "agressive"), "did you mean 'aggressive'"),
        (("mtf_ema", "--data", "gone.parquet"), "gone.parquet"),
    ],
)
def test_what_cannot_be_checked_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
):
    monkeypatch.chdir(tmp_path)
    _, err = told(capsys, "strategies", "check", *arguments, code=2)
    assert said in err


def test_a_file_that_takes_a_name_of_ours_is_refused_where_it_is_the_first_to_be_looked_at(starter: Path):
    text = starter.read_text().replace('name="channel_break"', 'name="ema_cross"')
    registered = (
        "from swarmd.engine.strategies.registry import register_strategy\n\n\n@register_strategy('ema_cross')\n"
    )
    starter.write_text(text.replace("class ChannelBreak", f"{registered}class ChannelBreak"))
    command = [sys.executable, "-P", "-m", "swarmd", "strategies", "show", f"{starter}:ChannelBreak"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "the name is taken: by swarmd.engine.strategies.ema_cross:EmaCross, and now by " in refused.stderr
    assert f"{starter}:ChannelBreak" in refused.stderr


def test_help_imports_no_numerics():
    code = (
        "import sys; import swarmd.engine.commands.strategies;"
        "print({'numba', 'numpy', 'pyarrow', 'importlib.metadata'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
