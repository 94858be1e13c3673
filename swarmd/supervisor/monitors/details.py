"""What is told of one row of a monitor: why it is as it is, from the journal, or the end of its log.

Reads when it is asked and not before; works with the daemon dead, and says plainly where nothing can be told.
"""

from pathlib import Path

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.incident_story import incident_story, story_lines
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Line
from swarmd.state.store.walks import backward, mentioning
from swarmd.state.story import Index, chain_of
from swarmd.state.trail import deeds_about, trail
from swarmd.supervisor.monitors.listing import Row
from swarmd.supervisor.monitors.log_index import end_of

_LOG_LINES = 40


def details(home: Home, row: Row) -> list[str]:
    """Plain lines: the row in full, then its story and its log, whichever there are. Never raises for what is gone."""
    told = ["  ".join(cell for cell in row.cells if cell)]
    log = Path(row.path) if row.path else home.log_path(row.about) if row.about else None
    try:
        if row.about:
            told += ["", *_story(home, row.about)]
    except (OSError, OperatorError, OutsideError) as trouble:
        told += ["", f"its story cannot be told just now: {trouble}"]
    if log is not None and log.is_file():
        told += ["", f"{log}, the last lines:", *_end(log)]
    return told


def _end(path: Path) -> list[str]:
    try:
        return [line for line in end_of(path) if line.strip()][-_LOG_LINES:]
    except OSError as trouble:
        return [f"it cannot be read: {trouble}"]


def _story(home: Home, id: str) -> list[str]:
    """As ``swarmd explain`` tells it, newest first."""
    lines = trail(backward(home.journal, []), id)
    about = [line for line in lines if line.id == id]
    if not about:
        return [f"{id} is not in the journal (yet)"]
    if any(line.kind == "incident" for line in about):
        known: dict[int, Line] = {line.seq: line for line in lines}
        deeds = mentioning(home.journal, deeds_about(lines, id).encode())
        known |= {line.seq: line for line in deeds if line.kind == "action"}
        lines = [known[seq] for seq in sorted(known)]
    index = Index(lines)
    story = incident_story(index, id)
    chain = [f"{told['at']}  {told['agent']:<22}  {told['text']}" for told in chain_of(index, id)]
    return [*(story_lines(story) if story is not None else ()), *([""] if story else ()), *chain]
