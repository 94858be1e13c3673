"""The champions as their files say: in force, dethroned, taken away, changed by hand; and what their scripts were found
to be. Files to records, once a cycle.

A file is read again only when its inode, time or size have changed. Supervisor and engine are strangers, so it is plain
JSON that is read here, held against its schema and checksum as any stranger would. What does not hold is believed at
the second look a while later: an editor may be in the middle of writing.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from swarmd.state.records.champion import Champion, ChampionStatus
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home
from swarmd.state.store.published import Written
from swarmd.state.tracker_parity import parity_in_short
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.sensors.champion_files import ChampionDocument, Line, document_of, lines_of, parity_of

_CHANGES = "changes.jsonl"
_PARITY = ".parity.json"
# How long what does not hold, or is not there, must have been so before it is believed.
_SETTLES: Millis = SECOND
# A champion's file has some thousand bytes; no cycle waits for what somebody put there by mistake.
_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class _Seen:
    """What lay there at one look: ``document`` is None where it does not hold, and ``damage`` says why."""

    written: Written | None
    since: Millis
    document: ChampionDocument | None
    damage: str = ""


@dataclass(slots=True)
class ChampionWatch:
    """What was read, by niche, and the last line about each; made anew with each daemon, which then reads all once."""

    _seen: dict[str, _Seen] = field(default_factory=dict)
    _changes: Written | None = None
    _lines: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    _parities: dict[str, tuple[Written, Mapping[str, Any] | None]] = field(default_factory=dict)
    # What was compared last and found to be told already: the same four need not be compared again.
    _told: dict[str, tuple[Champion, _Seen, tuple[Line, ...], Mapping[str, Any] | None]] = field(default_factory=dict)

    def observe(self, view: View, home: Home, *, now: Millis) -> list[Record]:
        """A record for each niche that stands otherwise than the View has it."""
        files = _files(home.champions)
        self._read_changes(home.champions, files.pop(_CHANGES, None))
        self._read_parities(home.exports / "pine")
        found: list[Record] = []
        for niche in dict.fromkeys([*view.champions, *(name.removesuffix(".json") for name in files)]):
            seen, lines = self._look(home.champions, niche, files.get(f"{niche}.json"), now), self._lines.get(niche, ())
            known, told = view.champions.get(niche), self._told.get(niche)
            _, parity = self._parities.get(niche, (None, None))
            if told is not None and (told[0] is known and told[1] is seen and told[2] is lines and told[3] is parity):
                continue
            stands = _stands(view, niche, seen, lines, parity, now)
            if stands is not None and stands != known:
                found.append(stands)
            elif known is not None and (seen.document is not None or now - seen.since >= _SETTLES):
                self._told[niche] = (known, seen, lines, parity)
        return found

    def _look(self, folder: Path, niche: str, there: os.stat_result | None, now: Millis) -> _Seen:
        written = None if there is None else Written.of(there)
        known = self._seen.get(niche)
        if known is None or known.written != written:
            document, damage = (None, "") if there is None else _read(folder / f"{niche}.json", there)
            known = self._seen[niche] = _Seen(written, now, document, damage)
        return known

    def _read_parities(self, folder: Path) -> None:
        """Those of the scripts in the home; one is read again when it has changed, and forgotten when it is gone."""
        there = {name.removesuffix(_PARITY): stat for name, stat in _files(folder).items() if name.endswith(_PARITY)}
        self._parities = {niche: known for niche, known in self._parities.items() if niche in there}
        for niche, now_there in there.items():
            written, known = Written.of(now_there), self._parities.get(niche)
            if known is None or known[0] != written:
                self._parities[niche] = (written, _read_parity(folder / f"{niche}{_PARITY}", now_there))

    def _read_changes(self, folder: Path, there: os.stat_result | None) -> None:
        written = None if there is None else Written.of(there)
        if written == self._changes:
            return
        try:
            self._lines = lines_of((folder / _CHANGES).read_bytes())
        except FileNotFoundError:
            self._lines = {}
        except OSError:
            return
        self._changes = written


def _files(folder: Path) -> dict[str, os.stat_result]:
    """By name; what is being written beside them begins with a dot."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == _CHANGES or (entry.name.endswith(".json") and not entry.name.startswith(".")):
                    try:
                        found[entry.name] = entry.stat()
                    except FileNotFoundError:
                        continue
    except OSError:
        return {}
    return dict(sorted(found.items()))


def _read(path: Path, there: os.stat_result) -> tuple[ChampionDocument | None, str]:
    if not stat.S_ISREG(there.st_mode):
        return None, "no file but something else lies there"
    if there.st_size > _BYTES_MAX:
        return None, f"it has {there.st_size} bytes, and no champion has more than {_BYTES_MAX}"
    try:
        return document_of(path.read_bytes(), path.stem), ""
    except (OSError, ValueError) as flaw:
        return None, str(flaw)


def _read_parity(path: Path, there: os.stat_result) -> Mapping[str, Any] | None:
    if not stat.S_ISREG(there.st_mode) or there.st_size > _BYTES_MAX:
        return None
    try:
        return parity_of(path.read_bytes())
    except OSError:
        return None


