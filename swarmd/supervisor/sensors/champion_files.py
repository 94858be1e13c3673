"""A champion's file and the lines of `changes.jsonl`, read as a stranger would: plain JSON, schema and checksum.

Pure: bytes in, values out. The engine's own model knows more of a file than is asked here; a test holds both to the
same checksums and claims.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SCHEMA = "swarmd.champion/1"
_KINDS = frozenset({"crowned", "manual", "rollback", "dethroned"})
# How a champion came to lie there; all the rest is what it claims.
_PASSING = ("created_at", "run_id", "origin", "note", "checksum")


@dataclass(frozen=True, slots=True)
class ChampionDocument:
    """A whole champion: its fields, and the digest of what it claims, whoever put it there and when."""

    fields: Mapping[str, Any]
    claim: str


@dataclass(frozen=True, slots=True)
class Line:
    """One change; ``after`` is None where the niche is empty behind it. The evidence is a dethroning's."""

    niche: str
    change: str
    after: str | None
    claim: str
    reason: str
    e_value: float | None
    days: int


def document_of(content: bytes, niche: str) -> ChampionDocument:
    """The champion of that niche. ValueError, with why, where the content is no whole one."""
    try:
        told = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as flaw:
        raise ValueError(f"it is not JSON ({flaw})") from flaw
    if not isinstance(told, dict) or told.get("schema") != _SCHEMA:
        raise ValueError(f"its schema is not {_SCHEMA}")
    wanted = _digest(told, ("checksum",))
    if told.get("checksum") != wanted:
        said = str(told.get("checksum"))[:12]
        raise ValueError(f"checksum {said} but its content has {wanted[:12]}: it was changed by hand or damaged")
    if f"{told.get('symbol')}_{told.get('timeframe')}" != niche:
        raise ValueError(f"it is the champion of {told.get('symbol')}_{told.get('timeframe')}")
    return ChampionDocument(told, _digest(told, _PASSING))


def parity_of(content: bytes) -> Mapping[str, Any] | None:
    """What a parity file beside a script says; None for what is no JSON object."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def lines_of(content: bytes) -> dict[str, tuple[Line, ...]]:
    """The changes by niche, the oldest first; a torn last line is none yet, one that cannot be read is passed over."""
    found: dict[str, list[Line]] = {}
    for told in content[: content.rfind(b"\n") + 1].splitlines():
        if (line := _line(told)) is not None:
            found.setdefault(line.niche, []).append(line)
    return {niche: tuple(lines) for niche, lines in found.items()}


def _line(content: bytes) -> Line | None:
    try:
        told = json.loads(content)
        evidence = told.get("evidence") or {}
        e_value, days = evidence.get("e"), evidence.get("n_days")
        line = Line(
            niche=told["niche"],
            change=told["change"],
            after=told["after"],
            claim=told["claim"],
            reason=told["reason"],
            e_value=float(e_value) if isinstance(e_value, int | float) else None,
            days=days if isinstance(days, int) else 0,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (line.niche, line.claim, line.reason)
    is_whole = line.change in _KINDS and all(isinstance(text, str) for text in texts)
    return line if is_whole and (line.after is None or isinstance(line.after, str)) else None


def _digest(told: Mapping[str, Any], without: tuple[str, ...]) -> str:
    content = {name: value for name, value in told.items() if name not in without}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
