"""Which lines of a journal a cycle's deciding wrote, asked of plain lines before any of them is made into a record.

``replaying`` reads a journal's boundaries off these answers. Nothing is decoded or folded here.
"""

from collections.abc import Sequence

from swarmd.state.records.incident import Signature
from swarmd.state.records.run import run_id
from swarmd.state.store.raw import Said
from swarmd.state.units import Millis, iso

# Whose incidents those of failing agents are: an agent does not tell its own.
OURSELVES = "swarmd"


def number_of(said: Said) -> int:
    """The cycle an action is of; 0 for any other line."""
    if said["kind"] != "action":
        return 0
    number = said["id"].removeprefix("a").partition("-")[0]
    return int(number) if number.isdigit() else 0


def index_of(said: Said) -> int:
    """Which of its cycle's actions a line is."""
    index = said["id"].rpartition("-")[2]
    return int(index) if index.isdigit() else 0


def is_failure(said: Said) -> bool:
    data = said["data"]
    return bool(
        said["kind"] == "incident"
        and data.get("agent") == OURSELVES
        and data.get("signature") == Signature.AGENT_FAILED
    )


def concerns(said: Said, number: int, now: Millis, run: str) -> bool:
    """Whether a line is a decision about the run, made in the cycle of that number and instant."""
    if said["kind"] == "refusal":
        if said["at"] != iso(now):
            return False
    elif number_of(said) != number:
        return False
    action = said["data"]["action"]
    if action["kind"] == "start_run" and run_id(action["job"], action["attempt"]) == run:
        return True
    names = [*(value for value in action.values() if isinstance(value, str)), *said.get("caused_by", [])]
    return any(name == run or name.startswith(f"{run}/") for name in names)


def failures_before(pending: Sequence[Said], seq: int, now: Millis) -> list[Said]:
    """The lines up to ``seq`` that tell of agents failing (or recovering) while this very cycle decided."""
    at = iso(now)
    found: list[Said] = []
    position = seq - pending[0]["seq"] if pending else -1
    while position >= 0 and is_failure(said := pending[position]) and said["at"] == at:
        found.append(said)
        position -= 1
    return found[::-1]


def last_line_before(pending: Sequence[Said], number: int, index: int) -> int:
    """The line after which the cycle's action of that index would have been told."""
    for said in pending:
        is_later = number_of(said) == number and index_of(said) > index
        if is_later or said["kind"] in ("refusal", "scores", "cycle"):
            return int(said["seq"]) - 1
    return 0
