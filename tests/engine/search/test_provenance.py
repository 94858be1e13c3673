"""Where a result comes from: equal fields promise equal results, so whatever numbers depend on must change them."""

from pathlib import Path

from swarmd.engine.search.provenance import code_version, provenance


def version(strategy: str) -> str:
    return provenance(snapshot_id="s", sha256="d", strategy_name=strategy).code_version


def test_a_strategy_of_the_package_is_covered_by_the_engines_digest():
    assert version("mtf_ema") == version("ema_cross") == code_version()


def test_a_change_in_the_users_own_strategy_file_is_another_version(tmp_path: Path):
    own = tmp_path / "own.py"
    own.write_text("x = 1\n")
    before = version(f"{own}:Mine")
    assert before.startswith(f"{code_version()}.")
    assert version(f"{own}:Other") == before
    own.write_text("x = 2\n")
    assert version(f"{own}:Mine") != before
