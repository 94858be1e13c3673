#!/usr/bin/env python3
"""The real daemon with lanes that run a tiny program, and limits a campaign file cannot set.

    python bench_supervisor_ours.py HOME CAMPAIGN.yaml LIMITS.json PROGRAM [WORD…]

Journal, agents, cycle and backend are those of `swarmd start`, as are the collector's threshold and that a campaign
file is read only where there is one to read; only the lanes' command line is another, and whatever limits are named.
Called by scripts/bench_supervisor alone.
"""

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

# Before anything is imported, as in swarmd.cli.
gc.set_threshold(20_000)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from swarmd.state.records.campaign_settings import CampaignSettings  # noqa: E402
from swarmd.state.records.policy import Policy  # noqa: E402
from swarmd.state.store.files import Home  # noqa: E402
from swarmd.supervisor import daemon  # noqa: E402


def main(home: str, campaign: str, limits: str, *program: str) -> int:
    changed = json.loads(Path(limits).read_text())
    of_campaign = daemon.policy_of

    def policy_of(*arguments: Any, **named: Any) -> Policy:
        return of_campaign(*arguments, **named).model_copy(update=changed)

    daemon.policy_of = policy_of
    place = Home(Path(home))
    asked = None if place.journal.exists() else settings_of(Path(campaign))
    return daemon.run_daemon(place, asked, campaign_file=campaign, monitors=False, program=program)


def settings_of(campaign: Path) -> CampaignSettings:
    from swarmd.supervisor.campaign_file import read_campaign

    return read_campaign(campaign).settings


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
