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
from swarmd.supervisor.glances import GLANCE_EVERY_S, Glances
from swarmd.supervisor.glancing_loop import running_loop
from swarmd.supervisor.logs import log
from swarmd.supervisor.pace import overslept, rest_for


async def rest(
    clock: SteadyClock,
    wake: asyncio.Event,
    glances: Glances,
    view: View,
    adopted: Mapping[str, int],
    *,
    began: Millis,
    is_still: bool,
) -> Millis:
    """Wait for an event or the next look, with a glance now and then. Gives back how long was overslept meanwhile.

    ``adopted`` has the pids by run of those that are no children of ours, ``began`` is when the turn began that came
    before, and ``is_still`` says that it had nothing to record. Awaited in a GlancingLoop.
    """
    every, now = view.policy.cycle_every, clock.now()
    # Runs come and go in turns alone, so all that is asked of them between two is gathered once.
    glances.expect(view.live_runs(), {run: beat.process_state for run, beat in view.beats.items()}, adopted)
    pause = _Pause(
        clock,
        glances,
        wake,
        every=every,
        next_look=began + every,
        until=now + rest_for(view, now, began=began, is_still=is_still),
        looked_at=now,
        late=overslept(began, now, every=every),
    )
    if not wake.is_set() and now < pause.until:
        await pause.end()
    return pause.late


@dataclass(slots=True)
class _Pause:
    clock: SteadyClock
    glances: Glances
    wake: asyncio.Event
    every: Millis
    next_look: Millis
    until: Millis
    looked_at: Millis
    late: Millis
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
        self.due = time.monotonic() + min(GLANCE_EVERY_S, (self.until - self.looked_at) / 1000)

    def _look(self) -> bool:
        """Whether the next turn is due."""
        now = self.clock.now()
        slept = overslept(self.looked_at, now, every=self.every)
        self.late, self.looked_at = self.late + slept, now
        # Looked at after a sleep too: what moved meanwhile must not pass for having stood still.
        try:
            is_news = self.glances.look(now)
        except Exception:  # our own bug: the whole turn looks at everything, and says what it cannot see
            log.exception("a glance failed: the next turn is due at once")
            is_news = True
        if self.glances.has_moved:
            self.until = min(self.until, self.next_look)
        return is_news or slept > 0 or now >= self.until
