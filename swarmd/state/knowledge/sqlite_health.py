"""How an SQLite knowledge base stands: counts, size, and whether its pages and its index are whole. Never raises."""

import sqlite3
from pathlib import Path
from typing import Any

from swarmd.state.errors import OutsideError


def health(connection: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """The common fields of ``contract.health``: backend, place, entries, domains, files, links, bytes, problems."""
    found: dict[str, Any] = {"backend": "sqlite", "place": str(path), "bytes": _bytes(path), "problems": []}
    try:
        found |= _counts(connection)
        found["problems"] = [*_unsound(connection), *_open_to_others(path)]
    except (sqlite3.Error, OutsideError) as cause:
        found["problems"] = [f"{path} cannot be read ({cause}); move it away, with its -wal and -shm, and ingest again"]
    return found


def _counts(connection: sqlite3.Connection) -> dict[str, Any]:
    kinds: dict[str, dict[str, int]] = {}
    asked = "SELECT domain, kind, count(*) FROM entry GROUP BY domain, kind ORDER BY domain, kind"
    for domain, kind, n in connection.execute(asked):
        kinds.setdefault(domain, {})[kind] = n
    return {
        "entries": sum(n for of in kinds.values() for n in of.values()),
        "domains": kinds,
        "files": connection.execute("SELECT count(*) FROM file").fetchone()[0],
        "links": connection.execute("SELECT count(*) FROM link").fetchone()[0],
    }


def _unsound(connection: sqlite3.Connection) -> list[str]:
    problems = [
        f"a page is damaged: {said}; move the file away and ingest again"
        for (said,) in connection.execute("PRAGMA quick_check(3)")
        if said != "ok"
    ]
    entries, indexed = (
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("entry", "words_docsize")
    )
    if entries != indexed:
        problems.append(f"{entries} entries, and {indexed} in the index; move the file away and ingest again")
    return problems


def _open_to_others(path: Path) -> list[str]:
    others = path.stat().st_mode & 0o077
    return [f"others may read {path}; close it with `chmod 600 {path}`"] if others else []


def _bytes(path: Path) -> int:
    total = 0
    for suffix in ("", "-wal", "-shm"):
        try:
            total += path.with_name(path.name + suffix).stat().st_size
        except OSError:
            continue
    return total