def _stands(
    view: View, niche: str, seen: _Seen, lines: tuple[Line, ...], parity: Mapping[str, Any] | None, now: Millis
) -> Champion | None:
    """How the niche stands by what was seen; as the View has it (if it has) while that cannot be told yet."""
    known = view.champions.get(niche)
    last = lines[-1] if lines else None
    if seen.document is not None:
        fallen = _dethroning(lines, seen.document.claim)
        try:
            return _of_document(known, niche, seen.document, fallen, parity, view, now)
        except (ValidationError, KeyError, TypeError, ValueError) as flaw:
            told = " ".join(str(flaw).split())
            return _not_there(known, niche, ChampionStatus.DAMAGED, f"a field is missing or wrong: {told[:200]}", now)
    if seen.written is None and last is not None and last.change == "dethroned" and last.after is None:
        return None if known is None else _fallen(known, last, view, now)
    if now - seen.since < _SETTLES:
        return known
    if seen.written is None:
        note = "its file was taken away, and no line of changes.jsonl says why"
        return None if known is None else _not_there(known, niche, ChampionStatus.GONE, note, now)
    return _not_there(known, niche, ChampionStatus.DAMAGED, seen.damage, now)


def _dethroning(lines: tuple[Line, ...], claim: str) -> Line | None:
    """The last word on this claim, if it is that it was dethroned."""
    own = [line for line in lines if line.claim == claim]
    return own[-1] if own and own[-1].change == "dethroned" else None


def _of_document(
    known: Champion | None,
    niche: str,
    document: ChampionDocument,
    fallen: Line | None,
    parity: Mapping[str, Any] | None,
    view: View,
    now: Millis,
) -> Champion:
    said = document.fields
    origin, note = said.get("origin", "crowned"), str(said.get("note", ""))
    forecast = said["metrics"].get("forecast", {}).get("annual_sharpe")
    is_same = known is not None and known.checksum == said["checksum"]
    fields: dict[str, Any] = {
        "symbol": said["symbol"],
        "timeframe": said["timeframe"],
        "strategy": said["strategy"],
        "mode": said["mode"],
        "score": said["score"],
        "annual_sharpe": said["metrics"].get("development", {}).get("annual_sharpe") or 0.0,
        "oos_annual_sharpe": said["metrics"].get("vault", {}).get("annual_sharpe") or 0.0,
        "tried": said["tried"],
        "campaign": said["campaign"],
        "path": f"champions/{niche}.json",
        "checksum": said["checksum"],
        "status": ChampionStatus.IN_FORCE if fallen is None else ChampionStatus.DETHRONED,
        "origin": origin,
        "note": note if fallen is None else fallen.reason,
        "promise": None if forecast is None else float(forecast),
        "pine": parity_in_short(parity, str(said["checksum"])),
    }
    if known is not None and is_same:
        fields |= {"e_value": known.e_value, "days": known.days, "told_at": known.told_at}
    if fallen is not None:
        fields |= _evidence(fallen, known if is_same else None, now)
    return _dated(known, niche, fields, view, now)


def _fallen(known: Champion, line: Line, view: View, now: Millis) -> Champion:
    """Dethroned, and nobody followed."""
    fields = {name: value for name, value in known if name not in ("id", "at", "caused_by", "since")}
    fields |= {"status": ChampionStatus.DETHRONED, "note": line.reason} | _evidence(line, known, now)
    return _dated(known, known.id, fields, view, now)


def _evidence(line: Line, known: Champion | None, now: Millis) -> dict[str, Any]:
    """What the line says it was dethroned on, if the monitor has not told it already."""
    if line.e_value is None or (known is not None and (known.e_value, known.days) == (line.e_value, line.days)):
        return {}
    return {"e_value": line.e_value, "days": line.days, "told_at": now}


def _not_there(known: Champion | None, niche: str, status: ChampionStatus, note: str, now: Millis) -> Champion:
    """Gone or damaged: the figures are those it was last known by."""
    if known is not None:
        is_new = known.status is not status
        changed = {"status": status, "note": note, "since": now if is_new else known.since}
        return known.model_copy(update={**changed, "at": now} if is_new or known.note != note else {})
    symbol, _, timeframe = niche.rpartition("_")
    return Champion(
        id=niche, at=now, symbol=symbol or niche, timeframe=timeframe, strategy="unknown", mode="", score=0.0,
        annual_sharpe=0.0, oos_annual_sharpe=0.0, tried=0, campaign="", path=f"champions/{niche}.json", checksum="",
        status=status, note=note, since=now,
    )  # fmt: skip


def _dated(known: Champion | None, niche: str, fields: dict[str, Any], view: View, now: Millis) -> Champion:
    """The known record itself where nothing changed; else one of now, with what it follows from."""
    if known is None:
        return Champion(id=niche, at=now, since=now, **fields)
    is_new = (known.checksum, known.status) != (fields["checksum"], fields["status"])
    since = now if is_new else known.since or known.at
    same = Champion(id=niche, at=known.at, caused_by=known.caused_by, since=since, **fields)
    if same == known:
        return known
    cause = _cause(fields["note"], known, view) if is_new else known.caused_by
    return same.model_copy(update={"at": now, "caused_by": cause})


def _cause(note: str, known: Champion, view: View) -> tuple[str, ...]:
    """The monitoring that is under way where the monitor gives the reason; else what was there before."""
    by_monitor = "the monitor: " in note
    under_way = [each.order for each in view.monitorings.values() if each.status == "running"] if by_monitor else []
    return tuple(under_way) or known.caused_by
