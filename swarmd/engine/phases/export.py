"""What is left of a new champion for other programs, right after its crowning: script, alert templates, its plan.

Called by the crown phase. A champion is crowned whether it can be told in Pine or not: what stands against it goes into
the result's own words, and the exports of whoever held the niche before are taken away.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.export.written import (
    alerts_folder,
    pine_folder,
    remove_exports,
    terms_of_certificate,
    write_alerts,
    write_plan,
    write_script,
)
from swarmd.engine.phases.desk import Desk


class Exported(NamedTuple):
    """`pine` is the tracker's word (`-` without a script); `told` ends the headline; files by the names records use."""

    pine: str
    told: str
    artifacts: tuple[str, ...]


NOTHING = Exported("-", "", ())


def leave_exports(champion: ChampionFile, certificate: Mapping[str, Any], desk: Desk) -> Exported:
    """Write them all; what fails costs nobody a crown. Twice for the same champion leaves the same files."""
    try:
        exported = _scripts(champion, certificate, desk)
        write_plan(champion.campaign, desk.home)
    # The champion is on the disk already; whatever is wrong with a script must not make a failure of its crowning.
    except Exception as failure:
        desk.say(f"{champion.niche}: not exported: {failure}; `swarmd export pine` does it again")
        return Exported("-", f"; not exported ({type(failure).__name__}: {failure})", ())
    return exported


def _scripts(champion: ChampionFile, certificate: Mapping[str, Any], desk: Desk) -> Exported:
    try:
        terms = terms_of_certificate(certificate)
        script = write_script(champion, terms, pine_folder(desk.home))
        alerts = write_alerts(champion, terms, alerts_folder(desk.home))
    except ValueError as refusal:
        remove_exports(champion.niche, desk.home)
        return Exported("-", f"; no Pine script: {refusal}", ())
    files = tuple(desk.home.relative(path) for path in (script.path, script.parity_path, alerts))
    return Exported(script.told, "", files)
