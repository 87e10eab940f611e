# shellcheck shell=bash
# What tests/systemd/run.sh asks of the box, and of the workspace in there; sourced by it.

SYSTEMD_BOX_DIR=$(mktemp -d /var/tmp/llm-trainer-box.XXXXXX)
export SYSTEMD_BOX_DIR
root=$SYSTEMD_BOX_DIR/root
workspace=/home/alice/llm-trainer
service=llm-trainer
page=http://127.0.0.1:8501

box() {
  scripts/systemd-box "$@"
}

in_box() {
  box exec "$@"
}

as_alice() {
  in_box runuser -u alice -- bash -c "cd '$workspace' && $1"
}

ok() {
  echo "ok: $*"
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

cannot_run() {
  echo "cannot run: $*" >&2
  rm -rf "$SYSTEMD_BOX_DIR"
  exit 77
}

require_box() {
  local said path
  [[ $(id -u) == 0 ]] || cannot_run "this needs root"
  [[ -x .venv/bin/python ]] || cannot_run "the environment is missing: make setup"
  if ! said=$(box up 2>&1); then
    box down || true
    cannot_run "$said"
  fi
  for path in "$(realpath .venv/lib)" "$(realpath .venv/bin/python)"; do
    in_box test -e "$path" && continue
    box down
    cannot_run "the box does not see $path"
  done
}

# Whatever happened: tell where it stood, and leave nothing behind.
leave() {
  local code=$?
  if [[ $code != 0 ]]; then tell_state >&2 || true; fi
  box down || echo "the box is left in $SYSTEMD_BOX_DIR: scripts/systemd-box down" >&2
  exit "$code"
}

tell_state() {
  local folder
  echo "--- after $SECONDS s, the daemon's last words:"
  in_box journalctl --no-pager --output cat --lines 30 --unit llm-trainer-daemon
  folder=$(printf '%s\n' "$root$workspace"/runs/*-* | tail -1)
  echo "--- $folder"
  cat "$folder/status.json"
  tail -n 15 "$folder/train.log"
}

# Wait for a fact: its name, at most so many seconds, the command that holds when it does.
wait_for() {
  local name=$1 end=$((SECONDS + $2))
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "waited in vain for $name"
    sleep 0.3
  done
}

# A checkout as a person has it: in a home that is closed to others, like its Python.
make_workspace() {
  local python=.venv/bin/python lib
  lib=$(realpath .venv/lib)
  in_box useradd --create-home alice
  mkdir -p "$root$workspace/.venv"/{bin,lib}
  git ls-files -coz --exclude-standard | tar -c --null -T - | tar -x -C "$root$workspace"
  ln -s "$(realpath "$python")" "$root$workspace/.venv/bin/python"
  printf 'home = %s\n' "$(dirname "$(realpath "$python")")" >"$root$workspace/.venv/pyvenv.cfg"
  echo "nobody's business" >"$root/home/alice/diary"
  in_box chown -R alice: /home/alice
  in_box chmod 700 /home/alice
  in_box chmod o+x /root
  # Not copied, for its size; and a link could lead to where a service does not look.
  echo "$lib $workspace/.venv/lib none bind 0 0" >>"$root/etc/fstab"
  in_box systemctl daemon-reload
  in_box mount --all
  as_alice "PYTHONPATH=. .venv/bin/python -P -m trainer.starter" >/dev/null 2>&1
}

install_service() {
  in_box make -s -C "$workspace" install-service
}

# A LoRA of the starter: its name, how many epochs of 16 steps, and every how many steps it saves.
drop() {
  sed -e "s/name: starter-lora/name: $1/" -e "s/^num_epochs: .*/num_epochs: $2/" \
    -e "s/^save_steps: .*/save_steps: $3/" -e '/^eval_steps/d' -e '/^test_datasets/,/split:/d' \
    configs/presets/starter-lora.yaml >"$root/home/alice/$1.yaml"
  in_box chown alice: "/home/alice/$1.yaml"
  as_alice "mv ~/$1.yaml runs/queue/"
}

# The folder of a run by its name, as the box sees it.
run_folder() {
  local folders=("$root$workspace"/runs/*-"$1")
  echo "${folders[0]#"$root"}"
}

# A key of a JSON file; empty while there is no such file.
json() {
  .venv/bin/python - "$@" <<'P'
import json, pathlib, sys
path = pathlib.Path(sys.argv[1])
value = json.loads(path.read_text()) if path.exists() else {}
for key in sys.argv[2].split("."):
    value = value.get(key, {})
print("" if value in ({}, None) else value)
P
}

field() {
  json "$root$(run_folder "$1")/status.json" "$2"
}

exit_field() {
  json "$root$(run_folder "$1")/exit.json" "$2"
}

phase_is() {
  local phase
  phase=$(field "$1" phase)
  case $phase in
  "$2") return 0 ;;
  failed | completed | cancelled) fail "$1 is $phase: $(field "$1" reason)" ;;
  *) return 1 ;;
  esac
}

attempt_is() {
  phase_is "$1" running && [[ $(field "$1" attempt) == "$2" ]]
}

has_checkpoint() {
  compgen -G "$root$(run_folder "$1")/output/checkpoint-*/trainer_state.json" >/dev/null
}

# The newest attempt began at a checkpoint, not at the first step.
resumed_from() {
  local step
  step=$(sed -n 's/.*"entry": "plan".*"step": \([0-9]*\).*/\1/p' "$root$(run_folder "$1")/journal.jsonl" | tail -1)
  ((${step:-0} > 0)) || fail "$1 began anew: $(tail -3 "$root$(run_folder "$1")/journal.jsonl")"
  ok "attempt $(field "$1" attempt) went on after step $step"
}

# How often the run has told of its progress.
count_metrics() {
  wc -l 2>/dev/null <"$root$(run_folder "$1")/metrics.jsonl" || echo 0
}

has_more_metrics_than() {
  (($(count_metrics "$2") > $1))
}

# The keeper as the run's lock names it: pid and start, in one word.
keeper_of() {
  local lock
  lock=$root$(run_folder "$1")/.lock
  echo "$(json "$lock" pid)@$(json "$lock" started_ticks)"
}

keeper_pid() {
  json "$root$(run_folder "$1")/.lock" pid
}

# The daemon stands still, until a watchdog that waits two seconds in place of sixty ends it.
hang_the_daemon() {
  local folder=/run/systemd/system/llm-trainer-daemon.service.d pid
  in_box mkdir -p "$folder"
  in_box bash -c "printf '[Service]\nWatchdogSec=2\n' >$folder/watchdog.conf"
  in_box systemctl daemon-reload
  in_box systemctl restart llm-trainer-daemon
  pid=$(in_box systemctl show -P MainPID llm-trainer-daemon)
  in_box kill -STOP "$pid"
  wait_for "the watchdog" 30 in_box test ! -d "/proc/$pid"
  in_box rm -r "$folder"
  in_box systemctl daemon-reload
}

goes_on() {
  wait_for "the status line after $3" 20 status_line_has "$1"
  wait_for "steps after $3" 60 has_more_metrics_than "$(count_metrics "$1")" "$1"
  [[ $(keeper_of "$1") == "$2" ]] || fail "$3 gave the run another keeper"
  [[ $(field "$1" attempt) == 1 && $(field "$1" phase) == running ]] || fail "$3 moved the run"
  in_box test -d "/proc/${2%@*}" || fail "$3 ended the keeper"
  ok "$3 leaves the run alone: keeper $2, attempt 1"
}

trainer_pid() {
  in_box pgrep -P "$(keeper_pid "$1")" | head -1
}

# Standbys may wait; no run is trained.
no_trainer_lives() {
  [[ -z $(in_box bash -c ". '$workspace/scripts/service.sh'; keepers '$workspace'") ]] || fail "a trainer lives"
}

standby_is() {
  [[ $(json "$root$workspace/runs/daemon.json" standby.state) == "$1" ]]
}

# The unit of the run's own in which its keeper lives; empty where there is none.
unit_of() {
  in_box sed -n 's|.*/\(llm-trainer-[s0-9][^/]*\.service\)$|\1|p' "/proc/$(keeper_pid "$1")/cgroup" | head -1
}

unit_pids() {
  [[ -z $1 ]] || in_box bash -c "grep -l -s '/$1' /proc/[0-9]*/cgroup" | xargs -r dirname || true
}

as_service() {
  in_box runuser -u "$service" -- env XDG_RUNTIME_DIR="/run/user/$(in_box id -u "$service")" "$@"
}

# As the service user, in what a process of it sees.
in_namespace() {
  local pid=$1
  shift
  in_box nsenter -t "$pid" -m -- runuser -u "$service" -- "$@"
}

status_line() {
  in_box systemctl status --no-pager llm-trainer-daemon | sed -n 's/^ *Status: "\(.*\)"$/\1/p'
}

status_line_has() {
  [[ $(status_line) == *"$1"* ]]
}

page_answers() {
  as_alice ".venv/bin/python -c 'import urllib.request as r; r.urlopen(\"$page/_stcore/health\")'" 2>/dev/null
}
