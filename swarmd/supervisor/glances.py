"""Glances between two turns: has anything moved that should not wait for the next one?

Five times a second, four where nothing moves, the daemon compares the page of progress counters with what it was, in
some microseconds, and asks for the state of those lanes whose stopping no signal tells us of. It only remembers when a
counter last moved: nothing is decided or recorded here, and whatever a glance misses the next turn sees.
"""

import struct
from collections.abc import Mapping, Sequence

from swarmd.state.beats import SLOT_BYTES, BeatsPage
from swarmd.state.records.run import RunAlive
from swarmd.state.units import Millis
from swarmd.supervisor.processes import state_of

GLANCE_EVERY_S = 0.2
# While nothing at all moves. A glance costs 0.15 ms with cold caches, most of it for waking up: with a hundred idle
# lanes that is half of what the daemon uses.
STILL_GLANCE_EVERY_S = 0.25

# Of a slot: is it ready, and its progress counter.
_SEEN = struct.Struct("=8xQQ")
_STOPPED = frozenset("Tt")


class Glances:
    """``moved_at`` tells by run when its progress was last seen to move, ``has_moved`` whether any did just now."""

    def __init__(self, page: BeatsPage) -> None:
        self._page = page
        self.moved_at: dict[str, Millis] = {}
        self.has_moved = False
        self._bytes = b""
        self._slots: dict[str, tuple[int, int]] = {}
        self._runs: Sequence[RunAlive] = ()
        self._states: Mapping[str, str] = {}
        self._adopted: Mapping[str, int] = {}
        self._n_slots = 0

    def expect(self, runs: Sequence[RunAlive], states: Mapping[str, str], adopted: Mapping[str, int]) -> None:
        """Whom the looks from here on are about.

        ``states`` is the process state of each run as last recorded, ``adopted`` has the pids by run.
        """
        self._runs, self._states, self._adopted = runs, states, adopted
        # As far as slots are taken: the page has room for a cluster's.
        self._n_slots = 1 + max((run.slot for run in runs), default=-1)

    def look(self, now: Millis) -> bool:
        """Whether a run has said READY, or an adopted one was stopped or continued: news that should not wait."""
        is_news = self.has_moved = False
        page = self._page.copied(self._n_slots)
        if page != self._bytes:
            self._bytes = page
            before, self._slots = self._slots, {}
            for run in self._runs:
                is_ready, progress = _SEEN.unpack_from(page, run.slot * SLOT_BYTES)
                was_ready, was = before.get(run.id, (is_ready, progress))
                is_news = is_news or is_ready != was_ready
                if progress != was:
                    self.moved_at[run.id], self.has_moved = now, True
                self._slots[run.id] = (is_ready, progress)
            for gone in self.moved_at.keys() - self._slots.keys():
                del self.moved_at[gone]  # the same table goes on: the cycle reads it
        return is_news or (bool(self._adopted) and self._has_changed_state())

    def _has_changed_state(self) -> bool:
        return any(
            (self._states.get(run, "") in _STOPPED) != (state_of(pid) in _STOPPED) for run, pid in self._adopted.items()
        )
