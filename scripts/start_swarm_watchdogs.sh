#!/usr/bin/env bash
# Starts the swarm and all that watches over it, in the background:
#   scripts/start_swarm_watchdogs.sh CAMPAIGN.yaml    your campaign
#   scripts/start_swarm_watchdogs.sh                  the last campaign of this home goes on
# Further arguments go to `swarmd start --detach`. Home: $SWARMD_HOME, else ./swarm where you stand. A second start says
# who runs and exits 2; for crontabs and shell hooks take ensure_swarm_watchdogs.sh. VENV_PATH, SWARM_ENABLED and the
# three roots: see swarm_environment.sh.
set -euo pipefail
. "$(dirname -- "$0")/swarm_environment.sh" ""
exec "$swarmd" start --detach "$@"
