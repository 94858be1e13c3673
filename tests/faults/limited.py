"""`swarmd` with other limits than the campaign file can set, so that a hang is judged within seconds.

Usage: python limited.py '{"stuck_after": 3000}' --home DIR start …   Everything else is the real thing.
"""

import json
import sys
from typing import Any

from swarmd.cli import exit_code_of
from swarmd.state.records.policy import Policy
from swarmd.supervisor import daemon

if __name__ == "__main__":
    limits = json.loads(sys.argv[1])
    of_campaign = daemon.policy_of

    def policy_of(*arguments: Any, **named: Any) -> Policy:
        return of_campaign(*arguments, **named).model_copy(update=limits)

    daemon.policy_of = policy_of
    sys.exit(exit_code_of(sys.argv[2:]))
