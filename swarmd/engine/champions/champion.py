"""A champion's file: its model, its checksum, and the one safe way to put another in its place.

Written by the crown phase and the commands, read by the loader and whatever trades. The file on disk is whole at any
instant, the one before it lies in `backup/`, and `changes.jsonl` says who followed whom before it happens.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from swarmd.engine.champions.changes import Change, append_change
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.record import Shape
from swarmd.state.store.files import atomic_write

SCHEMA = "swarmd.champion/1"
BACKUP = "backup"
Origin = Literal["crowned", "manual", "rollback"]
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# How a champion came to lie there; all the rest is what it claims.
_PASSING = ("created_at", "run_id", "origin", "note", "checksum")


class ChampionFile(Shape):
    """`tried` counts every evaluation behind it, all phases; `certificate` names the file of its gates, in the home.

    `origin` and `note` (why) are written only where a person or the monitor put it in force: the file of one that was
    crowned is as it always was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_: Literal["swarmd.champion/1"] = Field(default="swarmd.champion/1", alias="schema")
    symbol: str
    timeframe: str
    strategy: str
    mode: str
    parameters: dict[str, float | int]
    metrics: dict[str, dict[str, float | int | None]]
    score: float
    created_at: str
    run_id: str
    campaign: str
    trial_id: int
    snapshot_id: str
    data_sha256: str
    git_commit: str | None
    code_version: str
    tried: int
    certificate: str | None
    origin: Origin = "crowned"
    note: str = ""
    checksum: str = ""

    def sealed(self) -> "ChampionFile":
        """The same with the checksum of its content."""
        return self.model_copy(update={"checksum": checksum_of(self.document())})

    def document(self) -> dict[str, Any]:
        told = self.model_dump(mode="json", by_alias=True)
        if self.origin == "crowned" and not self.note:
            del told["origin"], told["note"]
        return told

    @property
    def niche(self) -> str:
        return f"{self.symbol}_{self.timeframe}"

    @property
    def claim(self) -> str:
        """Digest of what it claims: the same for two that differ only in when, by whom and why they were written."""
        return checksum_of({name: value for name, value in self.document().items() if name not in _PASSING})

    def says_the_same(self, other: "ChampionFile") -> bool:
        """Whether both claim the same, whenever and by whichever run they were written."""
        passing = {"created_at": "", "run_id": "", "origin": "crowned", "note": "", "checksum": ""}
        return self.model_copy(update=passing) == other.model_copy(update=passing)


def checksum_of(document: dict[str, Any]) -> str:
    """SHA-256 in hex of the document without its checksum, as JSON with sorted keys, no blanks, UTF-8.

    Python's own `json` and nothing faster: it is what a stranger has at hand to check it with, and others write some
    numbers differently.
    """
    content = {name: value for name, value in document.items() if name != "checksum"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def champion_path(champions: Path, symbol: str, timeframe: str) -> Path:
    """The file of a niche. OperatorError for a symbol or timeframe that would lead elsewhere."""
    for name, value in (("symbol", symbol), ("timeframe", timeframe)):
        if not _PLAIN.fullmatch(value):
            raise OperatorError(f"{name} {value!r} cannot be part of a file's name; use letters, digits, - and _")
    return champions / f"{symbol}_{timeframe}.json"


def champion_of_file(content: bytes, path: Path) -> ChampionFile:
    """The champion that lies at `path`; one of another niche, copied there, is refused like a damaged one."""
    champion = champion_of_bytes(content, where=str(path))
    if champion.niche != path.stem:
        raise OperatorError(
            f"{path}: it is the champion of {champion.niche}; move it to {champion.niche}.json, or put the right one "
            "here"
        )
    return champion


def champion_of_bytes(content: bytes, *, where: str) -> ChampionFile:
    """The champion a file says; OperatorError where schema or checksum do not hold."""
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
        wanted = checksum_of(document) if isinstance(document, dict) else ""
    except (ValueError, RecursionError) as cause:
        raise OperatorError(f"{where}: not JSON ({cause}); restore the last one from {BACKUP}/") from cause
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise OperatorError(f"{where}: its schema is not {SCHEMA}; restore the last one from {BACKUP}/")
    if document.get("checksum") != wanted:
        raise OperatorError(
            f"{where}: checksum {str(document.get('checksum'))[:12]} but its content has {wanted[:12]}, so it was "
            f"changed by hand or damaged; restore the last one from {BACKUP}/"
        )
    try:
        return ChampionFile.model_validate(document)
    except ValidationError as cause:
        first = cause.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise OperatorError(f"{where}: {at}: {first['msg']}; restore the last one from {BACKUP}/") from cause


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def read_champion(path: Path) -> ChampionFile | None:
    """The champion in force, verified; None when the niche is empty."""
    content = content_at(path)
    return None if content is None else champion_of_file(content, path)


def write_champion(
    path: Path,
    challenger: ChampionFile,
    *,
    at: str | None = None,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> ChampionFile:
    """Put the challenger in force; gives back what now lies there, sealed. The very same file again changes nothing.

    The caller has compared the two and holds the niche: this writes what it is given. In this order, each on the disk
    before the next: the line in `changes.jsonl`, the old one in `backup/`, the new one in force.
    """
    sealed = challenger.sealed()
    content, old = content_of(sealed), content_at(path)
    if content == old:
        return sealed
    change = Change(
        at=at or challenger.created_at,
        niche=path.stem,
        change=challenger.origin,
        before=digest_of(old),
        after=digest_of(content),
        claim=challenger.claim,
        reason=reason or challenger.note or f"score {challenger.score:.4f}, by run {challenger.run_id}",
        evidence=dict(evidence or {}),
    )
    append_change(path.parent, change)
    back_up(path, old)
    atomic_write(path, content, sync=True)
    return sealed


def back_up(path: Path, content: bytes | None) -> None:
    """Lay what was in force into `backup/`, whatever it is; named by its content, so that twice gives one backup."""
    if content is not None:
        atomic_write(path.parent / BACKUP / f"{path.stem}_{digest_of(content)}.json", content, sync=True)


def content_of(sealed: ChampionFile) -> bytes:
    """What its file holds."""
    return json.dumps(sealed.document(), indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def content_at(path: Path) -> bytes | None:
    """What lies there, good or bad; None for nothing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise OutsideError(f"cannot read {path}: {cause.strerror}") from cause


def digest_of(content: bytes | None) -> str | None:
    """By which backups and changes name a file's content: the head of its SHA-256."""
    return None if content is None else hashlib.sha256(content).hexdigest()[:12]
