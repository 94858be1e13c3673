"""The agents, in order of precedence: when two wishes exclude each other, the earlier agent's stands."""

from swarmd.agents import (
    auto_scheduler,
    main_orchestrator,
    operation_hang_guard,
    session_state_manager,
    util_controller,
    worker_sentry,
)
from swarmd.agents.contract import Agent

ROSTER: tuple[Agent, ...] = (
    worker_sentry,
    operation_hang_guard,
    session_state_manager,
    util_controller,
    main_orchestrator,
    auto_scheduler,
)
