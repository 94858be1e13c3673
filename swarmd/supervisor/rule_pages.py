"""The rule page of each agent: its own account of itself, the facts of its code, and the limits in force.

The facts are those of ``rule_facts.json``, which `scripts/make_agent_registry` reads off the source (`rule_reading`).
Called when the registry is written, which is once a session.
"""

import importlib
import inspect
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from pydantic import TypeAdapter

from swarmd.agents import orchestration_consensus
from swarmd.agents.contract import Agent
from swarmd.agents.pages.registry import Limit, RulePage, registry
from swarmd.state.records.policy import Policy
from swarmd.state.units import spoken
from swarmd.supervisor.roster import ROSTER

FACTS = Path(__file__).with_name("rule_facts.json")


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """``limits`` are fields of the policy; a figure is the module it stands in, its name there, and its value in words.

    ``watches`` are tables of the View.
    """

    watches: tuple[str, ...]
    wishes: tuple[str, ...]
    limits: tuple[str, ...]
    figures: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """``units`` has the unit of each field of the policy, ``agents`` the facts by name, the arbiter's among them."""

    units: dict[str, str]
    agents: dict[str, RuleFacts]


def registry_page(policy: Policy) -> str:
    """``AGENT_REGISTRY.md`` under these limits."""
    return registry([rule_page(agent, policy) for agent in ROSTER], rule_page(orchestration_consensus, policy))


def rule_page(agent: Agent | ModuleType, policy: Policy) -> RulePage:
    """What the agent's module says of itself, and what its code does."""
    rules = _rules()
    facts = rules.agents[agent.NAME]
    module = importlib.import_module(f"swarmd.agents.{agent.NAME}")
    told = inspect.cleandoc(module.__doc__ or "").split("\n\n")
    limits = [Limit(name, _in_words(policy, name, rules.units.get(name, "")), "policy") for name in facts.limits]
    limits += [Limit(name.strip("_").lower(), value, home) for home, name, value in facts.figures]
    return RulePage(
        name=agent.NAME,
        told=tuple(" ".join(paragraph.split()) for paragraph in told if paragraph.strip()),
        watches=facts.watches,
        wishes=facts.wishes,
        limits=tuple(limits),
    )


@cache
def _rules() -> Rules:
    return TypeAdapter(Rules).validate_json(FACTS.read_bytes())


def _in_words(policy: Policy, name: str, unit: str) -> str:
    value = getattr(policy, name)
    if unit == "Millis":
        return spoken(value)
    if unit == "int" and value >= 1 << 20:
        return f"{value / (1 << 30):g} GiB"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"
