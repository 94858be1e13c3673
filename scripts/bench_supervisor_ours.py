#!/usr/bin/env python3
"""The real daemon with lanes that run a tiny program, and limits a campaign file cannot set.

    python bench_supervisor_ours.py HOME CAMPAIGN.yaml LIMITS.json PROGRAM [WORD…]

Journal, agents, cycle and backend are those of `swarmd start`; only the lanes' command line is another, and whatever
limits are named. Called by scripts/bench_supervisor alone.
"""

import json
import sys
from pathlib import Path
from typing import Any

from swarmd.state.records.policy import Policy
from swarmd.state.store.files import Home
from swarmd.supervisor import daemon
from swarmd.supervisor.campaign_file import read_campaign


def main(home: str, campaign: str, limits: str, *program: str) -> int:
    changed = json.loads(Path(limits).read_text())
    of_campaign = daemon.policy_of

    def policy_of(*arguments: Any, **named: Any) -> Policy:
        return of_campaign(*arguments, **named).model_copy(update=changed)

    daemon.policy_of = policy_of
    place = Home(Path(home))
    asked = None if place.journal.exists() else read_campaign(Path(campaign)).settings
    return daemon.run_daemon(place, asked, campaign_file=campaign, monitors=False, program=program)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
