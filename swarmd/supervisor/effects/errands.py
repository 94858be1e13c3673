"""Sending a process on an errand: the half of those actions that touches the world. A sensor sees its end.

``handoff`` writes the page for people, with commands it really runs; ``knowledge`` puts what was learned into the
knowledge base. Both read the journal as anybody may, so that neither a slow command nor a base that does not answer
holds up a cycle, and a daemon that dies loses nothing: what is to be told is in the journal.
"""

from collections.abc import Mapping

from swarmd.state.errors import OutsideError
from swarmd.state.records.errand import HANDOFF, KNOWLEDGE, Errand, ErrandStatus
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home
from swarmd.state.units import Millis
from swarmd.supervisor.backends.errands import ErrandProcess

WORDS: Mapping[str, tuple[str, ...]] = {
    # Who asked the daemon to leave waits for it.
    HANDOFF: ("handoff", "--json", "--within", "60"),
    KNOWLEDGE: ("learn", "--json"),
}


def errand_processes(home: Home) -> dict[str, ErrandProcess]:
    return {name: ErrandProcess(home, name, words) for name, words in WORDS.items()}


def begin_errand(process: ErrandProcess, ordered: Errand, *, now: Millis) -> Record:
    """What came of it: a process with its pid, or an errand that failed before it began."""
    try:
        pid, start_ticks = process.start(ordered.order)
    except OutsideError as error:
        ending = {"status": ErrandStatus.FAILED, "ended_at": now, "outcome": str(error)}
        return ordered.model_copy(update={"at": now, "failures": ordered.failures + 1, **ending})
    return ordered.model_copy(update={"at": now, "pid": pid, "start_ticks": start_ticks})
