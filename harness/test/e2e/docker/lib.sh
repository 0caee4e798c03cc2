# shellcheck shell=bash
# For the tests beside it: a spoilt tree, a run in it, and what it left.
cd "$(dirname "${BASH_SOURCE[0]}")/../../../.." || exit 1
ordeal=$(realpath "${ORDEAL:-build/ordeal}")
repo=$PWD
export ORDEAL_HOME=$repo
if [ "$(id -u)" != 0 ] || ! docker version >/dev/null 2>&1; then
  echo "1..0 # SKIP needs root and a Docker that answers"
  exit
fi
work=$(mktemp -d)
unlucky="no such luck" # said by the build that fails
home=$work/home
driver=
trap '[ -z "$driver" ] || kill -9 "$driver" 2>/dev/null; "$ordeal" down --engine docker >/dev/null 2>&1; rm -rf "$work"' EXIT

# All that a run could leave on this machine, one line each.
machine() {
  docker ps -a --format '{{.Names}}' --filter label=ordeal.engine=docker
  docker ps -a --format '{{.Names}} {{.Command}}' --no-trunc | grep -F "$unlucky"
  docker network ls --format '{{.Name}}' | grep -x ordeal-docker
  losetup -a | grep /docker/volumes/
  grep /docker/volumes/ /proc/mounts
  ip -o addr | grep -o 'br-ordeal-dk.*'
  find /sys/fs/cgroup -name 'ordeal-failpoints-*' -prune -o -path '*/ordeal/pod*' -prune -print
  pgrep -af 'ordeal docker-guard'
  ls "${ORDEAL_CACHE:-$HOME/.cache/ordeal}"/docker/state 2>/dev/null
  nft list tables | grep ordeal_services
}

# A tree of its own, so that its fixtures can be spoilt.
fresh_home() {
  rm -rf "$home"
  mkdir -p "$home"
  ln -s "$repo/kind" "$home/kind"
  cp -r "$repo/fixtures" "$home/fixtures"
}

# scenario [FREEZE [READY_WITHIN [SYSTEM]]]
scenario() {
  cat >"$work/scenario.yaml" <<YAML
name: clean
title: something goes wrong
system: ${3:-postgres}
variant: corrected
ready_within: ${2:-240s}
steps:
  - steady: 2s
  - fault: pause
    target: primary
    as: it
    for: ${1:-5s}
  - await: redundant
    within: 90s
expect:
  - stands: true
  - lost: {at_most: 0}
YAML
}

run() { ORDEAL_HOME=$home "$ordeal" run --engine docker "$@" --reports "$work/reports" "$work/scenario.yaml"; }

# start: the same in the background, as $driver, what it says in $work/log.
start() {
  rm -rf "$work/reports"
  ORDEAL_HOME=$home "$ordeal" run --engine docker --reports "$work/reports" "$work/scenario.yaml" >"$work/log" 2>&1 &
  driver=$!
}

n=0
verdict() { # CONDITION NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

is() { # GOT WANTED NAME
  [ "$1" = "$2" ]
  local good=$?
  [ $good = 0 ] || { echo "got: $1"; echo "not: $2"; } | sed 's/^/# /'
  verdict $good "$3"
}
nothing_left() { # AFTER
  local left
  left=$(machine)
  [ -z "$left" ] || sed 's/^/# /' <<<"$left"
  [ -z "$left" ]
  verdict $? "nothing is left after $1"
}

# says PATTERN NAME: the run that is described by stdin's spoilt fixture says so.
says() {
  local out
  out=$(run 2>&1)
  grep -qE "$1" <<<"$out"
  local found=$?
  [ $found = 0 ] || tail -n 15 <<<"$out" | sed 's/^/# /'
  verdict $found "$2"
}


frozen() { grep -qsr FROZEN /sys/fs/cgroup/freezer/ordeal/*/freezer.state; }

# The run that goes on has frozen its primary.
await_frozen() {
  local i
  for ((i = 0; i < 240; i++)); do
    grep -qs '"state":"effective"' "$work"/reports/*/events.jsonl && frozen && return
    sleep 0.5
  done
  return 1
}
