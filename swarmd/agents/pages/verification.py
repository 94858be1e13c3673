"""The section of a page that shows what was really run for it: each command, how it ended, and what it said.

The commands come from the shell (`supervisor.verification`); here they are only told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmd.agents.pages.markdown import code, fenced, table
from swarmd.agents.rules.words import several


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """A command that was really run, and what it said; ``exit_code`` is None where it came to no end of its own.

    ``shows`` is what it is there to show.
    """

    command: str
    exit_code: int | None
    output: str
    seconds: float = 0.0
    shows: str = ""

    @property
    def holds(self) -> bool:
        return self.exit_code == 0

    @property
    def told(self) -> str:
        return "no end" if self.exit_code is None else f"exit {self.exit_code}"


def in_one_line(commands: Sequence[CommandOutput]) -> str:
    """``5 of 6 commands confirmed …`` for the beginning of a page."""
    if not commands:
        return "No command was run for this page: nothing on it was verified anew."
    failed = [each for each in commands if not each.holds]
    told = f"{len(commands) - len(failed)} of {several(len(commands), 'command')} run for this page ended well"
    named = ", ".join(f"{code(each.command)} ({each.told})" for each in failed)
    return f"{told}; **not so**: {named}." if failed else f"{told}."


def verification(commands: Sequence[CommandOutput]) -> str:
    if not commands:
        return "## Verification\n\nNo command was run for this page."
    rows = [(code(each.command), each.told, f"{each.seconds:.1f} s", each.shows) for each in commands]
    overview = table(("command", "ended", "took", "an exit code of 0 shows that"), rows, numbers=("took",))
    blocks = [f"### {code(each.command)}: {each.told}\n\n{fenced(each.output or '(no output)')}" for each in commands]
    intro = "Run by the swarm itself when this page was made; what follows is what they said."
    return "\n\n".join(["## Verification", intro, overview, *blocks])
