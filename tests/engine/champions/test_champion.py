"""A champion's file and its loader: whole, sealed, backed up, and never trusted without its checksum."""

import hashlib
import json
import os

import pytest

from swarmd.engine.champions.champion import ChampionFile, champion_of_bytes, read_champion, write_champion
from swarmd.engine.champions.loader import ChampionLoader
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError


def a_champion(**changed) -> ChampionFile:
    return ChampionFile(
        **{
            "symbol": "BTCUSDT",
            "timeframe": "5m",
            "strategy": "mtf_ema",
            "mode": "aggressive",
            "parameters": {"tf_fast": 15, "L_fast": 20, "tf_slow": 240, "L_slow": 50, "sl": 0.02, "tp": 1e-07},
            "metrics": {"development": {"annual_sharpe": 2.0, "profit_factor": None}, "vault": {}, "gates": {}},
            "score": 1.5,
            "created_at": "2026-01-01T00:00:00.000Z",
            "run_id": "r1",
            "campaign": "c",
            "trial_id": 3,
            "snapshot_id": "s",
            "data_sha256": "d",
            "git_commit": None,
            "code_version": "0.1.0",
            "tried": 10,
            "certificate": None,
        }
        | changed
    )


def test_the_checksum_can_be_made_again_with_pythons_own_json(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    sealed = write_champion(path, a_champion())
    document = json.loads(path.read_text())
    stated = document.pop("checksum")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert stated == sealed.checksum == hashlib.sha256(canonical.encode()).hexdigest()
    assert read_champion(path) == sealed


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d | {"score": 9.0}, "changed by hand or damaged"),
        (lambda d: d | {"checksum": "0" * 64}, "changed by hand or damaged"),
        (lambda d: d | {"schema": "swarmd.champion/9"}, "its schema is not swarmd.champion/1"),
        (lambda d: {k: v for k, v in d.items() if k != "tried"}, "changed by hand or damaged"),
    ],
)
def test_a_file_that_does_not_hold_is_refused_with_the_reason(tmp_path, damage, said):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    content = json.dumps(damage(json.loads(path.read_text()))).encode()
    with pytest.raises(OperatorError, match=said):
        champion_of_bytes(content, where="here")
    with pytest.raises(OperatorError, match="not JSON"):
        champion_of_bytes(content[:-9], where="here")


@pytest.mark.parametrize(
    "content",
    [
        b'{"schema": "swarmd.champion/1", "score": NaN}',
        b'{"score": Infinity}',
        b"[" * 100_000,
        b'{"x": "\\ud800"}',
        b"\xff",
    ],
)
def test_a_file_that_is_no_json_is_refused_and_the_loader_falls_back(tmp_path, content):
    path = tmp_path / "BTCUSDT_5m.json"
    path.write_bytes(content)
    with pytest.raises(OperatorError, match="not JSON"):
        read_champion(path)
    assert ChampionLoader(tmp_path).load("BTCUSDT", "5m").meta["champion"]["source"] == "baseline"


def test_a_champion_copied_under_the_name_of_another_niche_is_not_used(tmp_path):
    write_champion(tmp_path / "BTCUSDT_5m.json", a_champion())
    (tmp_path / "ETHUSDT_5m.json").write_bytes((tmp_path / "BTCUSDT_5m.json").read_bytes())
    with pytest.raises(OperatorError, match="it is the champion of BTCUSDT_5m"):
        read_champion(tmp_path / "ETHUSDT_5m.json")
    meta = ChampionLoader(tmp_path).load("ETHUSDT", "5m").meta["champion"]
    assert (meta["source"], "champion of BTCUSDT_5m" in meta["reason"]) == ("baseline", True)


@pytest.mark.parametrize(
    ("symbol", "timeframe"), [("../BTCUSDT", "5m"), ("a/b", "5m"), ("BTCUSDT", "../5m"), ("", "5m")]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, symbol, timeframe):
    with pytest.raises(OperatorError, match="cannot be part of a file's name"):
        ChampionLoader(tmp_path).load(symbol, timeframe)


def test_a_link_in_the_champions_place_is_replaced_and_what_it_led_to_is_left_alone(tmp_path):
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_bytes(b"{}")
    path = tmp_path / "champions" / "BTCUSDT_5m.json"
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    sealed = write_champion(path, a_champion())
    assert (elsewhere.read_bytes(), path.is_symlink(), read_champion(path)) == (b"{}", False, sealed)


def test_the_old_one_is_in_backup_before_the_new_one_is_in_force(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    for score in (1.0, 2.0, 3.0):
        write_champion(path, a_champion(score=score))
    backups = sorted(json.loads(p.read_text())["score"] for p in (tmp_path / "backup").iterdir())
    assert (read_champion(path).score, backups) == (3.0, [1.0, 2.0])


def test_the_same_claim_by_another_run_is_the_same_claim():
    assert a_champion().says_the_same(a_champion(run_id="r2", created_at="2027-01-01T00:00:00.000Z").sealed())
    assert not a_champion().says_the_same(a_champion(score=1.6))


# -- loader ---------------------------------------------------------------------------------------------------------


def test_the_loader_gives_the_champion_and_says_so(tmp_path):
    sealed = write_champion(tmp_path / "BTCUSDT_5m.json", a_champion())
    loaded = ChampionLoader(tmp_path).load("BTCUSDT", "5m")
    assert (loaded.strategy, loaded.mode, loaded.parameters) == ("mtf_ema", "aggressive", sealed.parameters)
    assert loaded.meta["champion"]["source"] == "champion"
    assert loaded.meta["champion"]["checksum"] == sealed.checksum


def test_without_a_champion_the_strategys_baseline_stands_in_and_says_so(tmp_path):
    loaded = ChampionLoader(tmp_path).load("BTCUSDT", "5m")
    assert loaded.parameters == strategy_named("mtf_ema").card.baseline
    assert loaded.meta["champion"]["source"] == "baseline"
    assert "no champion of this niche" in loaded.meta["champion"]["reason"]


def test_a_damaged_champion_is_not_used(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    path.write_text(path.read_text().replace("0.02", "0.03"))
    for loaded in (
        ChampionLoader(tmp_path).load("BTCUSDT", "5m"),
        ChampionLoader(tmp_path).load_cached("BTCUSDT", "5m"),
    ):
        assert loaded.meta["champion"]["source"] == "baseline"
        assert "checksum" in loaded.meta["champion"]["reason"]


def test_the_cache_notices_new_content_under_an_equal_modification_time(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    stamp = path.stat().st_mtime_ns
    loader = ChampionLoader(tmp_path)
    first = loader.load_cached("BTCUSDT", "5m")
    assert loader.load_cached("BTCUSDT", "5m") is first
    write_champion(path, a_champion(score=2.5))
    os.utime(path, ns=(stamp, stamp))
    second = loader.load_cached("BTCUSDT", "5m")
    assert second.champion.score == 2.5
    path.unlink()
    assert loader.load_cached("BTCUSDT", "5m").meta["champion"]["source"] == "baseline"
