#!/usr/bin/env bash
# Makes .venv with everything the project needs. Calling it again is free; after an interruption it repairs.
#   scripts/setup.sh          what running needs
#   scripts/setup.sh --dev    and what `make check` needs
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=.venv
LOG=$VENV/setup.log
UNFINISHED=$VENV/setup.unfinished # there while pip changes the installation
PYTHONS=(python3.11 python3.12 python3)
DISK_GB_CPU=8
DISK_GB_GPU=12
DISK_GB_UPDATE=2
REPORT_EVERY_S=10

RUN_FILES=(requirements.txt constraints.txt)
DEV_FILES=(requirements-dev.txt constraints.txt)

requirements=(-r requirements.txt)
dev=no
if [[ ${1:-} == --dev ]]; then
  dev=yes
  requirements+=(-r requirements-dev.txt)
elif [[ $# -gt 0 ]]; then
  echo "Unknown option $1. The only one is --dev." >&2
  exit 1
fi

fail() {
  clear_line
  printf 'Set-up stopped: %s\n' "$*" >&2
  exit 1
}

clear_line() {
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
}

fingerprint() {
  cat "$@" | sha256sum
}

# What a finished set-up leaves behind: what it installed, so that a change of the files shows.
write_stamps() {
  fingerprint "${RUN_FILES[@]}" >"$VENV/setup-run.stamp"
  if [[ $dev == yes ]]; then fingerprint "${DEV_FILES[@]}" >"$VENV/setup-dev.stamp"; fi
}

is_ready() {
  [[ -x $VENV/bin/python ]] || return 1
  is_stamped run "${RUN_FILES[@]}" || return 1
  [[ $dev == no ]] || is_stamped dev "${DEV_FILES[@]}"
}

is_stamped() {
  local stamp=$VENV/setup-$1.stamp
  shift
  [[ -f $stamp && $(<"$stamp") == "$(fingerprint "$@")" ]]
}

child= # the step at work
stop_child() {
  if [[ -n $child ]]; then kill -TERM -- "-$child" 2>/dev/null || true; fi
  fail "interrupted. Call it again to go on."
}

take_lock() {
  mkdir -p "$VENV" 2>/dev/null || fail "cannot write in $PWD."
  # pip inherits this descriptor, so the lock holds for as long as anything still changes .venv.
  exec 9>"$VENV/setup.lock"
  flock -n 9 && return
  echo "Another set-up is at work here; waiting for it."
  flock 9
}

find_python() {
  local name
  for name in "${PYTHONS[@]}"; do
    # One of Axolotl's exact pins (zstandard 0.22) neither has a wheel for 3.13 nor builds on it.
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  return 1
}

require_python() {
  python=$(find_python) ||
    fail "Python 3.11 or 3.12 is missing. Install one: sudo apt install python3.12-venv (or python3.11-venv;" \
      "where apt has neither: uv python install 3.12)"
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module. Install it: sudo apt install $(basename "$python")-venv"
}

has_nvidia_gpu() {
  command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1
}

needed_gb() {
  if compgen -G "$VENV/lib/python3*/site-packages/torch" >/dev/null && [[ ! -e $UNFINISHED ]]; then
    echo "$DISK_GB_UPDATE"
  elif has_nvidia_gpu; then
    echo "$DISK_GB_GPU"
  else
    echo "$DISK_GB_CPU"
  fi
}

require_disk() {
  local needed
  needed=$(needed_gb)
  free_gb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
  ((free_gb >= needed)) ||
    fail "$free_gb GB free in $PWD, about $needed GB needed. Make room and call it again."
  # Kept downloads make a repair quick, but on a tight disk they would be what fills it.
  cache=()
  ((free_gb >= needed + 5)) || cache=(--no-cache-dir)
}

# What is being done right now, in three words, read from pip's output.
doing_now() {
  local last
  last=$(tail -c 8000 "$LOG" | awk '
    /^== / { now = "" }
    /^(Collecting|Building wheel for|Installing collected) / { now = $0 }
    END { print now }')
  case $last in
    Collecting*) last=${last#Collecting } && echo "collecting ${last%%[^A-Za-z0-9._-]*}" ;;
    Building*) last=${last#Building wheel for } && echo "building ${last%% *}" ;;
    Installing*) echo "installing, $(count_packages) packages there" ;;
    *) echo "working" ;;
  esac
}

count_packages() {
  compgen -G "$VENV/lib/python3*/site-packages/*.dist-info" | wc -l
}

elapsed() {
  printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

watch_child() {
  local title=$1 began=$2 reported=$2
  while kill -0 "$child" 2>/dev/null; do
    if [[ -t 1 ]]; then
      printf '\r\033[K%s  %s  %s' "$title" "$(elapsed $((SECONDS - began)))" "$(doing_now)"
    elif ((SECONDS - reported >= REPORT_EVERY_S)); then
      reported=$SECONDS
      printf '     %s  %s\n' "$(elapsed $((SECONDS - began)))" "$(doing_now)"
    fi
    sleep 0.2
  done
}

# step TITLE COMMAND...: runs it with its output in the log, shows that it moves, says how long it took.
step() {
  local title=$1 began=$SECONDS status=0
  shift
  echo "== $title" >>"$LOG"
  # A process group of its own, so that an interruption reaches pip and all that pip starts.
  set -m
  "$@" >>"$LOG" 2>&1 </dev/null &
  child=$!
  set +m
  watch_child "$title" "$began"
  wait "$child" || status=$?
  child=
  clear_line
  if ((status == 0)); then printf '%s  %s\n' "$title" "$(elapsed $((SECONDS - began)))"; fi
  return "$status"
}

pip_install() {
  # Downloads are unpacked next to where they go: /tmp is often a small part of the memory.
  mkdir -p "$VENV/setup.tmp"
  env -u PYTHONPATH -u PYTHONHOME TMPDIR="$PWD/$VENV/setup.tmp" PIP_DISABLE_PIP_VERSION_CHECK=1 \
    "$VENV/bin/python" -m pip install --no-input --progress-bar off "${cache[@]}" -c constraints.txt "$@"
}

explain_and_fail() {
  # Until it installs, pip has changed nothing and there is nothing to repair.
  [[ $(doing_now) == installing* ]] || rm -f "$UNFINISHED"
  if grep -qiE 'no space left|disk quota exceeded' "$LOG"; then
    fail "the disk is full. Make room and call it again (details: $LOG)."
  elif grep -qiE 'name resolution|name or service not known|network is unreachable|failed to establish|connection refused|timed? ?out|proxyerror|connection (reset|broken|aborted)' "$LOG"; then
    fail "packages cannot be downloaded. Check the network and call it again (details: $LOG)."
  fi
  fail "$(grep -E '^(ERROR|error):' "$LOG" | tail -n 1 | cut -c 1-200) (details: $LOG)"
}

remove_broken_venv() {
  if [[ -e $UNFINISHED ]] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    # A package cut off while it was copied can look complete to pip, so nothing of it is kept.
    find "$VENV" -mindepth 1 -maxdepth 1 ! -name 'setup.lock' -exec rm -rf {} +
  fi
}

make_venv() {
  if [[ ! -x $VENV/bin/python ]]; then "$python" -m venv "$VENV"; fi
}

note_unusable_gpu() {
  has_nvidia_gpu || return 0
  "$VENV/bin/python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' >>"$LOG" 2>&1 ||
    echo "Note: PyTorch cannot use the GPU. Most often the NVIDIA driver is too old for it (details: $LOG)."
}

set_up() {
  echo "Setting up LLM Trainer UI in $PWD/$VENV"
  require_python
  require_disk
  remove_broken_venv
  rm -f "$VENV"/setup-*.stamp
  : >"$LOG"
  echo "1/4  Checked: $("$python" --version), $free_gb GB free"
  step "2/4  Environment" make_venv || explain_and_fail
  : >"$UNFINISHED"
  step "3/4  pip" pip_install --upgrade pip || explain_and_fail
  step "4/4  Packages" pip_install "${requirements[@]}" || explain_and_fail
  note_unusable_gpu
  rm -rf "$UNFINISHED" "$VENV/setup.tmp"
  write_stamps
  echo "Ready after $(elapsed "$SECONDS")."
}

if is_ready; then exit 0; fi
trap stop_child INT TERM HUP
take_lock
if is_ready; then exit 0; fi
set_up
