# shellcheck shell=bash disable=SC2034
# What install-service.sh and uninstall-service.sh share; sourced by both.

UNITS=(llm-trainer-daemon.service llm-trainer-app.service)
UNIT_FOLDER=/etc/systemd/system

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
