"""A campaign's page after each asset costs a share of the time, and the last one tells of all."""

import json
import os
import time
from pathlib import Path

import pytest
from builders import the_settings

from swarmd.engine.phases import report_due
from swarmd.engine.phases.report_due import is_due

PAGE = "report.html"
SYMBOLS, MODES = ("AAA", "BBB"), ("mode-a", "mode-b")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three of four have their pages, and the campaign's was written just now; four rows are an hour's patience."""
    monkeypatch.setattr(report_due, "_PATIENCE_A_ROW_S", 900.0)
    for symbol, mode in (("AAA", "mode-a"), ("AAA", "mode-b"), ("BBB", "mode-a")):
        told(tmp_path, symbol, mode)
    (tmp_path / PAGE).write_text("page")
    written_ago(tmp_path, 0.0)
    return tmp_path


def told(results: Path, symbol: str, mode: str) -> None:
    (results / symbol / mode).mkdir(parents=True)
    (results / symbol / mode / PAGE).write_text("page")


def written_ago(results: Path, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(results / PAGE, (at, at))


def due(results: Path) -> bool:
    asked = the_settings()
    strategy = asked.strategy.model_copy(update={"modes": MODES})
    assets = asked.assets.model_copy(update={"tiers": {"t1": SYMBOLS}})
    return is_due(results, asked.model_copy(update={"strategy": strategy, "assets": assets}), PAGE)


def test_a_page_of_a_moment_ago_waits_for_the_asset_that_is_still_to_come(results: Path) -> None:
    assert not due(results)
    told(results, "BBB", "mode-b")
    assert due(results)


def test_an_asset_that_the_preflight_refused_is_not_waited_for(results: Path) -> None:
    (results / "BBB" / "preflight.json").write_text(json.dumps({"verdict": "pass"}))
    assert not due(results)
    (results / "BBB" / "preflight.json").write_text(json.dumps({"verdict": "fail"}))
    assert due(results)


def test_a_page_of_more_than_an_hour_ago_is_due(results: Path) -> None:
    written_ago(results, 4000.0)
    assert due(results)


def test_a_page_of_the_future_is_not_waited_for_and_no_page_is_due(results: Path) -> None:
    written_ago(results, -1000.0)
    assert due(results)
    (results / PAGE).unlink()
    assert due(results)
