"""What came of an experiment, read from its trial files alone: it may be running, broken off, or from last year.

Called by `swarmd summarize`. Counts what each trial was told last; a file that cannot be read is named with the reason
and counted as that, never passed over.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmd.engine.experiments.results import META_FILE, META_SCHEMA, SUMMARY_FILE, TRIALS, WALK_FORWARD_FILE
from swarmd.engine.experiments.trial import trial_document

_STATUSES = ("valid", "skipped", "failed")
_TOLD = ("number", "origin", "score", "params", "metrics")


def is_experiment(folder: Path) -> bool:
    """Whether the folder, or one that it lies in, is an experiment's."""
    for place in (folder.absolute(), *folder.absolute().parents[:4]):
        meta = _document(place / META_FILE)
        if meta.get("schema") == META_SCHEMA:
            return meta.get("kind") == "experiment"
    return False


def experiment_summary(folder: Path) -> dict[str, Any]:
    """Searches (a symbol's, or a window's) with their counts; `trials` are all valid ones, the best first."""
    searches: list[dict[str, Any]] = []
    valid: list[dict[str, Any]] = []
    unreadable: list[dict[str, str]] = []
    causes: dict[str, int] = {}
    for place in sorted((path.parent for path in folder.rglob(TRIALS) if path.is_dir()), key=_by_number):
        told: list[Mapping[str, Any]] = []
        for path in sorted((place / TRIALS).glob("trial_*.json"), key=lambda path: (len(path.name), path.name)):
            try:
                told.append(trial_document(path))
            except ValueError as refusal:
                unreadable.append({"file": str(path), "problem": str(refusal)})
        if not told:
            continue
        about = {key: told[0].get(key) for key in ("symbol", "strategy", "mode", "window") if key in told[0]}
        mine = [{**about, **{key: trial[key] for key in _TOLD}} for trial in told if trial["status"] == "valid"]
        valid += mine
        for trial in told:
            if trial["cause"] is not None:
                causes[trial["cause"]] = causes.get(trial["cause"], 0) + 1
        searches.append(
            {
                **about,
                "trials": len(told),
                **{status: sum(trial["status"] == status for trial in told) for status in _STATUSES},
                "best_score": max((trial["score"] for trial in mine), default=None),
                "seconds": round(sum(trial["seconds"] for trial in told), 3),
            }
        )
    valid.sort(key=lambda trial: (-trial["score"], str(trial["symbol"]), trial.get("window", 0), trial["number"]))
    totals = {key: sum(search[key] for search in searches) for key in ("trials", *_STATUSES)}
    return {
        "kind": "experiment",
        "status": _document(folder / SUMMARY_FILE).get("status"),
        "totals": {**totals, "unreadable": len(unreadable), "failed_by": dict(sorted(causes.items()))},
        "unreadable": unreadable,
        "assets": searches,
        "walk_forward": _walked(folder),
        "trials": valid,
    }


def _walked(folder: Path) -> list[dict[str, Any]]:
    """What each walk forward came to outside, without its windows."""
    found = []
    for path in sorted(folder.rglob(WALK_FORWARD_FILE)):
        document = _document(path)
        if document:
            found.append({key: value for key, value in document.items() if key not in ("schema", "windows")})
    return found


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _by_number(place: Path) -> tuple[str, int, str]:
    """`window_10` after `window_9`."""
    number = place.name.rpartition("_")[2]
    return str(place.parent), int(number) if number.isdigit() else -1, place.name
