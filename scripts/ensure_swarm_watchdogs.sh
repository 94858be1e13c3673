#!/usr/bin/env bash
# Makes the swarm and all that watches over it be running: starts what is not, mends what is stale, else does nothing.
# For a crontab:        * * * * * SWARMD_HOME=/srv/swarm /opt/swarmd/scripts/ensure_swarm_watchdogs.sh >/dev/null
# For a shell's start:  SWARMD_HOME=/srv/swarm /opt/swarmd/scripts/ensure_swarm_watchdogs.sh >/dev/null 2>&1 &
# Arguments go to `swarmd ensure`. A campaign that is done, or was stopped by `swarmd stop`, is left alone. VENV_PATH,
# SWARM_ENABLED and the three roots: see swarm_environment.sh.
set -euo pipefail
# A crontab must not install anything each minute: set up once by a person, and then only looked at.
. "$(dirname -- "$0")/swarm_environment.sh" once
exec "$swarmd" ensure "$@"
