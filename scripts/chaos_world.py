#!/usr/bin/env python3
"""What a fault of `scripts/chaos` works on: the disturbed swarm, chance, and what it has done so far."""

import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos_home import Swarm
from chaos_match import Expected, Fault


@dataclass(slots=True)
class World:
    """What the faults work on. ``victims`` are runs that were harmed already: nothing more is done to them."""

    swarm: Swarm
    chance: random.Random
    clock: Path | None = None
    is_small_disk: bool = False
    victims: set[str] = field(default_factory=set)
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def fault(self, kind: str, what: str, *expected: Expected, at: int, tolerated: tuple[str, ...] = ()) -> Fault:
        return Fault(0, kind, at, what, tuple(expected), tolerated, self.swarm.now())

    def has_told(self, since: int, *signatures: str, subject: str = "") -> bool:
        incidents = self.swarm.table("incident").values()
        return any(
            i["opened_at"] >= since and i["signature"] in signatures and i["subject"].startswith(subject)
            for i in incidents
        )

    def end_helpers(self) -> None:
        for helper in self.helpers:
            helper.kill()
            helper.wait()
        self.helpers.clear()


Inject = Callable[[World], Fault | None]
