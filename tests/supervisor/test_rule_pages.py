"""The registry: every agent has a rule page, it says what the code does, and the copy in docs/ is the newest."""

import pytest
from builders import a_policy
from pydantic import TypeAdapter
from repository import ROOT

from swarmd.agents.contract import Agent
from swarmd.state.actions import ACTION_SHAPES
from swarmd.state.records.policy import Policy
from swarmd.state.view import View
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.rule_pages import FACTS, Rules, registry_page, rule_page
from swarmd.supervisor.rule_reading import rules_as_written

STALE = "out of date; run .venv/bin/python scripts/make_agent_registry"
KINDS = set(ACTION_SHAPES.json_schema()["discriminator"]["mapping"])


@pytest.mark.parametrize("agent", ROSTER, ids=lambda agent: str(agent.NAME))
def test_an_agent_has_a_page_that_says_what_it_watches_and_wishes(agent: Agent) -> None:
    page = rule_page(agent, a_policy())
    assert len(page.told) >= 2, f"{agent.NAME}: the docstring needs one line on what it does, and a paragraph of rules"
    assert page.told[0].endswith(".")
    assert page.watches
    assert set(page.watches) <= set(View.__dataclass_fields__)
    assert page.wishes
    assert set(page.wishes) <= KINDS
    assert {limit.name for limit in page.limits if limit.home == "policy"} <= set(Policy.model_fields)


def test_every_action_is_somebodys_to_wish() -> None:
    assert {wish for agent in ROSTER for wish in rule_page(agent, a_policy()).wishes} == KINDS


def test_a_page_follows_the_rules_an_agent_uses_and_tells_the_limits_in_force() -> None:
    guard = next(agent for agent in ROSTER if agent.NAME == "operation_hang_guard")
    limits = {limit.name: limit.value for limit in rule_page(guard, a_policy(stuck_after=61_000)).limits}
    assert limits["stuck_after"] == "1 min 1 s"
    assert limits["unkillable_graces"] == "3"
    assert "max_lanes" not in limits


def test_the_registry_stands_in_order_of_precedence() -> None:
    page = registry_page(a_policy())
    places = [page.index(f"\n## {agent.NAME}\n") for agent in ROSTER]
    assert places == sorted(places)
    assert page.rstrip().splitlines()[-1].startswith("- **")


def test_the_facts_that_a_daemon_reads_are_what_the_code_says() -> None:
    assert TypeAdapter(Rules).validate_json(FACTS.read_bytes()) == rules_as_written(), f"{FACTS.name} is {STALE}"


def test_the_copy_in_the_documents_is_what_the_code_says() -> None:
    page = ROOT / "docs" / "AGENT_REGISTRY.md"
    assert page.read_text() == registry_page(Policy(at=0)), f"{page.name} is {STALE}"
