#!/usr/bin/env bash
# deps.sh [--idle] PACKAGE…: the Debian packages that building ordeal itself
# needs, named before they are installed; with --idle their services are not
# started. Elsewhere the compiler will say what it misses.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

idle=
if [ "${1:-}" = --idle ]; then
  idle=1
  shift
fi
command -v dpkg-query >/dev/null || exit 0
missing=$(for p in "$@"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
done | paste -sd' ' -)
[ -n "$missing" ] || exit 0
# Debian's own way to say that nothing shall be started (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ -n "$idle" ] && [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
# shellcheck disable=SC2086
install_named "$LOG_DIR/deps.log" $missing
