# shellcheck shell=bash disable=SC2034
# What install-service.sh and uninstall-service.sh share; sourced by both.

SERVICE_USER=llm-trainer
SERVICE_HOME=/var/lib/llm-trainer
UNITS=(llm-trainer-daemon.service llm-trainer-app.service)
UNIT_FOLDER=/etc/systemd/system
RUN_UNITS_DROP_IN=llm-trainer-daemon.service.d/run-units.conf
DATA_FOLDERS=(runs uploads models configs)
TOKENS=/etc/llm-trainer.env

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

require_root() {
  [[ $(id -u) == 0 ]] || fail "This changes system services and needs root: sudo make $1"
}

# Without systemd as the first process (a container) units can be put in place, not started.
systemd_runs() {
  [[ -d /run/systemd/system ]]
}

# What the installed daemon's unit says after these words; empty where none is installed.
installed() {
  [[ ! -e $UNIT_FOLDER/${UNITS[0]} ]] || sed -n "s/^$1//p" "$UNIT_FOLDER/${UNITS[0]}"
}

# The drop-in for the service user's own manager, in which each training is a unit.
manager_drop_in() {
  printf 'user@%s.service.d/llm-trainer.conf' "$1"
}

# The keepers of the trainings under way in the workspace: pids, one a line.
keepers() {
  local lock pid
  for lock in "$1"/runs/*/.lock; do
    if [[ ! -e $lock ]] || flock -n -s "$lock" true; then continue; fi
    pid=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$lock")
    # The pid of a keeper that was killed may be another's by now.
    if grep -Eqs 'trainer\.(keeper|standby)' "/proc/$pid/cmdline"; then echo "$pid"; fi
  done
}

# The paths of the data folders that are there, wherever links lead.
data_folders() {
  local folder
  for folder in "${DATA_FOLDERS[@]}"; do
    [[ ! -d $1/$folder ]] || realpath -z "$1/$folder"
  done
}
