"""Sees to it that what is due is delivered: starts the process that does, and never waits for it.

Asked once a whole cycle. What is due is worked out only when something may have changed it, or a second look is due;
the process writes down what came of each message, so that it does not matter who dies when.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from swarmd.state.errors import OutsideError
from swarmd.state.records.campaign_settings import NotifySettings
from swarmd.state.store.files import Home, is_locked
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.logs import log
from swarmd.supervisor.notices import ledger
from swarmd.supervisor.notices.delivery import LOCK, channels_of, due_now

_LOOK_EVERY: Millis = 5 * SECOND


@dataclass(slots=True)
class NoticeDesk:
    home: Home
    _looked_at: Millis = 0
    _begun: set[str] = field(default_factory=set)
    _child: subprocess.Popen[bytes] | None = None

    def look(self, view: View, now: Millis, *, is_last: bool = False) -> None:
        """Never raises: that somebody was told is worth no cycle."""
        channels = channels_of(view)
        if not channels or (now - self._looked_at < _LOOK_EVERY and not is_last):
            return
        self._looked_at = now
        try:
            self._see_to(channels, view, now, is_last=is_last)
        except (OutsideError, OSError) as error:
            log.error("notices could not be seen to: %s", error)
        except Exception:  # our own bug: the evidence is kept, and the swarm goes on untold
            log.exception("notices could not be seen to")

    def _see_to(self, channels: Sequence[NotifySettings], view: View, now: Millis, *, is_last: bool) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        self._begin([each.url for each in channels], view, now)
        is_free = self._child is None and not is_locked(self.home.lock_path(LOCK))
        if (is_free or is_last) and due_now(view, self.home, now):
            command = [sys.executable, "-P", "-m", "swarmd", "notify", "deliver", "--home", str(self.home.root)]
            command += ["--wait"] if is_last else []
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
            log.info("notices are due: pid %d delivers them", self._child.pid)

    def _begin(self, channels: list[str], view: View, now: Millis) -> None:
        """From when a channel was first asked for: what befell before is no news."""
        if not ledger.path_of(self.home).exists():
            self._begun.clear()  # removed, and with it from when each was asked for
        if new := [channel for channel in channels if channel not in self._begun]:
            known = ledger.records(ledger.lines(self.home))
            since = view.session.at if view.session is not None else now
            ledger.append(self.home, [ledger.begun(channel, since) for channel in new if channel not in known])
            self._begun.update(new)
