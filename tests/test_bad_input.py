"""What a person gets wrong, through the real command line: one line that says what, where and what to do; exit code 2.

Nothing that was there before may be lost by it: every file keeps its bytes. Mistakes within a campaign file have their
own table in `supervisor/test_campaign_file.py`; here are those that meet data, home and daemon.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from market_builders import columns, save, without

from swarmd.cli import exit_code_of
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.store.files import Home, lock_file
from swarmd.state.store.journal import Journal
from swarmd.supervisor.campaign_file import read_campaign
from swarmd.supervisor.question import digest

CAMPAIGN = """\
name: try
data: {root: bars}
assets: {tiers: {A: [COIN]}}
strategy: {name: mtf_ema, modes: [balanced]}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a person works in, with bars that are fit, a campaign, and a home that is not there yet."""
    for name in ("RESULTS_ROOT", "STATE_ROOT", "LOGS_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "swarm"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars").mkdir()
    save(tmp_path / "bars" / "COIN.parquet", columns(2_000))
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], place: Path, *words: str, code: int = 2) -> str:
    """The one line on stderr; every file that was there has kept its bytes."""
    before = contents(place)
    capsys.readouterr()
    assert exit_code_of(list(words)) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert err.startswith("error: ")
    assert err.count("\n") == 1, err
    after = contents(place)
    assert {name: after.get(name) for name in before} == before
    return err


# -- bars -----------------------------------------------------------------------------------------------------------


def with_nan() -> dict[str, Any]:
    cols = columns(500)
    cols["close"][137] = np.nan
    return cols


def repeated() -> dict[str, Any]:
    cols = columns(500)
    return {name: np.insert(values, 200, values[200]) for name, values in cols.items()}


def shuffled() -> dict[str, Any]:
    cols = columns(500)
    order = np.arange(500)
    order[[250, 300]] = order[[300, 250]]
    return {name: values[order] for name, values in cols.items()}


def nameless() -> dict[str, Any]:
    return {f"col{index}": values for index, values in enumerate(columns(500).values())}


def impossible() -> dict[str, Any]:
    cols = columns(500)
    cols["low"][42] = cols["high"][42] * 2
    return cols


@pytest.mark.parametrize(
    ("bars", "said"),
    [
        pytest.param(with_nan, ("row 137", "close"), id="NaN"),
        pytest.param(repeated, ("row 201", "earlier row has its open time"), id="a bar given twice"),
        pytest.param(shuffled, ("row 251", "sort the file"), id="not in order of time"),
        pytest.param(nameless, ("column", "open"), id="wrong columns"),
        pytest.param(impossible, ("low", "42"), id="a low above the high"),
        pytest.param(lambda: without(columns(500), 100, 101), ("gap",), id="bars missing"),
        pytest.param(lambda: without(columns(1), 0), ("BAD",), id="a table without rows"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_bars_that_are_not_fit_are_refused_with_file_row_and_reason(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    bars: Callable[[], dict[str, Any]],
    said: tuple[str, ...],
    suffix: str,
) -> None:
    file = save(place / "bars" / f"BAD{suffix}", bars())
    err = refused(capsys, place, "backtest", "--data", str(file), "--strategy", "mtf_ema")
    assert str(file) in err
    assert all(word in err for word in said), err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("NONE.parquet", None, "there is no such file"),
        ("EMPTY.parquet", b"", "EMPTY.parquet"),
        ("EMPTY.csv", b"", "EMPTY.csv"),
        ("TEXT.parquet", b"this is no parquet file at all", "TEXT.parquet"),
        ("BARS.xlsx", b"PK", "BARS.xlsx"),
    ],
)
def test_a_file_that_is_no_bars_is_refused_by_name(
    place: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, said: str
) -> None:
    file = place / "bars" / name
    if content is not None:
        file.write_bytes(content)
    for words in (("backtest", "--data"), ("prescreen", "--combos", "10", "--data")):
        assert said in refused(capsys, place, *words, str(file), "--strategy", "mtf_ema")


def test_a_series_of_sixty_days_fails_the_check_and_is_not_searched(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = save(place / "bars" / "YOUNG.parquet", columns(60 * 288))
    before = contents(place)
    assert exit_code_of(["data", "validate", str(file)]) == 1  # the check was done, and its answer is no
    out, err = capsys.readouterr()
    assert "60" in out
    assert "90" in out
    assert "Traceback" not in out + err
    for words in (("optimize", "--symbol", "YOUNG"), ("refine", "--symbol", "YOUNG")):
        search = (*words, "--data", str(file), "--mode", "balanced", "--trials", "2")
        told = refused(capsys, place, *search)
        assert "YOUNG.parquet: 60.0 days of history, fewer than 90; import more" in told
    assert not list((place / "swarm").rglob("all_trials.json"))
    assert {name: contents(place)[name] for name in before} == before


# -- what is asked of them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--strategy", "mtf_emma"), "did you mean 'mtf_ema'"),
        (("--strategy", "mtf_ema", "--mode", "agressive"), "did you mean 'aggressive'"),
        (("--strategy", "mtf_ema", "--params", '{"sl": 0.01,}'), "--params: not JSON"),
        (("--strategy", "mtf_ema", "--params", "@gone.json"), "gone.json"),
        (("--strategy", "ema_cross", "--params", '{"L_fast": 0, "L_slow": 50, "sl": 0.01, "tp": 0.02}'), "L_fast is 0"),
        (("--strategy", "ema_cross", "--params", '{"L_fast": 9, "L_slow": 5, "sl": 0.01, "tp": 0.02}'), "L_fast"),
        (("--strategy", "ema_cross", "--params", '{"L_fast": NaN, "L_slow": 5, "sl": 0.1, "tp": 0.2}'), "L_fast"),
        (("--strategy", "gone.py:Mine"), "no file gone.py"),
        (("--strategy", "mtf_ema", "--start", "2030-01-01"), "the file has 2023-01-01"),
    ],
)
def test_a_wrong_word_about_the_strategy_is_told_with_the_right_one(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in refused(capsys, place, "backtest", "--data", "bars/COIN.parquet", *words)


def test_a_strategy_file_that_fails_is_told_and_not_a_traceback(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "mine.py").write_text("import nothing_of_this_name\n")
    err = refused(capsys, place, "backtest", "--data", "bars/COIN.parquet", "--strategy", "mine.py:Mine")
    assert "mine.py fails on import: ModuleNotFoundError" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "a1-0"), "there is no journal"),
        (("query", "lane"), "'lane' is not one of"),
        (("query", "--at", "yesterday"), "there is no journal"),
        (("start",), "there is no campaign to resume"),
        (("start", "nowhere.yaml"), "there is no such campaign file"),
        (("start", "bars"), "cannot be read as a campaign file"),
        (("summarize", "majors"), "neither a folder nor a campaign with results"),
        (("champion", "show", "COIN"), "COIN"),
        (("restart",), "there is no campaign to resume"),
        (("pause",), "no daemon runs"),
        (("data", "validate", "nowhere"), "nowhere"),
        (("config", "check", "nowhere.yaml"), "there is no such campaign file"),
    ],
)
def test_what_is_not_there_is_named_with_the_way_on(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in refused(capsys, place, *words)
    assert not (place / "swarm").exists()


# -- the campaign ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "{root: bars}",
            "{root: bars, inteval: 5m}",
            "campaign.yaml:2:20: data.inteval: is not a field here; did you mean 'interval'",
        ),
        ("assets:", "name: again\nassets:", "campaign.yaml:3:1: name: is given twice (first on line 1)"),
        ("{root: bars}", "{root: bars", "campaign.yaml:3:7: this is not YAML"),
        (CAMPAIGN, "", "campaign.yaml:1:1: the file is empty"),
        ("root: bars", "root: bras", "campaign.yaml:2:14: data.root:"),
        ("[COIN]", "[COYN]", "campaign.yaml:3:22: assets.tiers.A.0: no bars of COYN"),
        ("mtf_ema", "mtf_emma", "campaign.yaml:4:18: strategy.name: 'mtf_emma' is not a strategy"),
        ("[balanced]", "[balnced]", "'balnced' is not a mode of mtf_ema; did you mean 'balanced'?"),
        ("assets:", "space: {sl: {low: 0.01, high: 3}}\nassets:", "space.sl: 3 lies outside 0.0001 to 0.95"),
    ],
)
def test_a_campaign_that_cannot_be_is_refused_before_anything_is_made(
    place: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    (place / "campaign.yaml").write_text(CAMPAIGN.replace(old, new, 1))
    assert said in refused(capsys, place, "start", "campaign.yaml", "--no-monitors")
    assert not (place / "swarm").exists()


# -- the home -------------------------------------------------------------------------------------------------------


def test_a_second_daemon_is_told_who_runs_since_when_and_where(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(place / "swarm")
    home.prepare()
    lock = lock_file(home.daemon_lock, {"pid": 4242, "since": "2026-01-01T00:00:00.000Z", "home": str(home.root)})
    assert lock is not None
    try:
        for words in (("start", "campaign.yaml"), ("start",), ("start", "campaign.yaml", "--detach")):
            err = refused(capsys, place, *words)
            assert f"(pid 4242, since 2026-01-01T00:00:00.000Z, home {home.root})" in err
            assert "`swarmd stop`" in err
    finally:
        os.close(lock)


def test_a_home_with_a_file_in_its_place_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "swarm").write_text("notes")
    for words in (
        ("start", "campaign.yaml", "--no-monitors", "--checked"),
        ("start", "campaign.yaml", "--no-monitors", "--checked", "--detach"),
        ("optimize", "--data", "bars/COIN.parquet", "--symbol", "COIN", "--mode", "balanced"),
    ):
        assert f"cannot make the directory {place / 'swarm'}" in refused(capsys, place, *words)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a small disk of its own; only root may."""
    made: list[Path] = []

    def mount(name: str, options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        told = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if told.returncode != 0:
            pytest.skip("mounting is for root")
        made.append(folder)
        return folder

    yield mount
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_home_on_a_read_only_disk_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], mounted: Callable[..., Path]
) -> None:
    disk = mounted("disk", "ro,size=1m")
    for words in (("start", "campaign.yaml", "--no-monitors", "--checked"), ("optimize", *_OPTIMIZE)):
        err = refused(capsys, place, "--home", str(disk / "swarm"), *words)
        assert "Read-only file system" in err
        assert "--home DIR" in err


