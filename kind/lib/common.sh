# shellcheck shell=bash
# Sourced by every script here: where things are, how we speak, how we cache.

# What fails inside $(…) fails the script, too.
shopt -s inherit_errexit

KIND_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPO_DIR=$(dirname "$KIND_DIR")
# shellcheck source=../versions.env
. "$KIND_DIR/versions.env"

ORDEAL_CACHE=${ORDEAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ordeal}
CACHE=$ORDEAL_CACHE/kind
LOG_DIR=$CACHE/log
# Another name lets a test have a cluster beside the real one.
CLUSTER=${ORDEAL_CLUSTER:-ordeal}
KUBECONFIG_FILE=$CACHE/kubeconfig
mkdir -p "$LOG_DIR"

say() { printf '%s\n' "ordeal: $*" >&2; }
# why REASON…: for whoever started us and reports it elsewhere.
why() { [ -z "${ORDEAL_WHY:-}" ] || printf '%s\n' "$*" >"$ORDEAL_WHY"; }
die() { printf '%s\n' "ordeal: error: $*" >&2; why "$*"; exit 1; }

# hash_of WORD|FILE…: twelve hex digits that change when any word or file does.
hash_of() {
  local x
  for x in "$@"; do
    if [ -f "$x" ]; then sha256sum <"$x"; else printf '%s\n' "$x"; fi
  done | sha256sum | cut -c1-12
}

# artefact NAME HASH: the folder where this artefact lives once it is whole.
artefact() { printf '%s/%s/%s\n' "$CACHE" "$1" "$2"; }

# keep NAME HASH TMP: a finished artefact takes its name in one step, so what an
# interrupted build leaves behind is never taken for one; older ones go.
keep() {
  local dir old
  dir=$(artefact "$1" "$2")
  rm -rf "$dir"
  mv "$3" "$dir"
  for old in "$CACHE/$1"/*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
  done
}

# fresh NAME HASH: an empty folder to build that artefact in.
fresh() {
  local tmp=$CACHE/$1/$2.part
  rm -rf "$tmp"
  mkdir -p "$tmp"
  printf '%s\n' "$tmp"
}

# alone NAME: whoever else builds an artefact of that name, from whatever clone, is
# waited for; from here to the end of the script nobody does.
alone() {
  exec {alone}>"$CACHE/$1.lock"
  flock "$alone"
}

# begin NAME HASH [--where]: how a build script starts: with nothing to do when
# the artefact is there, or when it was only asked where that would be.
begin() {
  out=$(artefact "$1" "$2")
  if [ "${3:-}" = --where ] || [ -d "$out" ]; then echo "$out"; exit; fi
  alone "$1"
  if [ -d "$out" ]; then echo "$out"; exit; fi
}
