"""What a search has found so far: its trials as lines through the parameters, the best over time, and the ledger.

Reads the book of trials, the prescreen's list in ``results`` and the trial ledger; changes nothing. A drawing holds two
thousand lines at most: the best of all, and of the rest every so many, so that the shape stays what it is.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.query import Picture
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import LedgerName, TrialLedgers
from swarmd.supervisor.dashboard.trial_book import TrialBook

Row = dict[str, Any]

_LINES = 2_000
_BEST = 400
_BEST_POINTS = 400
_SEARCHES = ("refine", "reoptimize", "validate")
_FILE_BYTES = 64 << 20


def study_rows(home: Home, picture: Picture, book: TrialBook, jobs: Sequence[Row]) -> list[Row]:
    """Every search of the newest campaign that has something to show, the ones that run first."""
    runs = runs_by_job(picture, book)
    campaign = picture.campaign
    found = []
    for job in jobs:
        if campaign is None or job["campaign"] != campaign["id"]:
            continue
        trials = book.count(runs.get(job["id"], ()))
        is_listed = job["phase"] == "prescreen" and job["status"] == "done"
        if (trials and job["phase"] in _SEARCHES) or is_listed:
            best = None if is_listed else _best(book, runs[job["id"]])
            found.append(
                {name: job[name] for name in ("id", "symbol", "mode", "phase", "status")}
                | {"trials": trials or None, "best": best}
            )
    return sorted(found, key=lambda row: row["status"] != "running")


def runs_by_job(picture: Picture, book: TrialBook) -> dict[str, list[str]]:
    """The runs of each job, the first attempt first; a run that the journal has forgotten still names its job."""
    found: dict[str, list[tuple[int, str]]] = {}
    for run in book.runs():
        job, _, attempt = run.rpartition("-a")
        row = picture.get("run", run)
        found.setdefault(row["job"] if row else job, []).append((int(attempt) if attempt.isdigit() else 0, run))
    return {job: [run for _, run in sorted(runs)] for job, runs in found.items()}


def _best(book: TrialBook, runs: Sequence[str]) -> float | None:
    scores = [score for _, score, counts, _, _ in book.scores(runs) if counts and not math.isnan(score)]
    return max(scores, default=None)


def study_document(home: Home, picture: Picture, book: TrialBook, job: Row) -> Row:
    """One search: axes, lines, and the best so far. Raises OperatorError where there is nothing of it."""
    if job["phase"] == "prescreen":
        return _prescreen(home, job)
    runs = runs_by_job(picture, book).get(job["id"], [])
    scores = book.scores(runs)
    if not scores:
        raise OperatorError(f"no trial of {job['id']} is on disk (yet)")
    chosen = _chosen([(score, counts) for _, score, counts, _, _ in scores])
    rows = book.rows((scores[place][3], scores[place][4]) for place in chosen)
    return {
        "job": job["id"],
        "total": len(scores),
        "shown": len(rows),
        "parameters": axes([row["params"] for row in rows]),
        "trials": [
            {
                "number": row["number"],
                "params": row["params"],
                "score": row.get("score"),
                "valid": bool(row.get("valid", True)),
                "origin": row.get("origin", ""),
                "annual_sharpe": (row.get("metrics") or {}).get("annual_sharpe"),
                "max_drawdown": (row.get("metrics") or {}).get("max_drawdown"),
                "total_trades": (row.get("metrics") or {}).get("total_trades"),
            }
            for row in rows
        ],
        "best_so_far": best_so_far([(number, score) for number, score, counts, _, _ in scores if counts]),
    }


def _prescreen(home: Home, job: Row) -> Row:
    path = home.inside(home.results_of(job["campaign"], job["symbol"], job["mode"]) / "phase0_top500.json")
    document = read_json(path)
    top = document.get("top", [])
    return {
        "job": job["id"],
        "total": document.get("tried", len(top)),
        "shown": len(top),
        "valid": document.get("valid"),
        "parameters": axes([row["params"] for row in top]),
        "trials": [
            {
                "number": row["rank"],
                "params": row["params"],
                "score": row["score"],
                "valid": True,
                "origin": "prescreen",
                "annual_sharpe": row.get("metrics", {}).get("annual_sharpe"),
                "max_drawdown": row.get("metrics", {}).get("max_drawdown"),
                "total_trades": row.get("metrics", {}).get("total_trades"),
            }
            for row in top
        ],
        "best_so_far": [],
    }


def read_json(path: Any) -> Row:
    """A document of the home. Raises OperatorError where it is not there, too long to show, or no document."""
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise OperatorError(f"{path.name} has more than {_FILE_BYTES >> 20} MiB; look at it on the machine itself")
        document = orjson.loads(path.read_bytes())
    except OSError:
        raise OperatorError(f"{path.name} is not there (yet)") from None
    except ValueError:
        raise OperatorError(f"{path.name} is no JSON document; it may be damaged") from None
    if not isinstance(document, dict):
        raise OperatorError(f"{path.name} is no JSON object; it may be damaged")
    return document


def _chosen(scores: Sequence[tuple[float, bool]]) -> list[int]:
    """Places of the best, and of every so manieth of the rest, in the order of the search."""
    if len(scores) <= _LINES:
        return [*range(len(scores))]
    ranked = sorted(
        range(len(scores)),
        key=lambda place: scores[place][0] if scores[place][1] and not math.isnan(scores[place][0]) else -math.inf,
        reverse=True,
    )
    best, rest = ranked[:_BEST], sorted(ranked[_BEST:])
    step = math.ceil(len(rest) / (_LINES - _BEST))
    return sorted([*best, *rest[::step]])


def axes(vectors: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One axis a parameter: its range as met, or its words."""
    names = list(dict.fromkeys(name for vector in vectors for name in vector))
    found = []
    for name in names:
        values = [vector[name] for vector in vectors if vector.get(name) is not None]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            found.append({"name": name, "low": min(values, default=0), "high": max(values, default=1), "words": None})
        else:
            words = sorted({str(value) for value in values})
            found.append({"name": name, "low": 0, "high": max(1, len(words) - 1), "words": words})
    return found


def best_so_far(scores: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """(number, best score up to there) at each step up, and at the end."""
    found: list[tuple[int, float]] = []
    best = -math.inf
    for number, score in scores:
        if not math.isnan(score) and score > best:
            best = score
            found.append((number, score))
    if found and scores[-1][0] != found[-1][0]:
        found.append((scores[-1][0], best))
    return found[-_BEST_POINTS:]


def ledger_rows(home: Home) -> list[Row]:
    """How many vectors were ever tried on each asset with each family; a broken chain says so in its row."""
    # A person waits for the page: a server that is away is told of and not waited for.
    with opened(home, give_up_after_s=0.0) as kept:
        return [_ledger_row(TrialLedgers(kept), name) for name in TrialLedgers(kept).names()]


def _ledger_row(ledgers: TrialLedgers, name: LedgerName) -> Row:
    row: Row = {"symbol": name.symbol, "family": name.family, "tried": None, "batches": None, "looks": None}
    try:
        entries = ledgers.read(name)
    except (OperatorError, OutsideError) as flaw:
        return row | {"trouble": str(flaw)}
    return row | {
        "tried": sum(entry.batch.count for entry in entries),
        "batches": len(entries),
        "looks": sum(entry.batch.is_look for entry in entries),
        "last": entries[-1].at if entries else None,
        "trouble": "",
    }
