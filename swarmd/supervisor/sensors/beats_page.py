"""The page of progress counters, compared with the file by which runs find it, and made anew where that is gone.

Remove ``state/run/beats`` under a daemon: the runs that live write on into the page they have mapped, as it reads on;
one that begins would find nothing, and end. Each whole cycle looks, and tells it as a source like any vanished file.
Decides nothing.
"""

from swarmd.state.beats import BeatsPage
from swarmd.state.records.record import Record
from swarmd.state.records.source import SourceStatus
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.sensors.sources import moved_source

BEATS_PAGE = "state/run/beats"


def observe_beats_page(view: View, page: BeatsPage, *, now: Millis) -> list[Record]:
    """Missing in the look that makes it anew, damaged while that fails, fresh in the look after: said once each."""
    status, note = SourceStatus.FRESH, "the page of progress counters is where runs look for it"
    if not page.is_seen():
        try:
            page.renew()
        except OSError as error:
            why = f"the page of progress counters was removed, and not made anew: {error.strerror}"
            status, note = SourceStatus.DAMAGED, why
        else:
            status, note = SourceStatus.MISSING, "the page of progress counters was removed; it was made anew at once"
    return moved_source(view, BEATS_PAGE, status, note, now=now)
