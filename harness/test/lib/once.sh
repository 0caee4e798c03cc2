#!/usr/bin/env bash
# once.sh KEY COMMAND…: runs the command, unless it has passed before with the same KEY
# (the tools' versions and settings) on the same files, whose names come from standard
# input: same names, same content, in whatever clone. Without a KEY it always runs.
set -euo pipefail
key=$1
shift
[ -n "$key" ] || exec "$@"
passed=${XDG_CACHE_HOME:-$HOME/.cache}/ordeal/passed
stamp=$passed/$({ printf '%s\0' "$key" "$@" && sort -u | xargs sha256sum --; } | sha256sum | cut -d' ' -f1)
if [ ! -e "$stamp" ]; then
  "$@" </dev/null
  mkdir -p "$passed"
fi
touch "$stamp"
