#!/usr/bin/env bash
# The pause program; prints the folder that holds it.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

hash=$(hash_of "$PAUSE_VERSION" "$0" "$KIND_DIR/images/pause.c")
begin pause "$hash" "${1:-}"

need_packages gcc=gcc,libc6-dev
tmp=$(fresh pause "$hash")
mkdir -p "$tmp/bin"
gcc -static -Os -s -Wall -o "$tmp/bin/pause" "$KIND_DIR/images/pause.c"

keep pause "$hash" "$tmp"
echo "$out"
