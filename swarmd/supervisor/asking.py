"""Asking the daemon from outside and waiting for its answer: what every control verb does, wherever it is said.

The command line, the MCP server and the dashboard ask through here. The wait is bounded and the request stands whatever
comes of it: it is a file in the inbox, and the answer a line of the journal.
"""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.glance import glance
from swarmd.supervisor.presence import ask, daemon_of, looks

ANSWER_WITHIN_S = 15.0
_NAMES_TOLD = 6


@dataclass(frozen=True, slots=True)
class Answered:
    """``text`` is the daemon's answer; ``campaign`` and ``status`` are as they stood with it."""

    request: str
    text: str
    is_refused: bool
    campaign: str
    status: str

    def document(self) -> dict[str, object]:
        return {
            "request": self.request,
            "answer": self.text,
            "refused": self.is_refused,
            "campaign": self.campaign,
            "status": self.status,
        }


def answered(
    home: Home,
    verb: str,
    *,
    subject: str = "",
    place: str = "first",
    asked_by: str = "cli",
    within_s: float = ANSWER_WITHIN_S,
) -> Answered:
    """Raises OperatorError where nobody is there to be asked, OutsideError where no answer has come in time."""
    require_daemon(home, verb)
    request = ask(home, verb, subject=subject, place=place, asked_by=asked_by)
    for _ in looks(within_s):
        seen = glance(home)
        if request in seen.answers:
            return Answered(request, seen.answers[request], request in seen.refused, seen.campaign, seen.status)
    raise OutsideError(
        f"the daemon has not answered within {within_s:g} s; the request {request} stands: see `swarmd status`"
    )


def require_daemon(home: Home, verb: str) -> None:
    if daemon_of(home) is None:
        raise OperatorError(f"no daemon runs on {home.root}: there is nothing to {verb}; start it with `swarmd start`")


def known_name(name: str, known: Collection[str], what: str, listed_by: str) -> str:
    """The name itself, where it is one of those on record. Raises OperatorError with those that are like it."""
    if name in known:
        return name
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    some = ", ".join(near or sorted(known)[:_NAMES_TOLD]) or "none"
    hint = f"did you mean {some}?" if near else f"on record: {some}{', …' if len(known) > _NAMES_TOLD else ''}"
    raise OperatorError(f"no {what} {name!r} among {len(known)} on record; {hint} `{listed_by}` lists them")
