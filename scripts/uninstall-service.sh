#!/usr/bin/env bash
# Removes both services. Trainings that are under way go on to their end; runs and uploads stay.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/service.sh
. scripts/service.sh

require_root uninstall-service
for unit in "${UNITS[@]}"; do
  [[ -e $UNIT_FOLDER/$unit ]] || continue
  if systemd_runs; then systemctl disable --now --quiet "$unit"; fi
  rm -f "$UNIT_FOLDER/$unit"
  echo "Removed $unit"
done
if systemd_runs; then systemctl daemon-reload; fi
