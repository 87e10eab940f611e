#!/usr/bin/env bash
# Makes sure that there is a browser for the browser tests.
set -euo pipefail

has_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then return 0; fi
  done
  return 1
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

install_chromium() {
  as_root apt-get update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium
}

if has_browser; then exit 0; fi
if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
  echo "The browser tests need Chromium. Install it: sudo apt install chromium" >&2
  exit 1
fi

echo "Installing Chromium for the browser tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_chromium >"$log" 2>&1 || true
if ! has_browser; then
  echo "Chromium could not be installed: $(grep -E '^E:' "$log" | tail -n 1)" >&2
  exit 1
fi