_OPTIMIZE = ("--data", "bars/COIN.parquet", "--symbol", "COIN", "--mode", "balanced", "--trials", "2")


def test_a_campaign_changed_under_its_name_is_refused_and_the_first_one_stands(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(place / "swarm")
    _with_a_campaign(home, place)
    (place / "campaign.yaml").write_text(CAMPAIGN + "costs: {fee_bps: 9}\n")
    err = refused(capsys, place, "start", "campaign.yaml", "--no-monitors", "--checked", "--until-done")
    assert "campaign 'try' was started with other settings" in err
    assert "give the changed file another `name`" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("explain", "tyr"), "did you mean try?"),
        (("explain", ""), "error: "),
        (("query", "incidnts"), "'incidnts' is not one of"),
        (("query", "--at", "yesterday"), "--at 'yesterday' is not a time; write it like 2026-01-31T09:30:00Z"),
        (("query", "lanes", "--follow"), "--follow prints new events"),
        (("summarize", "try"), "neither a folder nor a campaign with results"),
    ],
)
def test_a_wrong_question_about_a_journal_is_answered_with_what_there_is(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    _with_a_campaign(Home(place / "swarm"), place)
    assert said in refused(capsys, place, *words)


def _with_a_campaign(home: Home, place: Path) -> None:
    """As a daemon leaves it that was started once and has gone."""
    home.prepare()
    file = read_campaign(place / "campaign.yaml")
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append(
            [
                Campaign(
                    id=file.settings.name, at=1, settings=file.settings, digest=digest(file.settings),
                    file=str(file.path), status=CampaignStatus.ACTIVE, started_at=1,
                )
            ]
        )  # fmt: skip
