#!/usr/bin/env bash
# Sourced by the scripts that start a swarm: what the environment tells them, the same for all. Alone it only checks that.
#   SWARM_ENABLED=0        (or false, no, off) nothing is started, and it is said
#   VENV_PATH=DIR          a virtual environment that has swarmd, or its bin/activate; then nothing is installed
#   SWARMD_HOME, RESULTS_ROOT, STATE_ROOT, LOGS_ROOT are read by swarmd itself
# Leaves the program in $swarmd, and the caller where it stood. $1 is `once` where a set-up of any age will do.
set -euo pipefail

case "${SWARM_ENABLED:-1}" in
  0 | [Ff]alse | FALSE | [Nn]o | NO | [Oo]ff | OFF)
    echo "SWARM_ENABLED=$SWARM_ENABLED: nothing is started" >&2
    exit 0
    ;;
  1 | [Tt]rue | TRUE | [Yy]es | YES | [Oo]n | ON) ;;
  *)
    echo "error: SWARM_ENABLED=$SWARM_ENABLED is neither yes nor no; say 1 or 0" >&2
    exit 2
    ;;
esac

checkout=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
if [ -n "${VENV_PATH:-}" ]; then
  # As it is given to `source`, or as the folder it is.
  venv=${VENV_PATH%/}
  venv=${venv%/bin/activate}
  swarmd=$(CDPATH='' cd -- "$venv/bin" 2>/dev/null && pwd)/swarmd || true
  if [ ! -x "$swarmd" ]; then
    echo "error: VENV_PATH=$VENV_PATH has no bin/swarmd; install swarmd there, or leave VENV_PATH out" >&2
    exit 2
  fi
else
  swarmd=$checkout/.venv/bin/swarmd
  [ "${1:-}" = once ] && [ -x "$swarmd" ] || "$checkout/scripts/setup" run
fi
