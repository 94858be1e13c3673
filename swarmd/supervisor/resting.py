"""The time between two turns: it ends with an event, with the next look, or with a glance that found news.

Used by the daemon's loop. It glances while the loop waits (``glancing_loop``); a pause that ends sets the event.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.glances import GLANCE_EVERY_S, STILL_GLANCE_EVERY_S, Glances
from swarmd.supervisor.glancing_loop import running_loop
from swarmd.supervisor.logs import log
from swarmd.supervisor.pace import rest_for
from swarmd.supervisor.vigil import Vigil

# An event after a quiet moment turns the cycle at once; those that follow within this time of a turn's beginning share
# the next one, which bounds how often the loop can turn.
_GATHER: Millis = 20


async def rest(
    vigil: Vigil,
    clock: SteadyClock,
    wake: asyncio.Event,
    glances: Glances,
    view: View,
    adopted: Mapping[str, int],
    *,
    is_still: bool,
) -> None:
    """Wait for an event or the next look, with a glance now and then. Awaited in a GlancingLoop.

    ``vigil`` last looked when the turn that came before began. ``adopted`` has the pids by run of those that are no
    children of ours, and ``is_still`` says that that turn had nothing to record.
    """
    began, now = vigil.looked_at, clock.now()
    vigil.look(now)
    # Runs come and go in turns alone, so all that is asked of them between two is gathered once.
    glances.expect(view.live_runs(), {run: beat.process_state for run, beat in view.beats.items()}, adopted)
    until = now + rest_for(view, now, began=began, is_still=is_still)
    if not wake.is_set() and now < until:
        # Nothing tells of an adopted run that stops but a glance.
        glance_every_s = STILL_GLANCE_EVERY_S if is_still and not adopted else GLANCE_EVERY_S
        await _Pause(vigil, clock, glances, wake, began + vigil.every, until, glance_every_s).end()
    if (early := began + _GATHER - clock.now()) > 0:
        await asyncio.sleep(early / 1000)


@dataclass
class _Pause:
    vigil: Vigil
    clock: SteadyClock
    glances: Glances
    wake: asyncio.Event
    next_look: Millis
    until: Millis
    glance_every_s: float
    due: float = 0.0

    async def end(self) -> None:
        """Wait for it."""
        glancing = running_loop().glancing
        self._wind()
        glancing.pause = self
        try:
            await self.wake.wait()
        finally:
            if glancing.pause is not None:
                # An event that came before the next glance: that glance is due now.
                glancing.pause = None
                self._look()

    def is_over(self) -> bool:
        if is_over := self._look():
            self.wake.set()
        else:
            self._wind()
        return is_over

    def _wind(self) -> None:
        self.due = time.monotonic() + min(self.glance_every_s, (self.until - self.vigil.looked_at) / 1000)

    def _look(self) -> bool:
        """Whether the next turn is due."""
        now = self.clock.now()
        is_late = self.vigil.look(now)
        # Looked at after a sleep too: what moved meanwhile must not pass for having stood still.
        try:
            is_news = self.glances.look(now)
        except Exception:  # our own bug: the whole turn looks at everything, and says what it cannot see
            log.exception("a glance failed: the next turn is due at once")
            is_news = True
        if self.glances.has_moved:
            self.until, self.glance_every_s = min(self.until, self.next_look), GLANCE_EVERY_S
        return is_news or is_late or now >= self.until
