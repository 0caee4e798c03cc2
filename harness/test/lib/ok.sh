# shellcheck shell=bash
# For tests that speak TAP of their own: what is kept is in $dir, and goes with it.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
ok() { # NAME COMMAND…
  local name=$1
  shift
  n=$((n + 1))
  if "$@" >"$dir/said" 2>&1; then echo "ok $n - $name"; else
    echo "not ok $n - $name"
    sed 's/^/# /' "$dir/said"
  fi
}
