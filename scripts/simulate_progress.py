#!/usr/bin/env python3
"""What `scripts/simulate` says while one life is played: how far it is, how fast it goes, and how long it will take.

Part of `scripts/simulate`. The life itself is in `tests/simulation/play.py`; what is said goes to standard error.
"""

import sys
import time
from dataclasses import dataclass, field

from simulation.play import Play

from swarmd.state.units import DAY, SECOND, Millis, spoken

_EVERY_S = 10.0


@dataclass
class Progress:
    """Heard of at every look; a line each ten seconds. No line for a life that is shorter than that."""

    began_s: float = field(default_factory=time.monotonic)
    told_s: float = field(default_factory=time.monotonic)

    def __call__(self, it: Play, now: Millis) -> None:
        if (at_s := time.monotonic()) - self.told_s < _EVERY_S:
            return
        self.told_s = at_s
        print(in_words(it, now, at_s - self.began_s), file=sys.stderr, flush=True)


def in_words(it: Play, now: Millis, took_s: float) -> str:
    """``simulated 1.8 d of 21.0 d with faults, 12034 cycles, 9120 runs; 15 min a second, 31 min to go until then``.

    How long the campaign that is on then still takes depends on what befell it.
    """
    until = it.world.faults_until
    pace = now / max(took_s, 1e-3)
    left = Millis((until - now) / max(pace, 1.0) * SECOND)
    to_go = f"{spoken(left)} to go until then" if left > 0 else "the last campaign is being brought to its end"
    return (
        f"simulated {now / DAY:.1f} d of {until / DAY:.1f} d with faults, {it.report.cycles} cycles, "
        f"{len(it.world.processes)} runs; {spoken(Millis(pace))} a second, {to_go}"
    )
