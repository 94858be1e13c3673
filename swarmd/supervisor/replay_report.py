"""What a replay has to tell: how much it decided again, what differs and where, and what it could not see.

Filled by ``replaying``, printed by ``swarmd replay``. Values only.
"""

from dataclasses import dataclass, field

from swarmd.state.units import Millis
from swarmd.supervisor.redeciding import Difference

_DIFFERENCES_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """A difference and where it is: ``cycle`` is the cycle's number, or that of the next on record if it is quiet."""

    cycle: int
    at: Millis
    session: str
    code_version: str
    is_quiet: bool
    difference: Difference


@dataclass(slots=True)
class Stretch:
    """Cycles that cannot be decided again, because what they decided from is not all there any more."""

    first_seq: int
    because: str
    last_seq: int = 0
    cycles: int = 0


@dataclass(slots=True)
class Report:
    """What came of a replay. ``cycles`` decided something, ``quiet`` ones nothing; ``cut_off`` ones were not finished.

    ``unseen`` counts the cycles between two on record that left no trace: quiet ones, and turns that were lost.
    ``sessions`` has the version that wrote each session, ``rules`` the digest of the rules that decided in it.
    ``n_expected`` of the differences are in sessions that other rules decided: they tell what a change of them changes.
    """

    cycles: int = 0
    quiet: int = 0
    cut_off: int = 0
    unseen: int = 0
    decisions: int = 0
    n_differences: int = 0
    differences: list[Found] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    rules_of_today: str = ""
    n_expected: int = 0

    def add(self, found: Found) -> None:
        """Count it, and keep it among the first thousand."""
        self.n_differences += 1
        self.n_expected += self.is_by_other_rules(found.session)
        if len(self.differences) < _DIFFERENCES_KEPT:
            self.differences.append(found)

    def is_by_other_rules(self, session: str) -> bool:
        """False where nobody knows: a journal of before the digest was kept is held against the rules of today."""
        rules = self.rules.get(session, "")
        return bool(rules and self.rules_of_today) and rules != self.rules_of_today
