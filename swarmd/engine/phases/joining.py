"""Working on a study that another machine leads: what its leader leaves there for those who join, and what they check.

The order says the question; the data are the joiner's own, and its answer to the same question is compared with the
leader's before the first trial. Passwords are not in the order, and nothing that is read from the study is run.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from pydantic import ValidationError

from swarmd.engine.phases.desk import PREFLIGHT_FILE, Desk
from swarmd.engine.phases.folder import alone_in
from swarmd.engine.phases.preflight import preflight
from swarmd.engine.phases.question import symbol_folder, work_folder
from swarmd.engine.phases.study import Study
from swarmd.engine.search.heartbeats import BeatPresence
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import Phase
from swarmd.state.records.storage import StorageSettings
from swarmd.state.work_order import WorkOrder

# The word on the command line of a worker whose study is led elsewhere.
JOINED = "--joined"
_INVITATION = "invitation"
# The list is handed out through the study: who joins need not have the results it was made of.
_NOT_COMPARED = frozenset({"warm_start"})


@dataclass(frozen=True, slots=True)
class Invitation:
    """A study that is led, and what it takes to work on it."""

    study: str
    digest: str
    order: WorkOrder


def invite(opened: optuna.Study, study: Study, order: WorkOrder) -> None:
    """Leave there what others need to join."""
    told = {"digest": study.digest, "identity": study.identity, "order": order.model_dump(mode="json")}
    opened.set_user_attr(_INVITATION, told)


def invitations(storage: BaseStorage) -> list[Invitation]:
    """All studies there that somebody has led."""
    found = []
    for study in storage.get_all_studies():
        told = study.user_attrs.get(_INVITATION)
        if not isinstance(told, dict):
            continue
        try:
            order = WorkOrder.model_validate(told["order"])
            if not _is_sound(order):
                continue
            found.append(Invitation(study.study_name, str(told["digest"]), order))
        except (KeyError, TypeError, ValueError, ValidationError):
            continue  # of another version
    return found


def _is_sound(order: WorkOrder) -> bool:
    """What becomes part of paths here is what its campaign lists: anybody who reaches a proxy may write into it."""
    campaign = order.campaign
    is_listed = order.symbol in campaign.symbols() and order.mode in campaign.strategy.modes
    is_branch = order.branch is None or re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", order.branch) is not None
    return is_listed and is_branch and order.phase in (Phase.REFINE, Phase.REOPTIMIZE)


def is_led(storage: BaseStorage, invitation: Invitation, locks: Path, presences: dict[str, BeatPresence]) -> bool:
    """Whether its leader is not known to be dead; `presences` remembers what was seen of whom."""
    if invitation.study not in presences:
        presences[invitation.study] = BeatPresence(storage, invitation.study, locks=locks)
    presence = presences[invitation.study]
    presence.look()
    return presence.has_leader()


def order_here(
    invitation: Invitation, storage: StorageSettings, home: Path, data: Path | None, own: str | None
) -> WorkOrder:
    """The leader's order as it is carried out on this machine: its own home, its own data.

    A strategy in a file is code: it is run where a person here has named it, as `own`, and not because the study does.
    """
    settings = invitation.order.campaign
    if ".py:" in settings.strategy.name and settings.strategy.name != own:
        raise OperatorError(
            f"{invitation.study} asks to run the code in {settings.strategy.name}; if you mean it, put the file there "
            f"and add --strategy {settings.strategy.name}"
        )
    root = settings.data.root if data is None else str(data.absolute())
    here = settings.model_copy(update={"data": settings.data.model_copy(update={"root": root}), "storage": storage})
    return invitation.order.model_copy(update={"home": str(home), "campaign": here})


def prepare(order: WorkOrder, desk: Desk) -> None:
    """See to it that the data here are sound, once for each asset. OperatorError where they are not."""
    if (symbol_folder(order, desk) / PREFLIGHT_FILE).is_file():
        return
    looking = order.model_copy(update={"phase": Phase.PREFLIGHT, "mode": "", "branch": None})
    with alone_in(work_folder(looking, desk.home), {"run": "join"}, should_yield=lambda: False):
        summary = preflight(looking, desk)
    if summary.verdict != "pass":
        raise OperatorError(f"the data here do not do: {summary.headline}")


def check_invited(joined: optuna.Study, study: Study) -> None:
    """Refuse another question than the leader's: other data, another strategy, another version of the code."""
    there = dict(joined.user_attrs.get(_INVITATION, {})).get("identity", {})
    mine = json.loads(json.dumps(study.identity))
    differ = sorted(key for key in {*mine, *there} - _NOT_COMPARED if mine.get(key) != there.get(key))
    if differ:
        told = ", ".join(f"{key} (here {mine.get(key)!r}, there {there.get(key)!r})" for key in differ[:3])
        raise OperatorError(
            f"{study.name} asks another question here than where it is led: {told[:400]}; give the same data (--data) "
            "and install the same version"
        )
