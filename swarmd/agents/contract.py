"""What an agent is: a name, and one pure function from the View to wishes.

The roster holds modules; each meets the Protocol by itself. Same View and instant, same wishes: ``replay`` relies on
it.
"""

from typing import Protocol

from swarmd.state.actions import Action
from swarmd.state.units import Millis
from swarmd.state.view import View


class Agent(Protocol):
    @property
    def NAME(self) -> str:  # noqa: N802 - a module constant, seen from outside
        """As records, screens and file names call it."""
        ...

    def decide(self, view: View, now: Millis) -> list[Action]:
        """What this agent would do; an outcome the View already shows is not wished for again."""
        ...
