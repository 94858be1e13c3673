"""The time between two turns: it ends with an event, with the next look, or with a glance that found news.

Used by the daemon's loop. A glance is a timer's callback and no task: five times a second, a task that waits for a
time-out took more of the processor than all that a still swarm does besides.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from swarmd.state.records.run import RunAlive
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.glances import GLANCE_EVERY_S, Glances
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
    before, and ``is_still`` says that it had nothing to record.
    """
    every, now = view.policy.cycle_every, clock.now()
    pause = _Pause(
        clock,
        glances,
        wake,
        every=every,
        next_look=began + every,
        until=now + rest_for(view, now, began=began, is_still=is_still),
        looked_at=now,
        late=overslept(began, now, every=every),
        # Runs come and go in turns alone, so all that is asked of them between two is gathered once.
        runs=view.live_runs(),
        states={run: beat.process_state for run, beat in view.beats.items()},
        adopted=adopted,
    )
    if not wake.is_set() and now < pause.until:
        pause.wind()
        try:
            await wake.wait()
        finally:
            pause.end()
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
    runs: list[RunAlive]
    states: dict[str, str]
    adopted: Mapping[str, int]
    _timer: asyncio.TimerHandle | None = field(default=None)

    def wind(self) -> None:
        delay = min(GLANCE_EVERY_S, (self.until - self.looked_at) / 1000)
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._look():
            self.wake.set()
        else:
            self.wind()

    def _look(self) -> bool:
        """Whether the next turn is due."""
        now = self.clock.now()
        slept = overslept(self.looked_at, now, every=self.every)
        self.late, self.looked_at = self.late + slept, now
        # Looked at after a sleep too: what moved meanwhile must not pass for having stood still.
        is_news = self.glances.look(self.runs, self.states, self.adopted, now)
        if self.glances.has_moved:
            self.until = min(self.until, self.next_look)
        return is_news or slept > 0 or now >= self.until

    def end(self) -> None:
        """An event that came before the next glance: that glance is due now."""
        if self._timer is not None:
            self._timer.cancel()
            self._look()
