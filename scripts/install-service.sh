#!/usr/bin/env bash
# Installs daemon and app as systemd services that start with the machine. Calling it again updates them.
#   sudo scripts/install-service.sh               install and start
#   scripts/install-service.sh --write-to FOLDER  only write the filled units there, to look at
# They run as the system user llm-trainer, made when missing, who can write the data folders of the
# workspace and nothing else of it. Taken from the environment: LLM_TRAINER_USER (another user, who
# must exist), LLM_TRAINER_WORKSPACE (default: this folder) and LLM_TRAINER_PORT (default: 8501), as in
# sudo LLM_TRAINER_PORT=9000 make install-service. Tokens (HF_TOKEN=...) go into /etc/llm-trainer.env.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/service.sh
. scripts/service.sh

code_root=$PWD
workspace=$(realpath -m "${LLM_TRAINER_WORKSPACE:-$PWD}")
owner=$(stat -c %U .)
user=${LLM_TRAINER_USER:-$SERVICE_USER}
port=${LLM_TRAINER_PORT:-8501}
python=$code_root/.venv/bin/python

check_values() {
  local path
  user_exists || [[ $user == "$SERVICE_USER" ]] ||
    fail "There is no user $user. Name another one in LLM_TRAINER_USER."
  [[ $port =~ ^[1-9][0-9]{3,4}$ && $port -ge 1024 && $port -le 65535 ]] ||
    fail "LLM_TRAINER_PORT must be a number from 1024 to 65535, not '$port'."
  for path in "$code_root" "$workspace"; do
    check_path "$path"
    # The services have a /tmp of their own, and the next start of the machine empties the real one.
    [[ $path/ != /tmp/* && $path/ != /var/tmp/* ]] || [[ -n $write_to ]] ||
      fail "A service cannot live in a temporary folder: $path"
  done
}

check_path() {
  [[ $1 != *[\"\\\$:\'$'\n']* ]] ||
    fail "A service cannot use a path with quotes, colons, \$ or backslashes: $1"
}

user_exists() {
  id -u -- "$user" >/dev/null 2>&1
}

# Only a user who is there for the trainings alone gets a manager that is locked in with them.
is_dedicated() {
  [[ $(getent passwd -- "$user" | cut -d: -f6) == "$SERVICE_HOME" ]]
}

as() {
  local who=$1
  shift
  if [[ $(id -un) == "$who" ]]; then "$@"; else runuser -u "$who" -- "$@"; fi
}

# In a unit file % begins a specifier.
for_unit() {
  printf '%s' "${1//%/%%}"
}

# What the services must read in folders that are hidden from them: one path a line.
hidden_paths() {
  local path
  while IFS= read -r path; do
    printf '%s\n' "$path" "$(realpath -m "$path")"
  done | grep -E '^(/home|/root|/run/user)/' | sort -u || true
}

needed_paths() {
  printf '%s\n' "$code_root" "$workspace" "$(realpath .venv)"
  # Opened here: what the services have written into it, the owner need not be able to read.
  { cat "$workspace/configs/settings.yaml" 2>/dev/null || true; } |
    as "$owner" env PYTHONPATH="$code_root" "$python" -P -c '
import sys
from core.settings import parse_settings
print(sys.base_prefix, *parse_settings(sys.stdin.read()).allowed_folders, sep="\n")'
}

# The setting with each path that is read from standard input, if there is one.
bind_line() {
  local path line=
  while IFS= read -r path; do
    check_path "$path"
    line+=" \"$(for_unit "$path")\""
  done
  [[ -z $line ]] || printf '%s=%s' "$1" "${line# }"
}

fill() {
  local text
  text=$(<"systemd/$1")
  text=${text#*$'\n'} # the line that says that it is a template
  text=${text//@SANDBOX@/"$(<systemd/sandbox.conf)"}
  text=${text//@READABLE@/"$readable"}
  text=${text//@WRITABLE@/"$writable"}
  text=${text//@CODE_ROOT@/"$(for_unit "$code_root")"}
  text=${text//@WORKSPACE@/"$(for_unit "$workspace")"}
  text=${text//@HOME@/"$SERVICE_HOME"}
  text=${text//@TOKENS@/"$TOKENS"}
  text=${text//@USER@/"$user"}
  text=${text//@UID@/"$(id -u -- "$user" 2>/dev/null || true)"}
  text=${text//@PORT@/"$port"}
  printf '%s\n' "$text"
}

write_file() {
  mkdir -p "$(dirname "$2")"
  fill "$1" >"$2"
}

write_units() {
  local unit needed readable writable
  needed=$(needed_paths) || fail "The environment or configs/settings.yaml is not in order; see above."
  readable=$(hidden_paths <<<"$needed" | bind_line BindReadOnlyPaths)
  writable=$(printf '%s\n' "${DATA_FOLDERS[@]/#/$workspace/}" | bind_line BindPaths)
  for unit in "${UNITS[@]}"; do
    write_file "$unit" "$1/$unit"
  done
  if is_dedicated; then
    write_file run-units.conf "$1/$RUN_UNITS_DROP_IN"
    write_file user-manager.conf "$1/$(manager_drop_in "$(id -u "$user")")"
  fi
}

verify_units() {
  local said
  said=$(systemd-analyze verify "${UNITS[@]/#/$1/}" 2>&1) || fail "systemd does not accept the units: $said"
}

check_ready() {
  local before
  before=$(installed User=)
  [[ -z $before || $before == "$user" ]] ||
    fail "The services are installed for $before. Remove them first: sudo make uninstall-service"
  [[ -x $python ]] || fail "The environment is missing. Make it first, as $owner: make setup"
}

# A daemon of `make run` holds the lock that the service needs.
check_no_other_daemon() {
  systemd_runs && systemctl is-active --quiet "${UNITS[0]}" && return
  [[ ! -e $workspace/runs/.daemon.lock ]] || flock -n -s "$workspace/runs/.daemon.lock" true ||
    fail "A daemon is at work in $workspace already (make run?). Stop it first; trainings go on meanwhile."
}

# The service could neither pause nor cancel what another user's daemon began.
check_no_foreign_trainings() {
  local pid who
  for pid in $(keepers "$workspace"); do
    who=$(stat -c %U "/proc/$pid" 2>/dev/null || echo "$user")
    [[ $who == "$user" ]] || fail "A training of $who is under way. Cancel it first, or wait for its end."
  done
}

make_user() {
  local group
  if ! user_exists; then
    useradd --system --user-group --home-dir "$SERVICE_HOME" --no-create-home \
      --shell /usr/sbin/nologin --comment "LLM Trainer" "$user"
    echo "Made the system user $user"
  fi
  install -d -m 750 "$SERVICE_HOME"
  [[ $(stat -c %U "$SERVICE_HOME") == "$user" ]] || chown -R "$user:" "$SERVICE_HOME"
  if ! is_dedicated; then return; fi
  # Some drivers leave the GPU's device files to one of these groups.
  for group in video render; do
    if getent group "$group" >/dev/null; then usermod -aG "$group" "$user"; fi
  done
}

# The data belongs to the owner of the checkout and, through its group, to the service as well.
share_data() {
  local folder group folders foreign
  group=$(id -gn "$user")
  [[ -e $workspace ]] || install -d -o "$owner" -g "$(id -g "$owner")" "$workspace"
  if [[ ! -e $workspace/configs ]]; then
    cp -r "$code_root/configs" "$workspace/configs"
    chown -R "$owner" "$workspace/configs"
  fi
  for folder in "${DATA_FOLDERS[@]}" runs/queue runs/rejected; do
    [[ -d $workspace/$folder ]] || install -d -m 2770 -o "$owner" -g "$group" "$workspace/$folder"
  done
  if [[ $user == "$owner" ]]; then return; fi
  readarray -d '' folders < <(data_folders "$workspace")
  # What the service made is left alone: a training may be changing it right now.
  foreign=("${folders[@]}" ! -user "$user" ! -type l)
  find "${foreign[@]}" -exec chgrp "$group" {} + -exec chmod g+rwX {} +
  find "${foreign[@]}" -type d -exec chmod g+s {} +
}

put_in_place() {
  local file
  while IFS= read -r -d '' file; do
    cmp -s "$1/$file" "$UNIT_FOLDER/$file" && continue
    install -D -m 644 "$1/$file" "$UNIT_FOLDER/$file"
    [[ $file != user@* ]] || manager_changed=yes
  done < <(cd "$1" && find . -type f -printf '%P\0')
  is_dedicated || rm -f "$UNIT_FOLDER/$RUN_UNITS_DROP_IN"
}

start_user_manager() {
  local unit
  unit=user@$(id -u "$user").service
  loginctl enable-linger "$user" ||
    echo "Note: trainings will be part of the daemon's unit, for $user can have no manager of their own."
  [[ -n $manager_changed ]] || return 0
  if [[ -n $(keepers "$workspace") ]]; then
    echo "Note: a training is under way; what changed for trainings holds from the next start of the machine."
  else
    systemctl try-restart "$unit"
  fi
}

start_units() {
  if ! systemd_runs; then
    echo "The units are in $UNIT_FOLDER; systemd does not run here, so they were not started."
    return
  fi
  systemctl daemon-reload
  if is_dedicated; then start_user_manager; fi
  systemctl enable --quiet "${UNITS[@]}"
  # A restart of the daemon disturbs no training, and brings in new code as well as new units.
  systemctl restart "${UNITS[@]}" || explain_and_fail
  echo "LLM Trainer runs as $user: http://127.0.0.1:$port"
  echo "Logs: journalctl -u llm-trainer-daemon -u llm-trainer-app -f"
}

explain_and_fail() {
  journalctl --no-pager --output cat --lines 15 "${UNITS[@]/#/--unit=}" >&2 || true
  fail "The services do not start; above are their last words. They are tried again every few seconds."
}

tell_about_group() {
  local group
  group=$(id -gn "$user")
  if [[ $user == root || $owner == root || " $(id -nG "$owner") " == *" $group "* ]]; then return; fi
  echo "Specs can be dropped into $workspace/runs/queue as before. To read what the services write, join"
  echo "their group and log in anew: sudo usermod -aG $group $owner"
}

write_to=
manager_changed=
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
check_no_foreign_trainings
make_user
share_data
filled=$(mktemp -d)
trap 'rm -rf "$filled"' EXIT
write_units "$filled"
verify_units "$filled"
put_in_place "$filled"
start_units
tell_about_group
