#!/usr/bin/env bash
# The services in a real systemd: installed, disturbed in every way, and removed, with real trainings.
# Needs root. Says `ok: ...` for each fact; ends with 1 at the first that does not hold, and with 77 where
# no systemd can be booted. Takes two to four minutes.
set -Eeuo pipefail
trap 'echo "FAILED: $BASH_COMMAND (lines ${BASH_LINENO[*]})" >&2' ERR

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/systemd/box.sh
. tests/systemd/box.sh

test_installing() {
  install_service
  install_service
  ok "installing twice works, and leaves daemon and app running"
  wait_for "the status line" 10 status_line_has idle
  ok "systemctl status says what runs: $(status_line)"
  wait_for "the page" 60 page_answers
  ok "the page answers"
  [[ $(in_box stat -c %U:%G "$workspace/runs/queue") == "alice:$service" ]] || fail "the queue is not shared"
  ok "the data belongs to its owner and is shared with the service"
}

test_exposure() {
  local unit score
  for unit in llm-trainer-daemon llm-trainer-app "user@$(in_box id -u "$service")"; do
    score=$(in_box systemd-analyze security --no-pager "$unit.service" | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
    awk -v score="$score" 'BEGIN { exit !(score > 0 && score <= 3.0) }' || fail "exposure of $unit is $score"
    ok "exposure of $unit: $score (at most 3.0)"
  done
}

test_sandbox() {
  local pid
  pid=$(trainer_pid long)
  [[ $(in_box stat -c %U "/proc/$pid") == "$service" ]] || fail "a training runs as another user"
  in_box test -e /home/alice/diary
  ! in_namespace "$pid" test -e /home/alice/diary || fail "a training sees its owner's home"
  in_namespace "$pid" test -r "$workspace/core/paths.py"
  ok "a training sees the workspace, and nothing else of its owner's home"
  for path in "$workspace" "$workspace/core" /etc /usr /var/lib; do
    ! in_namespace "$pid" touch "$path/intruder" 2>/dev/null || fail "a training can write in $path"
  done
  ok "a training can write in no code and nowhere in the system"
  for path in "$workspace"/{runs,uploads,models,configs} /var/lib/llm-trainer /tmp; do
    in_namespace "$pid" touch "$path/.written"
    in_namespace "$pid" rm "$path/.written"
  done
  ok "it can write the data, its caches and a /tmp of its own"
}

test_disturbing_the_daemon() {
  local keeper
  drop long 8 8
  wait_for "the training" 120 phase_is long running
  wait_for "its status line" 10 status_line_has long
  ok "a spec that the owner dropped trains; systemctl status says: $(status_line)"
  [[ -n $(unit_of long) ]] || fail "it is no unit of its own"
  ok "it is a unit of its own: $(unit_of long)"
  test_sandbox
  keeper=$(keeper_of long)

  in_box systemctl restart llm-trainer-daemon
  goes_on long "$keeper" "a restart of the daemon"
  in_box systemctl kill --signal=KILL --kill-whom=main llm-trainer-daemon
  wait_for "the daemon" 20 in_box systemctl --quiet is-active llm-trainer-daemon
  goes_on long "$keeper" "kill -9 of the daemon"
  in_box systemctl stop llm-trainer-daemon
  wait_for "steps without a daemon" 60 has_more_metrics_than "$(count_metrics long)" long
  in_box systemctl start llm-trainer-daemon
  goes_on long "$keeper" "a stop and a start of the daemon"
  hang_the_daemon
  goes_on long "$keeper" "a daemon that hung and was ended by the watchdog"
}

test_one_unit_of_a_run() {
  local unit pids
  unit=$(unit_of long)
  ! as_service systemd-run --user --quiet --unit="$unit" true 2>/dev/null || fail "a second $unit was started"
  ok "systemd starts no second unit of that name"
  wait_for "a checkpoint" 60 has_checkpoint long
  pids=$(unit_pids "$unit")
  in_box kill -KILL "$(keeper_pid long)"
  wait_for "the run to go on" 120 attempt_is long 2
  for pid in $pids; do
    ! in_box test -d "$pid" || fail "kill -9 of the keeper leaves process $pid"
  done
  [[ -n $(unit_of long) ]] || fail "it is no unit of its own any more"
  ok "kill -9 of the keeper leaves nothing of the run, and it goes on in a unit of its own"
}

test_power() {
  box off
  box up
  ok "the machine was shut down and started, in the middle of the run"
  wait_for "the run to go on" 120 attempt_is long 3
  resumed_from long
  box cut
  box up
  ok "the power was cut and came back, in the middle of the run"
  wait_for "the run to go on" 120 attempt_is long 4
  wait_for "its end" 180 phase_is long completed
  resumed_from long
  ok "the run has finished: $(field long reason)"
}

test_cancelling() {
  local unit
  in_box usermod -aG "$service" alice
  wait_for "a standby" 120 standby_is ready
  drop cancelled 12 8
  wait_for "the training" 120 phase_is cancelled running
  unit=$(unit_of cancelled)
  [[ $unit == llm-trainer-standby-* ]] || fail "it was not begun by the standby: $unit"
  grep -q '"cold": ""' "$root$(run_folder cancelled)/journal.jsonl" || fail "it did not start warm"
  ok "a run is begun by the standby, in the standby's unit: $unit"
  as_alice "echo 'verb: cancel' >'$(run_folder cancelled)/requests/1.yaml'"
  wait_for "the cancel" 60 phase_is cancelled cancelled
  [[ -z $(unit_pids "$unit") ]] || fail "left after the cancel: $(unit_pids "$unit")"
  no_trainer_lives
  ok "a cancel leaves no process"
}

test_without_units() {
  local keeper
  in_box systemctl stop "user@$(in_box id -u "$service").service"
  drop child 12 8
  wait_for "the training" 120 phase_is child running
  [[ -z $(unit_of child) ]] || fail "it has a unit"
  keeper=$(keeper_of child)
  in_box systemctl restart llm-trainer-daemon
  goes_on child "$keeper" "a restart of the daemon that is its parent"
  as_alice "echo 'verb: cancel' >'$(run_folder child)/requests/1.yaml'"
  wait_for "the cancel" 60 phase_is child cancelled
  no_trainer_lives
  ok "without a manager for units a run trains in the daemon's own"
  in_box systemctl restart llm-trainer-daemon
}

test_removing() {
  drop last 12 8
  wait_for "a checkpoint" 120 has_checkpoint last
  in_box make -s -C "$workspace" uninstall-service
  no_trainer_lives
  ! in_box pgrep -u "$service" -f 'trainer\.' || fail "a standby lives"
  [[ $(exit_field last asked) == stop ]] || fail "the training did not save and stop: $(exit_field last asked)"
  ok "removing the services lets a training save a checkpoint and stop"
  for unit in llm-trainer-daemon llm-trainer-app "user@$(in_box id -u "$service")"; do
    ! in_box systemctl --quiet is-active "$unit" || fail "$unit runs"
  done
  [[ -z $(in_box find /etc/systemd/system /var/lib/systemd/linger -name '*llm-trainer*') ]] || fail "units are left"
  [[ -z $(in_box find "$workspace/runs" ! -user alice) ]] || fail "not all runs belong to their owner again"
  in_box test -f "$(run_folder long)/status.json"
  ok "no unit is left; the runs are, and belong to their owner"
  in_box make -s -C "$workspace" uninstall-service
  ok "removing twice works"
}

require_box
trap leave EXIT
make_workspace
test_installing
test_exposure
test_disturbing_the_daemon
test_one_unit_of_a_run
test_power
test_cancelling
test_without_units
test_removing
echo "all of it holds, after $SECONDS s"
