"""A champion's file: its model, its checksum, and the one safe way to put another in its place.

Written by the crown phase, read by the loader, the commands and whatever trades. The file on disk is whole at any
instant, and the one before it lies in `backup/`.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.record import Shape
from swarmd.state.store.files import atomic_write

SCHEMA = "swarmd.champion/1"
BACKUP = "backup"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class ChampionFile(Shape):
    """`tried` counts every evaluation behind it, all phases; `certificate` names the file of its gates, in the home."""

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
    checksum: str = ""

    def sealed(self) -> "ChampionFile":
        """The same with the checksum of its content."""
        return self.model_copy(update={"checksum": checksum_of(self.document())})

    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def says_the_same(self, other: "ChampionFile") -> bool:
        """Whether both claim the same, whenever and by whichever run they were written."""
        passing = {"created_at": "", "run_id": "", "checksum": ""}
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
    niche = f"{champion.symbol}_{champion.timeframe}"
    if niche != path.stem:
        raise OperatorError(
            f"{path}: it is the champion of {niche}; move it to {niche}.json, or put the right one here"
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
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise OutsideError(f"cannot read {path}: {cause.strerror}") from cause
    return champion_of_file(content, path)


def write_champion(path: Path, challenger: ChampionFile) -> ChampionFile:
    """Put the challenger in force; what was there goes to `backup/` first. Gives back what now lies there, sealed.

    The caller has compared the two: this writes what it is given.
    """
    sealed = challenger.sealed()
    if path.is_file():
        old = path.read_bytes()
        # Named by its content: backing the same file up twice, after a crash, gives one backup.
        digest = hashlib.sha256(old).hexdigest()[:12]
        atomic_write(path.parent / BACKUP / f"{path.stem}_{digest}.json", old, sync=True)
    content = json.dumps(sealed.document(), indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    atomic_write(path, content, sync=True)
    return sealed
