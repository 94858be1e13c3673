"""Who publishes a ``<name>_state.json``, in roster order, the arbiter last. Names only, so that ``query`` starts fast.

State may not import the roster; a test holds both equal.
"""

AGENTS = (
    "budget_guard",
    "watchdog",
    "worker_sentry",
    "operation_hang_guard",
    "session_state_manager",
    "util_controller",
    "main_orchestrator",
    "auto_scheduler",
    "quant_analyst",
    "hypothesis_runner",
    "champion_keeper",
    "curator",
    "orchestration_consensus",
)
CONTROL_FILE = "swarm_control_state.json"


def state_file(agent: str) -> str:
    return f"{agent}_state.json"
