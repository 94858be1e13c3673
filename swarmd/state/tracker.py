"""Where each asset stands on its way from the data to production, one row an asset and mode, read in ten seconds.

Pure rows out of what is known of the jobs; made for ``swarmd query tracker`` from plain dictionaries and for
``pipeline_tracker.csv`` from records, so both hand in ``Seen``. No pydantic here: ``query`` starts fast.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

COLUMNS = (
    "Asset", "Tier", "Mode", "Screen Status", "WFE", "Sharpe", "Reopt Status", "Guards", "Evidence p", "Prod Ready",
    "Reason",
)  # fmt: skip

# In the order of the chain; the first is the asset's, the others are a mode's.
PREFLIGHT, PRESCREEN, REFINE, SCREEN, CROWN = PHASES = ("preflight", "prescreen", "refine", "screen", "crown")

# What makes a result of the search look as it does; thresholds of the source's gates.
SOUND_SHARPE, _SOUND_WFE, _ENOUGH_TRADES, _FEW_CARRY_IT = 0.8, 0.5, 50, 0.4


@dataclass(frozen=True, slots=True)
class Seen:
    """What a row needs of a job: its status, why, whether a run of it is open, the figures of its result, and where its
    cohort holds it between two rungs, whom it waits for."""

    status: str
    reason: str
    is_running: bool
    figures: Mapping[str, Any]
    held: str = ""


Jobs = Mapping[tuple[str, str, str], Seen]
"""By asset, mode (empty for the preflight) and step: the phase, or ``refine-50`` for a rung of it."""


def step_name(phase: str, trials: int | None) -> str:
    """How a job is called in the chain of its asset and mode."""
    return phase if trials is None else f"{phase}-{trials}"


def tracker_rows(
    tiers: Mapping[str, Iterable[str]], modes: Iterable[str], jobs: Jobs
) -> list[dict[str, str | float | None]]:
    """Rows in the order of the tiers; figures that are not there yet are None."""
    rungs = sorted({step for _, _, step in jobs if step.startswith(f"{REFINE}-")}, key=lambda step: int(step[7:]))
    steps = (PREFLIGHT, PRESCREEN, *rungs, REFINE, SCREEN, CROWN)
    return [
        _row(asset, tier, mode, steps, jobs)
        for tier, assets in tiers.items()
        for asset in assets
        for mode in dict.fromkeys(modes)
    ]


def candidates(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Assets that passed the screen in some mode, each once, in the order of the rows."""
    return list(dict.fromkeys(row["Asset"] for row in rows if row["Screen Status"] == "PASS"))


def tracker_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """The table as text; figures with four digits, what is not known as ``-``."""
    page = io.StringIO(newline="")
    table = csv.writer(page, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow([_cell(row[name]) for name in COLUMNS])
    return page.getvalue()


def diagnosis(screen: Mapping[str, Any], refine: Mapping[str, Any]) -> str:
    """Why a finalist may have failed its screen, each cause with the figures that say so; empty where none shows."""
    inside, wfe, trades = screen.get("annual_sharpe"), screen.get("wfe"), screen.get("oos_trades")
    share = refine.get("top10_share")
    found = []
    if inside is not None and inside < SOUND_SHARPE:
        found.append(f"under-fitted: annual Sharpe {inside:.2f} in sample already (sound from {SOUND_SHARPE:g})")
    elif inside is not None and (wfe is None or wfe <= _SOUND_WFE):
        told = "undefined" if wfe is None else f"{wfe:.2f}"
        found.append(f"over-fitted: annual Sharpe {inside:.2f} in sample, walk-forward efficiency {told} behind it")
    if trades is not None and trades <= _ENOUGH_TRADES:
        found.append(f"too few trades: {trades} out of sample (more than {_ENOUGH_TRADES} tell something)")
    if share is not None and share > _FEW_CARRY_IT:
        found.append(f"concentrated: the ten best trades make {share:.0%} of the gross profit")
    return "; ".join(found)


def _row(asset: str, tier: str, mode: str, steps: tuple[str, ...], jobs: Jobs) -> dict[str, str | float | None]:
    chain = {step: jobs.get((asset, "" if step == PREFLIGHT else mode, step)) for step in steps}
    screened = chain[SCREEN]
    screen = {} if screened is None else screened.figures
    status, reason = _standing(chain)
    return {
        "Asset": asset,
        "Tier": tier,
        "Mode": mode,
        "Screen Status": status,
        "WFE": screen.get("wfe"),
        "Sharpe": screen.get("oos_annual_sharpe"),
        # Re-optimisation, guards and evidence belong to the validation, which nothing here has run.
        "Reopt Status": None,
        "Guards": None,
        "Evidence p": None,
        "Prod Ready": "NO",
        "Reason": reason,
    }


def _standing(chain: Mapping[str, Seen | None]) -> tuple[str, str]:
    """The screen status, and why in words."""
    screen, crown = chain[SCREEN], chain[CROWN]
    if screen is not None and screen.status == "done":
        crowned = crown is not None and crown.status == "done"
        tail = (
            f"crowned on the screen alone: {crown.reason}" if crown is not None and crowned else "guards were not run"
        )
        return "PASS", f"{screen.reason}; {tail}"
    for step, job in chain.items():
        if step == CROWN:
            break
        if job is None or job.status == "queued":
            if job is not None and job.is_running:
                return f"{step} runs", ""
            if job is not None and job.held:
                return f"{step} held", job.held
            return ("WAITS" if step == PREFLIGHT else f"{step} waits"), ""
        if job.status == "skipped":
            # The first that is not done: nothing before it closed the way, a rung of the search stopped it.
            return "STOPPED", job.reason
        if job.status != "done":
            refine = chain[REFINE]
            why = diagnosis(job.figures, refine.figures if refine is not None else {}) if step == SCREEN else ""
            word = {"failed": "FAIL", "quarantined": "QUARANTINE"}[job.status]
            return word, "; ".join(part for part in (why, f"{step}: {job.reason}") if part)
    return "WAITS", ""


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
