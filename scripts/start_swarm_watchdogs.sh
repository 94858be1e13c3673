#!/usr/bin/env bash
# Starts the swarm and all that watches over it, in the background:
#   scripts/start_swarm_watchdogs.sh CAMPAIGN.yaml    your campaign
#   scripts/start_swarm_watchdogs.sh                  the last campaign of this home goes on
# Further arguments go to `swarmd start --detach`. Home: $SWARMD_HOME, else ./swarm where you stand. A second start says
# who runs and exits 2; for crontabs and shell hooks take ensure_swarm_watchdogs.sh.
set -euo pipefail
from=$PWD
CDPATH='' cd -- "$(dirname -- "$0")/.."
scripts/setup run
swarmd=$PWD/.venv/bin/swarmd
cd -- "$from"
exec "$swarmd" start --detach "$@"
