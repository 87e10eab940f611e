#!/usr/bin/env bash
# Removes both services. Trainings under way save a checkpoint and stop; the next daemon takes them up.
# Runs, uploads, models and configs stay, and belong to the owner of this folder again.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/service.sh
. scripts/service.sh

stop_units() {
  systemctl disable --now --quiet "${UNITS[1]}" "${UNITS[0]}" || true
}

stop_trainings() {
  local pids end=$((SECONDS + 130))
  readarray -t pids < <(keepers "$1")
  [[ ${#pids[@]} != 0 ]] || return 0
  echo "Waiting for the trainings under way (${#pids[@]}) to save a checkpoint, two minutes at most ..."
  kill -TERM "${pids[@]}"
  while ((SECONDS < end)) && [[ -n $(keepers "$1") ]]; do sleep 0.5; done
}

# Ends the service user's own manager, in which the trainings were units.
stop_user_manager() {
  loginctl disable-linger "$1" || true
  systemctl stop "user@$(id -u "$1").service"
}

give_data_back() {
  local folders owner
  owner=$(stat -c %U .)
  readarray -d '' folders < <(data_folders "$2")
  [[ $owner == "$1" || ${#folders[@]} == 0 ]] || find "${folders[@]}" -user "$1" -exec chown -h "$owner" {} +
}

# The unit of the daemon goes last: it is what says for whom and where all this was installed.
remove_files() {
  local file
  for file in "$@" "$RUN_UNITS_DROP_IN" "${UNITS[1]}" "${UNITS[0]}"; do
    [[ -e $UNIT_FOLDER/$file ]] || continue
    rm -f "$UNIT_FOLDER/$file"
    if [[ $file == */* ]]; then rmdir --ignore-fail-on-non-empty "$UNIT_FOLDER/${file%/*}"; fi
    echo "Removed $UNIT_FOLDER/$file"
  done
}

uninstall() {
  local user workspace drop_in
  user=$(installed User=)
  workspace=$(installed 'Environment="LLM_TRAINER_WORKSPACE=')
  workspace=${workspace%\"}
  workspace=${workspace//%%/%}
  drop_in=$(manager_drop_in "$(id -u "$user")")
  if systemd_runs; then
    stop_units
    stop_trainings "$workspace"
    [[ ! -e $UNIT_FOLDER/$drop_in ]] || stop_user_manager "$user"
  fi
  give_data_back "$user" "$workspace"
  remove_files "$drop_in"
  if systemd_runs; then systemctl daemon-reload; fi
}

require_root uninstall-service
if [[ -e $UNIT_FOLDER/${UNITS[0]} ]]; then
  uninstall
else
  echo "No services are installed."
fi
if id -u "$SERVICE_USER" >/dev/null 2>&1; then
  echo "The user $SERVICE_USER and its folder $SERVICE_HOME stay; to remove both: userdel -r $SERVICE_USER"
fi
