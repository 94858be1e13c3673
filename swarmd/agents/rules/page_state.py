"""Has the handoff page that is to tell of an event been written, or is it due, awaited, or given up?

Read off the documents and the actions on record: a page that cannot be written (a full disk) is tried again with
growing waits, and not for ever, since the end of a session waits for it.
"""

from enum import Enum

from swarmd.agents.rules.backoff import backoff
from swarmd.state.actions import WriteHandoff
from swarmd.state.records.errand import HANDOFF
from swarmd.state.units import Millis
from swarmd.state.view import View

_TRIES = 3


class PageState(Enum):
    DUE = "due"
    AWAITED = "awaited"
    WRITTEN = "written"
    GIVEN_UP = "given_up"


def page_state(view: View, since: Millis, now: Millis) -> PageState:
    """Where the page stands that tells of what happened at ``since``."""
    if any("HANDOFF" in document.id and document.at >= since for document in view.documents.values()):
        return PageState.WRITTEN
    errand = view.errands.get(HANDOFF)
    if errand is not None and errand.is_running:
        return PageState.AWAITED
    tries = [t.at for t in view.actions.values() if isinstance(t.action, WriteHandoff) and t.at >= since]
    if not tries:
        return PageState.DUE
    if now - max(tries) <= backoff(len(tries), first=view.policy.backoff_first, cap=view.policy.backoff_cap):
        return PageState.AWAITED
    return PageState.DUE if len(tries) < _TRIES else PageState.GIVEN_UP
