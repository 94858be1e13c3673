"""How the knowledge of a home stands: what is ready, what is stale, what cannot be reached, and what to do about each.

Looks at the store and at the documents' dates; changes nothing, reads no document. Used by `swarmd knowledge health`.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.entry import FileMark
from swarmd.state.knowledge.meaning.embedder import ADVICE, model_digest, model_folder, why_not
from swarmd.state.knowledge.opening import VARIABLE, address, database_path, open_at, place_of, url_path
from swarmd.state.store.files import Home

_NAMED = 20


@dataclass(slots=True)
class Finding:
    """``what`` is wrong and what to ``do``; ``kind`` is store, stale, unreachable or meaning."""

    kind: str
    what: str
    do: str


@dataclass(slots=True)
class Health:
    """``is_ready`` says whether it can be searched at all; findings of stale documents leave it so."""

    is_ready: bool
    store: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    stale: list[dict[str, str]] = field(default_factory=list)
    n_stale: int = 0
    meaning: dict[str, Any] = field(default_factory=lambda: {"state": "off"})

    def document(self) -> dict[str, Any]:
        return {
            "ready": self.is_ready,
            **self.store,
            "meaning": self.meaning,
            "stale": {"count": self.n_stale, "files": self.stale},
            "findings": [{"kind": one.kind, "what": one.what, "do": one.do} for one in self.findings],
        }


def health(home: Home) -> Health:
    """Never raises for what it looks at: an unreachable store is a finding. OperatorError for wrong settings."""
    url = address(home)
    place = place_of(url, home)
    if url is None and not database_path(home).exists():
        missing = Finding("store", f"{place} is not there: nothing is known yet", "swarmd knowledge ingest docs")
        return Health(False, {"backend": "sqlite", "place": place, "entries": 0}, [missing])
    try:
        with open_at(home, url) as base:
            store = base.health()
            found = Health("entries" in store, store)
            found.findings += [Finding("store", *_apart(problem)) for problem in store.pop("problems")]
            if found.is_ready:
                _stale(found, base)
                _meaning(found, base)
    except (OutsideError, OperatorError) as cause:
        backend = "sqlite" if url is None else "postgres"
        found = Health(False, {"backend": backend, "place": place, "entries": 0})
        found.findings.append(Finding("unreachable", *_apart(str(cause))))
    if url is not None and not os.environ.get(VARIABLE) and url_path(home).stat().st_mode & 0o077:
        path = url_path(home)
        found.findings.append(Finding("store", f"others may read {path}, which holds a password", f"chmod 600 {path}"))
    return found


def _apart(message: str) -> tuple[str, str]:
    """Our messages say what is wrong, a semicolon, and what to do."""
    what, _, do = message.partition("; ")
    return what, do or "swarmd knowledge health"


def _stale(found: Health, base: KnowledgeBase) -> None:
    roots: dict[str, dict[str, list[FileMark]]] = {}
    for mark in base.known_files().values():
        why = _why_stale(mark)
        if why:
            roots.setdefault(mark.root, {}).setdefault(why, []).append(mark)
    for root, reasons in sorted(roots.items()):
        if not Path(root).is_dir():
            n = sum(map(len, reasons.values()))
            what = f"{root} is gone, and with it {n} documents that are still told"
            found.findings.append(
                Finding("unreachable", what, f"bring it back, or swarmd knowledge remove --under {root}")
            )
            continue
        told = ", ".join(f"{len(marks)} {why}" for why, marks in sorted(reasons.items()))
        found.findings.append(Finding("stale", f"documents of {root}: {told}", f"swarmd knowledge ingest {root}"))
    for reasons in roots.values():
        for why, marks in reasons.items():
            found.n_stale += len(marks)
            found.stale += [{"path": mark.path, "why": why} for mark in marks[: max(_NAMED - len(found.stale), 0)]]


def _why_stale(mark: FileMark) -> str:
    try:
        there = Path(mark.path).lstat()
    except FileNotFoundError:
        return "gone"
    except (OSError, ValueError):
        return "out of reach"
    return "" if (there.st_size, there.st_mtime_ns) == (mark.size, mark.mtime_ns) else "changed"


def _meaning(found: Health, base: KnowledgeBase) -> None:
    """Search by meaning: off, ready, stale, or impossible on this machine; off is nobody's fault and no finding."""
    reason = why_not()
    with base.vectors() as vectors:
        model = vectors.model()
        n, missing = vectors.count(model.digest) if model is not None else (0, 0)
    if model is None:
        found.meaning = {"state": "off" if reason is None else "not installed", "do": "swarmd knowledge embed"}
        found.meaning["do"] = found.meaning["do"] if reason is None else ADVICE
        return
    found.meaning = {"state": "ready", "model": model.name, "vectors": n, "missing": missing, "do": ""}
    folder = model_folder() if reason is None else None
    if folder is None:
        state, what, do = "not installed", f"{n:,} entries are embedded, and {reason}", ADVICE
    elif (digest := model_digest(folder)) != model.digest:
        what, do = f"the vectors are of the model {model.digest}, this machine has {digest}", "swarmd knowledge embed"
        state = "stale"
    elif missing:
        state, what, do = "stale", f"{missing:,} entries have no vector yet", "swarmd knowledge embed"
    else:
        return
    found.meaning |= {"state": state, "do": do}
    found.findings.append(Finding("meaning", what, do))
