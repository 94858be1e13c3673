"""One champion, from its own file, its certificate and what lies beside them: the Champion page's document.

Files are read, never imported from the engine, and only below the home: a path out of a document is checked like any
other. What is missing is said on the page; it is no error.
"""

import csv
import math
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.query import Facts, Picture, champion_rows
from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.studies import read_json

Row = dict[str, Any]

_TRADES_MAX = 200_000
_FIGURES = (
    "verdict", "crown_on", "evidence", "strict", "surrogates", "walk_forward", "looks_at_the_vault", "tried", "costs",
    "curves", "stress", "second_opinion", "sensitivity", "neighbourhood", "development", "vault", "reproduce",
    "data_snapshot_id", "code_version", "git_sha",
)  # fmt: skip


def niche_document(home: Home, picture: Picture, facts: Facts, id: str) -> Row:
    """Raises OperatorError where no champion is called that."""
    row = next((row for row in champion_rows(picture, facts) if row["id"] == id), None)
    if row is None:
        there = ", ".join(champion["id"] for champion in picture.rows("champion")) or "none yet"
        raise OperatorError(f"there is no champion {id!r}; there are: {there}")
    missing: list[str] = []
    file = _read(home, row["path"], missing)
    certificate = _read(home, file.get("certificate", ""), missing) if file.get("certificate") else {}
    folder = _folder(home, file.get("certificate", ""))
    return {
        "champion": row,
        "parameters": file.get("parameters", {}),
        "metrics": file.get("metrics", {}),
        "file": {name: file.get(name) for name in ("created_at", "run_id", "trial_id", "tried", "score", "checksum")},
        "certificate": {name: certificate[name] for name in _FIGURES if name in certificate},
        "has_fills": bool(_trade_files(folder, file.get("trial_id"))),
        "pine": _pine(home, id),
        "missing": missing,
    }


def fills(home: Home, picture: Picture, id: str) -> list[Row]:
    """The trades in the order of time: on the development bars and in the vault, as far as they were kept."""
    row = picture.get("champion", id)
    if row is None:
        raise OperatorError(f"there is no champion {id!r}")
    file = _read(home, row["path"], [])
    found = []
    for path in _trade_files(_folder(home, file.get("certificate", "")), file.get("trial_id")):
        with path.open(newline="") as lines:
            found += [_trade(line) for _, line in zip(range(_TRADES_MAX), csv.DictReader(lines), strict=False)]
    return found


def _trade(line: dict[str, str]) -> Row:
    numbers = {name: float(line[name]) for name in ("entry_price", "exit_price", "pnl", "return")}
    words = {name: line[name] for name in ("trade", "entry_time", "exit_time", "side", "exit_reason")}
    return words | {name: value if math.isfinite(value) else None for name, value in numbers.items()}


def _read(home: Home, name: str, missing: list[str]) -> Row:
    try:
        return read_json(home.inside(name))
    except OperatorError as flaw:
        missing.append(str(flaw))
        return {}


def _folder(home: Home, certificate: str) -> Path | None:
    """Where the search of a champion lies: beside its certificate."""
    try:
        return home.inside(certificate).parent if certificate else None
    except OperatorError:
        return None


def _trade_files(folder: Path | None, trial: Any) -> list[Path]:
    """What the judgement and the report have left; of older results the development trades at most."""
    if folder is None:
        return []
    development, vault = folder / "development_trades.csv", folder / "vault_trades.csv"
    searched = development if development.is_file() else _searched_trades(folder, trial)
    return [path for path in (searched, vault) if path is not None and path.is_file()]


def _searched_trades(folder: Path, trial: Any) -> Path | None:
    """One of the four shown vectors may be the champion itself; then its trades were kept by the search."""
    if not isinstance(trial, int):
        return None
    for config in sorted(folder.glob("*/config.json")):
        try:
            is_it = read_json(config).get("trial") == trial
        except OperatorError:
            continue
        if is_it and (trades := config.parent / "trades.csv").is_file():
            return trades
    return None


def _pine(home: Home, id: str) -> Row | None:
    """The exported script and the figures of its parity run, where there are any; the id is one of the picture's."""
    script = home.exports / "pine" / f"{id}.pine"
    if "/" in id or not script.is_file():
        return None
    parity: Row = {}
    for candidate in (script.with_suffix(".parity.json"), script.with_suffix(".json")):
        if candidate.is_file():
            parity = _read(home, home.relative(candidate), [])
            break
    return {"script": home.relative(script), "parity": parity or None}
