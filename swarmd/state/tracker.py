"""Where each asset stands on its way from the data to production, one row an asset and mode, read in ten seconds.

Pure rows out of what is known of the jobs; made for ``swarmd query tracker`` from plain dictionaries and for
``pipeline_tracker.csv`` from records, so both hand in ``Seen``. No pydantic here: ``query`` starts fast.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT, GRID

COLUMNS = (
    "Asset", "Tier", "Mode", "Screen Status", "WFE", "Sharpe", "Reopt Status", "Guards", "Evidence p", "Prod Ready",
    "Pine", "Reason",
)  # fmt: skip

# In the order of the chain; the first is the asset's, the others are a mode's.
PREFLIGHT, PRESCREEN, REFINE, SCREEN, REOPTIMIZE, GUARDS, SURROGATES, VALIDATE, CROWN = PHASES = (
    "preflight", "prescreen", "refine", "screen", "reoptimize", "guards", "surrogates", "validate", "crown",
)  # fmt: skip

# What makes a result of the search look as it does; thresholds of the source's gates.
SOUND_SHARPE, _FEW_CARRY_IT, _UNSTABLE = 0.8, 0.4, 0.1
# Walk-forward efficiency and trades out of sample that are asked for: by the soft screen, and by the strict table.
_SOFT, _STRICT = (0.5, 50), (0.6, 60)


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
"""By asset, mode (empty for the preflight) and step: the phase, ``refine-50`` for a rung of it, ``guards-conservative``
for a branch, ``surrogates-24`` for a share of the surrogate markets."""


def step_name(phase: str, trials: int | None, branch: str | None = None, first: int | None = None) -> str:
    """How a job is called in the chain of its asset and mode."""
    return "-".join(str(part) for part in (phase, trials, branch, first) if part is not None)


def tracker_rows(
    tiers: Mapping[str, Iterable[str]], modes: Iterable[str], jobs: Jobs
) -> list[dict[str, str | float | None]]:
    """Rows in the order of the tiers; figures that are not there yet are None."""
    rungs = sorted({step for _, _, step in jobs if step.startswith(f"{REFINE}-")}, key=lambda step: int(step[7:]))
    judge = VALIDATE if any(step == VALIDATE for _, _, step in jobs) else SCREEN
    steps = (PREFLIGHT, PRESCREEN, *rungs, REFINE, judge, CROWN)
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


def diagnosis(screen: Mapping[str, Any], refine: Mapping[str, Any], asked: tuple[float, int] = _SOFT) -> str:
    """Why a finalist may have failed its screen, each cause with the figures that say so; empty where none shows.

    Of the guards' figures the strict table's ``asked`` are taken, and what a step to the side does to the score.
    """
    inside, wfe, trades = screen.get("annual_sharpe"), screen.get("wfe"), screen.get("oos_trades")
    share = refine.get("top10_share")
    sound_wfe, enough_trades = asked
    found = []
    if inside is not None and inside < SOUND_SHARPE:
        found.append(f"under-fitted: annual Sharpe {inside:.2f} in sample already (sound from {SOUND_SHARPE:g})")
    elif inside is not None and (wfe is None or wfe <= sound_wfe):
        told = "undefined" if wfe is None else f"{wfe:.2f}"
        found.append(f"over-fitted: annual Sharpe {inside:.2f} in sample, walk-forward efficiency {told} behind it")
    if trades is not None and trades <= enough_trades:
        found.append(f"too few trades: {trades} out of sample (more than {enough_trades} tell something)")
    if "sensitivity" in screen and ((moved := screen["sensitivity"]) is None or moved >= _UNSTABLE):
        told = "undefined" if moved is None else f"{moved:.0%}"
        found.append(f"unstable: sensitivity {told}, the scatter of the scores one step aside (below {_UNSTABLE:.0%})")
    if share is not None and share > _FEW_CARRY_IT:
        found.append(f"concentrated: the ten best trades make {share:.0%} of the gross profit")
    return "; ".join(found)


def _row(asset: str, tier: str, mode: str, steps: tuple[str, ...], jobs: Jobs) -> dict[str, str | float | None]:
    chain = {step: jobs.get((asset, "" if step == PREFLIGHT else mode, step)) for step in steps}
    if VALIDATE in steps:
        return _judged_by_evidence(asset, tier, mode, chain)
    screened = chain[SCREEN]
    screen = {} if screened is None else screened.figures
    status, reason = _standing(chain)
    second = _Second.of(asset, mode, jobs) if status == "PASS" else None
    judged = {} if second is None else second.figures
    if second is not None and screened is not None:
        # What the guards have said is what counts; until then it is the screen's word.
        reason = second.reason if second.figures else f"{screened.reason}; {second.reason}"
    return {
        "Asset": asset,
        "Tier": tier,
        "Mode": mode,
        "Screen Status": status,
        # On the vault, where the guards have looked at it.
        "WFE": judged.get("wfe", screen.get("wfe")),
        "Sharpe": judged.get("oos_annual_sharpe", screen.get("oos_annual_sharpe")),
        # Where the screen crowns, nothing was re-optimised and no guard asked.
        "Reopt Status": None if second is None else second.status,
        "Guards": judged.get("guards"),
        "Evidence p": None,
        "Prod Ready": "YES" if second is not None and second.is_ready else "NO",
        "Pine": _script(chain[CROWN] if second is None else second.crown),
        "Reason": reason,
    }


def _judged_by_evidence(
    asset: str, tier: str, mode: str, chain: Mapping[str, Seen | None]
) -> dict[str, str | float | None]:
    """One judgement instead of screen, second search and guards: what it found, and whether it crowned."""
    judged, crown = chain[VALIDATE], chain[CROWN]
    figures = {} if judged is None else judged.figures
    status, reason = _standing(chain)
    return {
        "Asset": asset,
        "Tier": tier,
        "Mode": mode,
        "Screen Status": status,
        "WFE": figures.get("wfe"),
        "Sharpe": figures.get("oos_annual_sharpe"),
        "Reopt Status": None,
        "Guards": figures.get("guards"),
        "Evidence p": figures.get("p"),
        "Prod Ready": "YES" if crown is not None and crown.status == "done" else "NO",
        "Pine": _script(crown),
        "Reason": reason,
    }


def _standing(chain: Mapping[str, Seen | None]) -> tuple[str, str]:
    """The screen status, and why in words."""
    judge = VALIDATE if VALIDATE in chain else SCREEN
    judged, crown = chain[judge], chain[CROWN]
    if judged is not None and judged.status == "done":
        told = "" if crown is None or crown.status == "queued" else crown.reason
        if judge == SCREEN:
            crowned = crown is not None and crown.status == "done"
            told = f"crowned on the screen alone: {told}" if crowned else "guards were not run"
        return "PASS", "; ".join(part for part in (judged.reason, told) if part)
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
            why = diagnosis(job.figures, refine.figures if refine is not None else {}) if step == judge else ""
            word = {"failed": "FAIL", "quarantined": "QUARANTINE"}[job.status]
            return word, "; ".join(part for part in (why, f"{step}: {job.reason}") if part)
    return "WAITS", ""


@dataclass(frozen=True, slots=True)
class _Second:
    """Where the second phase of an asset and mode stands: in the chain itself, or in the branch that was taken last.

    ``figures`` are those of the guards that judged last; ``crown`` is the job that ends the branch.
    """

    status: str
    reason: str
    is_ready: bool
    figures: Mapping[str, Any]
    crown: Seen | None

    @staticmethod
    def of(asset: str, mode: str, jobs: Jobs) -> "_Second | None":
        """None in a campaign without one."""
        taken = []
        for branch, found_by in ((None, (None,)), (DISPLACEMENT, GRID), (CONSERVATIVE, (CONSERVATIVE,))):
            steps = [(asset, mode, step_name(REOPTIMIZE, None, name)) for name in found_by]
            if searches := [jobs[step] for step in steps if step in jobs]:
                guards, crown = (jobs.get((asset, mode, step_name(phase, None, branch))) for phase in (GUARDS, CROWN))
                taken.append((branch, searches, guards, crown))
        if not taken:
            return None
        branch, searches, guards, crown = taken[-1]
        before = "" if branch is None else f"{branch}: "
        status = before + _word_of_searches(searches)
        judges = [job for _, _, job, _ in taken if job is not None and job.figures]
        figures = judges[-1].figures if judges else {}
        if guards is not None and guards.status == "done":
            is_ready = crown is not None and crown.status == "done"
            crowned = "" if crown is None or crown.status == "queued" else f"; {'' if is_ready else 'not '}crowned: "
            told = f"{before}{guards.reason}{crowned}{crown.reason if crown is not None and crowned else ''}"
            return _Second(status, told, is_ready, figures, crown)
        why = diagnosis(figures, figures, _STRICT) if figures else ""
        ended = [job for job in (*searches, guards) if job is not None and job.status in ("failed", "quarantined")]
        if guards is not None and guards.status != "queued" and ended:
            told = f"{before}{ended[-1].reason}"
        elif guards is not None and guards.is_running:
            told = f"{before}guards run"
        else:
            told = f"{before}guards to come"
        return _Second(status, "; ".join(part for part in (why, told) if part), False, figures, crown)


def _word_of_searches(searches: list[Seen]) -> str:
    """Of one search how it ended or where it stands; of several how many have ended."""
    ended = [job for job in searches if job.status != "queued"]
    if len(ended) < len(searches):
        state = "runs" if any(job.is_running for job in searches) else "waits"
        return state if len(searches) == 1 else f"{len(ended)} of {len(searches)} done"
    if any(job.status == "done" for job in ended):
        return "PASS"
    return {"failed": "FAIL", "quarantined": "QUARANTINE", "skipped": "SKIPPED"}[ended[-1].status]


def _script(crown: Seen | None) -> str | None:
    """What the crowning left for TradingView; what became of it since is the champion's to tell."""
    return crown.figures.get("pine") if crown is not None and crown.status == "done" else None


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
