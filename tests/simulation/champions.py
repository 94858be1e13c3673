"""Champions and their monitoring in the simulated world: forecasts, edges that die, files that somebody edits.

Stands in for ``sensors/champions`` and for the process of a monitoring; how an answer becomes records is the product's
own code. What happens follows from the seed and the instant at which a monitoring began, never from how often it is
looked at (cycles are numbered by looks).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from simulation.laws import broken
from simulation.world import NEVER, World
from swarmd.state.records.champion import Champion, ChampionStatus
from swarmd.state.records.monitoring import CHAMPIONS, Monitoring, MonitoringStatus
from swarmd.state.records.record import Record
from swarmd.state.units import MINUTE, SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.backends.monitoring import Answer
from swarmd.supervisor.sensors.monitoring import monitoring_ended

_MENDED_AFTER: Millis = 30 * MINUTE


@dataclass
class Champions:
    """``ends`` has when each monitoring ends and whether it answers; ``damaged`` are files that do not hold now."""

    world: World
    ends: dict[str, tuple[Millis, bool]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)

    def begin(self, order: str, now: Millis) -> None:
        """A process of it starts; there is never a second one."""
        living = [other for other, (ends, _) in self.ends.items() if ends > now]
        if living:
            raise broken(now, f"monitoring {order} starts beside {living}")
        chance = self.world.chance(f"monitoring/{now}")
        fate = chance.choices(("answers", "fails", "hangs"), (18, 1, 1))[0]
        ends = NEVER if fate == "hangs" else now + int(chance.uniform(2 * SECOND, 5 * MINUTE))
        self.ends[order] = (ends, fate == "answers")
        if ends < NEVER:
            self.world.at(ends, lambda: None)

    def killed(self) -> None:
        """By the daemon that leaves, by its time limit, or with the machine."""
        now = self.world.now
        self.ends = {order: (min(ends, now), answers and ends <= now) for order, (ends, answers) in self.ends.items()}
        self.world.at(now + 1, lambda: None)

    def seen(self, view: View, now: Millis) -> list[Record]:
        """What both sensors would tell at this look."""
        files = [self._file(champion, now) for champion in view.champions.values()]
        found: list[Record] = [file for file in files if file is not view.champions[file.id]]
        running = view.monitorings.get(CHAMPIONS)
        if running is None or running.status is not MonitoringStatus.RUNNING:
            return found
        ends, answers = self.ends.get(running.order, (-1, False))
        if ends > now:
            if now - running.began_at > view.policy.champions_within:
                self.killed()
            return found
        rows = self._rows(view, running.began_at) if answers else None
        fallen = {row["niche"] for row in rows or () if row["action"] == "dethroned"}
        changed = {"status": ChampionStatus.DETHRONED, "note": "the monitor: it fell", "at": now, "since": now}
        found += [view.champions[niche].model_copy(update=changed) for niche in sorted(fallen)]
        printed = json.dumps({"schema": "swarmd.champion_monitor/1", "champions": rows}).encode() if answers else b""
        return [*found, *self._ended(view, running, printed, fallen, now)]

    def _ended(self, view: View, running: Monitoring, printed: bytes, fallen: set[str], now: Millis) -> list[Record]:
        told = monitoring_ended(view, running, Answer(printed, "", None), now=now)
        edited = self.world.chance(f"edited/{running.began_at}")
        whole = [
            champion.id for champion in view.champions.values() if champion.is_in_force and champion.id not in fallen
        ]
        if whole and now < self.world.faults_until and edited.random() < 0.1:
            niche = edited.choice(whole)
            self.damaged.add(niche)
            self.world.at(now + 1, lambda: None)
            self.world.at(now + _MENDED_AFTER, lambda: self.damaged.discard(niche))
        return [record for record in told if record.id not in fallen]

    def _file(self, champion: Champion, now: Millis) -> Champion:
        """Two of three were crowned with a forecast; the record itself where there is nothing new."""
        if champion.status is ChampionStatus.DETHRONED:
            return champion
        status = ChampionStatus.DAMAGED if champion.id in self.damaged else ChampionStatus.IN_FORCE
        if champion.promise is not None and champion.status is status:
            return champion
        has_promise = self.world.chance(f"promise/{champion.id}/{champion.checksum}").random() < 2 / 3
        since = now if champion.status is not status else champion.since
        return champion.model_copy(
            update={"at": now, "status": status, "since": since, "promise": 1.5 if has_promise else 0.0}
        )

    def _rows(self, view: View, began_at: Millis) -> list[dict[str, Any]]:
        return [self._row(champion, began_at) for champion in view.champions.values() if champion.is_in_force]

    def _row(self, champion: Champion, began_at: Millis) -> dict[str, Any]:
        chance = self.world.chance(f"weighed/{began_at}/{champion.id}")
        row: dict[str, Any] = {"niche": champion.id, "checksum": champion.checksum}
        if chance.random() < 0.05:
            return row | {"action": "unseen", "error": "its bars are not there"}
        if not champion.has_promise:
            return row | {"action": "kept", "state": "silent", "e": None, "n_days": 0}
        falls = chance.random() < 0.05
        weighed = {"e": 22.0 if falls else round(chance.random(), 3), "n_days": 40}
        return row | weighed | {"action": "dethroned" if falls else "kept", "state": "falls" if falls else "stands"}
