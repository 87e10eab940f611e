#!/usr/bin/env bash
# Installs daemon and app as systemd services that start with the machine. Calling it again updates them.
#   sudo scripts/install-service.sh               install and start
#   scripts/install-service.sh --write-to FOLDER  only write the filled units there, to look at
# LLM_TRAINER_USER (default: who owns this folder), LLM_TRAINER_WORKSPACE (default: this folder) and
# LLM_TRAINER_PORT (default: 8501) are taken from the environment: sudo LLM_TRAINER_PORT=9000 make install-service
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/service.sh
. scripts/service.sh

code_root=$PWD
workspace=$(realpath -m "${LLM_TRAINER_WORKSPACE:-$PWD}")
user=${LLM_TRAINER_USER:-$(stat -c %U .)}
port=${LLM_TRAINER_PORT:-8501}

check_values() {
  local path
  id -u -- "$user" >/dev/null 2>&1 || fail "There is no user $user. Name another one in LLM_TRAINER_USER."
  [[ $port =~ ^[1-9][0-9]{3,4}$ ]] && ((port >= 1024 && port <= 65535)) ||
    fail "LLM_TRAINER_PORT must be a number from 1024 to 65535, not '$port'."
  for path in "$code_root" "$workspace"; do
    [[ $path != *[\"\\\$\'$'\n']* ]] || fail "A service cannot use a path with quotes, \$ or backslashes: $path"
    # The app has a /tmp of its own, and the next start of the machine empties the real one.
    [[ $path/ != /tmp/* && $path/ != /var/tmp/* ]] || [[ -n $write_to ]] ||
      fail "A service cannot live in a temporary folder: $path"
  done
}

# In a unit file % begins a specifier.
for_unit() {
  printf '%s' "${1//%/%%}"
}

fill() {
  local text
  text=$(<"systemd/$1")
  text=${text#*$'\n'} # the line that says that it is a template
  text=${text//@CODE_ROOT@/"$(for_unit "$code_root")"}
  text=${text//@WORKSPACE@/"$(for_unit "$workspace")"}
  text=${text//@USER@/"$user"}
  text=${text//@PORT@/"$port"}
  printf '%s\n' "$text"
}

write_units() {
  local unit
  for unit in "${UNITS[@]}"; do
    fill "$unit" >"$1/$unit"
  done
}

verify_units() {
  local said
  said=$(systemd-analyze verify "${UNITS[@]/#/$1/}" 2>&1) || fail "systemd does not accept the units: $said"
}

check_ready() {
  [[ -x .venv/bin/python ]] || fail "The environment is missing. Make it first, as $user: make setup"
  # As that user: a folder made by root is one the service could not write in.
  as_user mkdir -p "$workspace/runs" 2>/dev/null || true
  as_user test -w "$workspace/runs" ||
    fail "$user cannot write in $workspace/runs. Give it to them: chown -R $user $workspace"
  as_user "$code_root/.venv/bin/python" -c '' 2>/dev/null || fail "$user cannot run $code_root/.venv/bin/python."
}

as_user() {
  if [[ $user == root ]]; then "$@"; else runuser -u "$user" -- "$@"; fi
}

# A daemon of `make run` holds the lock that the service needs.
check_no_other_daemon() {
  systemd_runs && systemctl is-active --quiet "${UNITS[0]}" && return
  [[ ! -e $workspace/runs/.daemon.lock ]] || flock -n -s "$workspace/runs/.daemon.lock" true ||
    fail "A daemon is at work in $workspace already (make run?). Stop it first; trainings go on meanwhile."
}

put_in_place() {
  local unit
  mkdir -p "$UNIT_FOLDER"
  for unit in "${UNITS[@]}"; do
    cmp -s "$1/$unit" "$UNIT_FOLDER/$unit" || install -m 644 "$1/$unit" "$UNIT_FOLDER/$unit"
  done
}

start_units() {
  if ! systemd_runs; then
    echo "The units are in $UNIT_FOLDER; systemd does not run here, so they were not started."
    return
  fi
  systemctl daemon-reload
  systemctl enable --quiet "${UNITS[@]}"
  # A restart of the daemon disturbs no training, and brings in new code as well as new units.
  systemctl restart "${UNITS[@]}"
  echo "LLM Trainer runs as $user: http://127.0.0.1:$port"
  echo "Logs: journalctl -u llm-trainer-daemon -u llm-trainer-app -f"
}

write_to=
if [[ ${1:-} == --write-to ]]; then
  write_to=${2:?--write-to needs a folder}
  check_values
  mkdir -p "$write_to"
  write_units "$write_to"
  exit
elif [[ $# -gt 0 ]]; then
  fail "Unknown option $1. The only one is --write-to FOLDER."
fi

require_root install-service
check_values
check_ready
check_no_other_daemon
filled=$(mktemp -d)
trap 'rm -rf "$filled"' EXIT
write_units "$filled"
verify_units "$filled"
put_in_place "$filled"
start_units
