"""The agents, in order of precedence: when two wishes exclude each other, the earlier agent's stands."""

from swarmd.agents import (
    auto_scheduler,
    budget_guard,
    champion_keeper,
    curator,
    hypothesis_runner,
    main_orchestrator,
    operation_hang_guard,
    quant_analyst,
    session_state_manager,
    util_controller,
    watchdog,
    worker_sentry,
)
from swarmd.agents.contract import Agent

ROSTER: tuple[Agent, ...] = (
    budget_guard,
    watchdog,
    worker_sentry,
    operation_hang_guard,
    session_state_manager,
    util_controller,
    main_orchestrator,
    auto_scheduler,
    quant_analyst,
    hypothesis_runner,
    champion_keeper,
    curator,
)
