"""The agent registry: what each agent watches, what it may wish, and by which limits, in order of precedence.

Rendered from rule pages that `supervisor.rule_pages` reads off the code itself, so that the page cannot say less, or
more, than the agents do. Written into the home with the limits in force, and into the documents with the defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmd.agents.pages.markdown import table


@dataclass(frozen=True, slots=True)
class Limit:
    """``value`` in words; ``home`` is ``policy`` for a limit of the policy, and the module for a figure of its own."""

    name: str
    value: str
    home: str


@dataclass(frozen=True, slots=True)
class RulePage:
    """``told`` is the agent's own account, paragraph by paragraph; ``watches`` are tables of the View."""

    name: str
    told: tuple[str, ...]
    watches: tuple[str, ...]
    wishes: tuple[str, ...]
    limits: tuple[Limit, ...]


def registry(agents: Sequence[RulePage], arbiter: RulePage) -> str:
    """The whole page, Markdown, ending in a newline."""
    rows = [
        (str(place), f"`{page.name}`", page.told[0], ", ".join(f"`{wish}`" for wish in page.wishes))
        for place, page in enumerate(agents, start=1)
    ]
    intro = (
        f"{len(agents)} agents, in order of precedence: where two wishes exclude each other, the earlier agent's "
        "stands. A wish to restrain (hold, settle, stop) stands against a wish to start, wherever it comes from. Each "
        "agent is a pure function from the View to wishes; the arbiter takes them, and nothing is done that is not in "
        "the journal."
    )
    overview = table(("", "agent", "in a word", "may wish"), rows)
    return "\n\n".join(["# Agent registry", intro, overview, *map(_section, [*agents, arbiter])]) + "\n"


def _section(page: RulePage) -> str:
    parts = [f"## {page.name}", *page.told]
    lines = [
        ("watches", ", ".join(f"`{name}`" for name in page.watches)),
        ("may wish", ", ".join(f"`{name}`" for name in page.wishes)),
        ("limits of the policy", _limits(page, "policy")),
        ("figures of its own", _limits(page, "")),
    ]
    parts.append("\n".join(f"- **{what}:** {told}" for what, told in lines if told))
    return "\n\n".join(parts)


def _limits(page: RulePage, home: str) -> str:
    """Those of the policy, or with ``home`` empty those of the agent's own rules, each with where it is written."""
    return ", ".join(
        f"`{limit.name}` {limit.value}" + ("" if home else f" ({limit.home})")
        for limit in page.limits
        if (limit.home == "policy") == bool(home)
    )
