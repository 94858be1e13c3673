"""Material of a report as the phases leave it, made of seeded chance or by hand; and a browser that watches a page."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificate_builders import certificate

from swarmd.engine.reports.asset_page import asset_page
from swarmd.engine.reports.campaign import Row, campaign_page
from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Importance, Material, Prices, Stretch, Trade
from swarmd.engine.reports.tearsheet import tearsheet_page

FIRST_MS = 1_704_067_200_000  # 2024-01-01
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
HOSTILE = "<script>alert(1)</script>\"' onload=x [a](javascript:alert(2)) `|` \u202egnp.exe \x1b[2J"


def a_trade(number: int = 1, **fields: Any) -> Trade:
    return Trade(
        **{
            "number": number, "entry_ms": FIRST_MS, "exit_ms": FIRST_MS + DAY_MS, "is_long": True, "entry_price": 100.0,
            "exit_price": 101.0, "pnl": 0.01, "return_": 0.01, "reason": "signal", "bars_held": 24, "fees": 0.001,
            **fields,
        }
    )  # fmt: skip


def a_stretch(name: str = VAULT, *, first_day: int = 0, days: int = 200, seed: int = 5, trades: int = 40) -> Stretch:
    """A walk of so many days with trades spread evenly over it."""
    rng = np.random.default_rng(seed)
    equity = np.cumprod(1.0 + rng.normal(0.002, 0.02, days))
    first = FIRST_MS + first_day * DAY_MS
    returns = rng.normal(0.004, 0.02, trades)
    made = tuple(
        a_trade(
            at + 1, entry_ms=first + at * (days * DAY_MS // trades) // HOUR_MS * HOUR_MS,
            exit_ms=first + at * (days * DAY_MS // trades) // HOUR_MS * HOUR_MS + 9 * HOUR_MS, is_long=at % 3 != 0,
            return_=float(change), pnl=float(change), reason=("signal", "stop", "target")[at % 3],
        )
        for at, change in enumerate(returns)
    )  # fmt: skip
    named = np.datetime64("2024-01-01") + np.arange(first_day, first_day + days)
    return Stretch(name, tuple(str(day) for day in named), tuple(equity.tolist()), made, first)


def some_prices(days: int = 500, *, seed: int = 3) -> Prices:
    """Hourly bars of so many days."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, days * 24)))
    start = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(start, close) * 1.002, np.minimum(start, close) * 0.998
    return Prices(60, FIRST_MS + np.arange(days * 24, dtype=np.int64) * HOUR_MS, start, high, low, close)


def a_search(*, trials: int = 60, finalist: int | None = 3, name: str = "L_fast") -> dict[str, Any]:
    rng = np.random.default_rng(1)
    made = [
        {
            "number": at, "origin": "tpe", "state": "complete", "valid": at % 4 != 0, "score": float(score),
            "error": None,
            "params": {name: int(rng.integers(5, 50)), "sl": float(rng.uniform(0.01, 0.05))}, "metrics": {},
        }
        for at, score in enumerate(rng.normal(1.0, 0.5, trials))
    ]  # fmt: skip
    return {
        "schema": "swarmd.trials/1", "strategy": "mtf_ema", "mode": "balanced", "finalist": finalist, "trials": made,
        "space": {name: {"type": "int", "low": 5, "high": 50, "log": False},
                  "sl": {"type": "float", "low": 0.01, "high": 0.05, "log": True}},
        "constraints": {"min_trades": 30, "max_drawdown": 0.35}, "tried": trials, "search": "tpe",
    }  # fmt: skip


def material(*, verdict: str = "champion", **fields: Any) -> Material:
    """All that a judged asset has."""
    return Material(
        **{
            "symbol": "BTCUSDT", "mode": "balanced", "campaign": "majors",
            "preflight": {"interval": "5m", "verdict": "pass"}, "search": a_search(),
            "prescreen": {"tried": 5000, "valid": 400, "top": [], "space": {}},
            "certificate": certificate(verdict=verdict),
            "stretches": (a_stretch(DEVELOPMENT, days=300, seed=2), a_stretch(VAULT, first_day=300, days=200)),
            "prices": some_prices(), "importance": Importance({"L_fast": 0.75, "sl": 0.25}, 60),
            "description": "Buys what rises.", "command": "swarmd report majors",
            **fields,
        }
    )  # fmt: skip


def rows_of(*materials: Material) -> list[Row]:
    return [Row(each, each.stretches, f"{each.symbol}/{each.mode}/report.html", 12.5) for each in materials]


def hostile() -> Material:
    """Everything a person or a file can name says the same."""
    document = certificate()
    document |= dict.fromkeys(("symbol", "strategy", "mode", "data_snapshot_id", "git_sha"), HOSTILE)
    document["params"] = {HOSTILE: 5, "sl": HOSTILE}
    document["evidence"]["gates"][0]["meaning"] = HOSTILE
    document["reproduce"] = [HOSTILE]
    stretch = a_stretch(trades=0)
    traded = Stretch(VAULT, stretch.days, stretch.equity, (a_trade(reason=HOSTILE),), FIRST_MS)
    return material(
        symbol=HOSTILE, mode=HOSTILE, campaign=HOSTILE, certificate=document, stretches=(traded,),
        search=a_search(name=HOSTILE), importance=Importance({HOSTILE: 1.0}, 30), description=HOSTILE,
        missing={"run": HOSTILE}, command=HOSTILE, champion={"trial_id": 1, "campaign": HOSTILE},
    )  # fmt: skip


PAGES: dict[str, Callable[[Material], str]] = {
    "asset": lambda of: asset_page(of, frozenset({"report.md", "equity.csv"})),
    "campaign": lambda of: campaign_page(of.campaign, rows_of(of), of.command),
    "tearsheet": lambda of: tearsheet_page(of.symbol, of.stretches[-1], 10_000.0, of.command),
}


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A Chromium without a screen; skips the test where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path; install it: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing; run scripts/setup test")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


class Watched:
    """A page opened from its file, with what it asked for and complained about."""

    def __init__(
        self, opened: Any, path: Path, *, scheme: str = "light", width: int = 1200, scripts: bool = True
    ) -> None:
        context = opened.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.goto(path.as_uri())
        self.asked.remove(path.as_uri())

    def column(self, table: str, at: int) -> list[str]:
        found: list[str] = self.page.eval_on_selector_all(
            f"{table} tbody tr", f"rows => rows.map(row => row.cells[{at}].textContent)"
        )
        return found
