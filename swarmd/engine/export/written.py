"""Exports as files of a home: script, parity and alert templates of a champion, and the plan of a campaign.

Called by the crown phase and by `swarmd export`. Texts are made elsewhere; here they are put in their place, each whole
or not at all. A parity file speaks of one script: with another script it begins anew as not executed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.champions.champion import ChampionFile, read_champion
from swarmd.engine.champions.niche import alone_with
from swarmd.engine.export.alerts import alert_templates
from swarmd.engine.export.parity_run import HOW
from swarmd.engine.export.pine import Terms, body_digest, pine_script
from swarmd.engine.export.plan import PLAN_FILE, passed_all, plan_csv, plan_row
from swarmd.engine.kernel.costs import Costs
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.tracker_parity import SCHEMA as PARITY_SCHEMA
from swarmd.state.tracker_parity import parity_in_short


@dataclass(frozen=True, slots=True)
class WrittenScript:
    """Where a champion's script lies, the SHA-256 of its body, and what its parity file says."""

    path: Path
    text: str
    sha256: str
    parity_path: Path
    parity: Mapping[str, Any]

    @property
    def told(self) -> str:
        """As tables tell it."""
        return parity_in_short(self.parity, self.parity["checksum"])


def pine_folder(home: Home) -> Path:
    return home.exports / "pine"


def alerts_folder(home: Home) -> Path:
    return home.exports / "alerts"


def terms_of_certificate(document: Mapping[str, Any]) -> Terms:
    """Costs and period of a document that crowned; ValueError where it tells none."""
    try:
        return Terms(
            Costs(float(document["costs"]["fee_bps"]), float(document["costs"]["slippage_bps"])),
            int(document["development"]["first_open_ms"]),
            int(document["vault"]["last_open_ms"]),
        )
    except (KeyError, TypeError) as missing:
        raise ValueError(f"its certificate tells no costs and period ({type(missing).__name__} {missing})") from missing


def write_script(champion: ChampionFile, terms: Terms, folder: Path) -> WrittenScript:
    """`<SYMBOL>_<timeframe>.pine` and its parity file. The same champion leaves the same bytes.

    Raises
    ------
    ValueError
        `NoPineForm` where Pine cannot express it.
    OutsideError
        If the folder cannot be written.
    """
    text = pine_script(champion, terms)
    digest = body_digest(text)
    path = folder / f"{champion.niche}.pine"
    parity_path = path.with_suffix(".parity.json")
    atomic_write(path, text.encode())
    parity = read_parity(parity_path)
    if parity is None or (parity.get("checksum"), parity.get("script_sha256")) != (champion.checksum, digest):
        parity = parity_head(champion, digest) | {"executed": False, "how": HOW}
        write_json(parity_path, parity)
    return WrittenScript(path, text, digest, parity_path, parity)


def parity_head(champion: ChampionFile, digest: str) -> dict[str, Any]:
    """Of which script and champion a parity file speaks."""
    return {
        "schema": PARITY_SCHEMA,
        "niche": champion.niche,
        "checksum": champion.checksum,
        "script": f"{champion.niche}.pine",
        "script_sha256": digest,
    }


def read_parity(path: Path) -> dict[str, Any] | None:
    """What lies there; None for nothing and for what is no parity file."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and document.get("schema") == PARITY_SCHEMA else None


def write_alerts(champion: ChampionFile, terms: Terms, folder: Path) -> Path:
    """`<SYMBOL>_<timeframe>.json`; only of a champion that has a script, since it is the script that alerts."""
    path = folder / f"{champion.niche}.json"
    digest = body_digest(pine_script(champion, terms))
    write_json(path, alert_templates(champion, script=f"{champion.niche}.pine", script_sha256=digest))
    return path


def remove_exports(niche: str, home: Home) -> None:
    """Of a niche whose champion has no script: those of the one before must not be taken for its own."""
    for path in (
        pine_folder(home) / f"{niche}.pine",
        pine_folder(home) / f"{niche}.parity.json",
        alerts_folder(home) / f"{niche}.json",
    ):
        try:
            path.unlink(missing_ok=True)
        except OSError as cause:
            raise OutsideError(f"cannot remove {path}: {cause.strerror}") from cause


def write_plan(campaign: str, home: Home, folder: Path | None = None) -> tuple[Path, int]:
    """The campaign's plan as its champions stand now, in its results or in that folder, and how many rows it has; one
    writer at a time."""
    path = (folder or home.results_of(campaign)) / PLAN_FILE
    with alone_with(path):
        rows = [
            row for champion in champions_of(home) if champion.campaign == campaign for row in _rows(champion, home)
        ]
        atomic_write(path, plan_csv(rows).encode())
    return path, len(rows)


def champions_of(home: Home) -> list[ChampionFile]:
    """Every champion in force that holds, by niche; a damaged one is `champion list`'s to tell."""
    found = []
    for path in sorted(home.champions.glob("*.json")):
        try:
            champion = read_champion(path)
        except OperatorError:
            continue
        if champion is not None:
            found.append(champion)
    return found


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    atomic_write(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _rows(champion: ChampionFile, home: Home) -> list[dict[str, str]]:
    """None for a champion without a certificate, or whose guards did not all pass."""
    if champion.certificate is None:
        return []
    try:
        certificate = json.loads(home.inside(champion.certificate).read_bytes())
        if not passed_all(certificate):
            return []
        script, alerts = pine_folder(home) / f"{champion.niche}.pine", alerts_folder(home) / f"{champion.niche}.json"
        parity = parity_in_short(read_parity(script.with_suffix(".parity.json")), champion.checksum)
        row = plan_row(
            champion,
            certificate,
            script=home.relative(script) if script.is_file() else None,
            alerts=home.relative(alerts) if alerts.is_file() else None,
            parity=parity,
        )
    except (OperatorError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return [row]
