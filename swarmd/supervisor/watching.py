"""The picture for who looks again and again: ``status --watch``, ``follow`` and the progress monitor.

A look costs what was written since the last one, however long the journal is; ``picture`` reads it anew each time.
Changes nothing on disk, and outlives a daemon, a cleaning and a new journal.
"""

from contextlib import suppress

from swarmd.state.projection import Projection
from swarmd.state.store.files import Home
from swarmd.state.store.raw import read_journal
from swarmd.state.store.walks import Follower
from swarmd.supervisor.clock import anchored
from swarmd.supervisor.picture import Picture
from swarmd.supervisor.presence import daemon_of


class Watching:
    """``seq`` is the last line taken in. One thread at a time."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.seq = 0
        self._projection = Projection()
        self._follower: Follower | None = None
        self._journal: tuple[int, int] | None = None

    def picture(self) -> Picture:
        """How it stands now. Raises what reading a journal raises; the next look begins anew then."""
        try:
            self._take_in()
        except BaseException:
            self._follower = None
            raise
        view = self._projection.view()
        last_session = next(reversed(list(view.sessions.values())), None)
        last_at = self._projection.last_at
        return Picture(self.home, view, anchored(last_session, last_at).now(), last_at, daemon_of(self.home))

    def _take_in(self) -> None:
        try:
            told = self.home.journal.stat()
        except OSError:
            # Nothing is there, or no longer: what comes into its place is another journal.
            self._projection, self._follower, self.seq = Projection(), None, 0
            return
        journal = (told.st_dev, told.st_ino)
        if self._follower is None or self._journal != journal:
            self._journal = journal
            self._begin()
            return
        with suppress(FileNotFoundError):  # a segment cleaned away between listing and reading: the next look sees
            for line in self._follower.fresh():
                if line.seq > self.seq + 1:
                    self._begin()  # lines we never saw: damaged, or a journal cut and gone on
                    return
                if line.seq == self.seq + 1:
                    self._projection.apply_lines([line])
                    self.seq = line.seq

    def _begin(self) -> None:
        """Everything anew. What is written while we read is met again by the follower, and passed over."""
        self._follower = Follower(self.home.journal)
        reading = read_journal(self.home.journal)
        self._projection = Projection()
        self._projection.apply_lines([*reading.tables, *reading.lines])
        self.seq = reading.seq
