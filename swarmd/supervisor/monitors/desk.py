"""The tmux monitors as the daemon keeps them: looked at in the background, never waited for.

tmux is another program that may hang; the cycle only ever reads the last answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.logs import log
from swarmd.supervisor.monitors.tmux import close_monitors, ensure_monitors, monitor_states

_LOOK_EVERY_S = 3.0
_WITHIN_S = 10.0

T = TypeVar("T")


@dataclass(slots=True)
class MonitorDesk:
    """``is_on`` is False with ``--no-monitors``; without tmux every look is empty, and nothing else changes."""

    home: Home
    is_on: bool
    _states: dict[str, bool] = field(default_factory=dict)
    _looking: asyncio.Task[None] | None = None

    def latest(self) -> Mapping[str, bool]:
        return self._states

    def begin(self) -> None:
        if self.is_on:
            self._looking = asyncio.create_task(self._look(), name="monitors")

    async def rebuild(self) -> None:
        if self.is_on:
            made = await self._bounded(ensure_monitors)
            if made:
                log.info("tmux monitors made: %s", ", ".join(made))
            await self._once()

    async def end(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            await self._bounded(close_monitors)

    async def _look(self) -> None:
        await self._bounded(ensure_monitors)
        while True:
            await self._once()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _once(self) -> None:
        states = await self._bounded(monitor_states)
        if states is not None:
            self._states = dict(states)

    async def _bounded(self, call: Callable[[Home], T]) -> T | None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await asyncio.to_thread(call, self.home)
        except TimeoutError:
            log.warning("tmux gave no answer within %g s; the work goes on without its monitors", _WITHIN_S)
        except (OutsideError, OSError) as error:
            log.warning("the monitors are left as they are: %s", error)
        return None
