"""Errands in the simulated world: processes that write the page and keep what was learned, or fail, or hang.

How an answer becomes records is the product's own code. What happens follows from the seed and the instant at which an
errand began, never from how often it is looked at.
"""

import json
from dataclasses import dataclass, field

from simulation.laws import broken
from simulation.world import NEVER, World
from swarmd.state.records.errand import HANDOFF, Errand
from swarmd.state.records.record import Record
from swarmd.state.units import MINUTE, SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.backends.errands import Answer
from swarmd.supervisor.sensors.errands import errand_ended, limit_of


@dataclass
class Errands:
    """``ends`` has when each ends and whether it answers, by its order; ``names`` what it was for."""

    world: World
    ends: dict[str, tuple[Millis, bool]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def begin(self, name: str, order: str, now: Millis) -> None:
        """A process of it starts; there is never a second one of the same name."""
        living = [other for other, (ends, _) in self.ends.items() if ends > now and self.names[other] == name]
        if living:
            raise broken(now, f"errand {order} for {name} starts beside {living}")
        chance = self.world.chance(f"errand/{name}/{now}")
        fate = chance.choices(("answers", "fails", "hangs"), (18, 2, 1))[0]
        if now >= self.world.faults_until:
            fate = "answers"
        ends = NEVER if fate == "hangs" else now + int(chance.uniform(SECOND, MINUTE / 3))
        self.ends[order], self.names[order] = (ends, fate == "answers"), name
        if ends < NEVER:
            self.world.at(ends, lambda: None)

    def killed(self, name: str | None = None) -> None:
        """Of that name, or all of them: by the daemon that leaves, by their limit, or with the machine."""
        now = self.world.now
        for order, (ends, answers) in self.ends.items():
            if name in (None, self.names[order]):
                self.ends[order] = (min(ends, now), answers and ends <= now)
        self.world.at(now + 1, lambda: None)

    def seen(self, view: View, now: Millis) -> list[Record]:
        return [
            record for errand in view.errands.values() if errand.is_running for record in self._of(view, errand, now)
        ]

    def _of(self, view: View, running: Errand, now: Millis) -> list[Record]:
        ends, answers = self.ends.get(running.order, (-1, False))
        if ends > now:
            if now - running.began_at > limit_of(running.id, view.policy):
                self.killed(running.id)
            return []
        page = f"docs/reference/HANDOFF_SWARM_RUN_{running.began_at}.md" if running.id == HANDOFF else ""
        printed = json.dumps({"path": page, "outcome": "done"}).encode() if answers else b""
        return errand_ended(view, running, Answer(printed, "", None), now=now)
