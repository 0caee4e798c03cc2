#!/usr/bin/env bash
# deps.sh PACKAGE…: the Debian packages that building ordeal itself needs, named
# before they are installed. Elsewhere the compiler will say what it misses.
set -euo pipefail
. "$(dirname "$0")/lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

command -v dpkg-query >/dev/null || exit 0
missing=$(for p in "$@"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
done | paste -sd' ' -)
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086
refuse_or_allow_install $missing
say "installing Debian packages: $missing"
# shellcheck disable=SC2086
install_packages $missing >"$LOG_DIR/deps.log" 2>&1 || die "apt-get failed; see $LOG_DIR/deps.log"
