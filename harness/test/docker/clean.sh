#!/usr/bin/env bash
# The engine docker leaves nothing behind: not after a run, a driver killed
# with -9, or `down`; and what it cannot do it says, before or instead of
# leaving half of it. Looks for itself, not through ordeal. Needs root and a
# Docker; speaks TAP.
set -uo pipefail
cd "$(dirname "$0")/../../.."
ordeal=$(realpath "${ORDEAL:-build/ordeal}")
repo=$PWD
export ORDEAL_HOME=$repo
if [ "$(id -u)" != 0 ] || ! docker version >/dev/null 2>&1; then
  echo "1..0 # SKIP needs root and a Docker that answers"
  exit
fi
work=$(mktemp -d)
home=$work/home
driver=
trap '[ -z "$driver" ] || kill -9 "$driver" 2>/dev/null; "$ordeal" down --engine docker >/dev/null 2>&1; rm -rf "$work"' EXIT

# All that a run could leave on this machine, one line each.
machine() {
  docker ps -a --format '{{.Names}}' --filter label=ordeal.engine=docker
  docker network ls --format '{{.Name}}' | grep -x ordeal-docker
  losetup -a | grep /docker/volumes/
  grep /docker/volumes/ /proc/mounts
  ip -o addr | grep -o 'br-ordeal-dk.*'
  find /sys/fs/cgroup -path '*/ordeal/pod*' -prune
  pgrep -af 'node-agent --mode docker'
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

scenario() {
  cat >"$work/scenario.yaml" <<YAML
name: clean
title: something goes wrong
system: postgres
variant: corrected
steps:
  - steady: 2s
  - fault: pause
    target: primary
    as: it
    for: ${1:-5s}
  - await: redundant
    within: 90s
expect:
  - lost: {at_most: 0}
YAML
}

run() { ORDEAL_HOME=$home "$ordeal" run --engine docker --reports "$work/reports" "$work/scenario.yaml"; }

n=0
verdict() { # CONDITION NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
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

"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'
nothing_left "down"

fresh_home
scenario
says '^ok .*nothing acknowledged|^ok .*lost' "a run with a frozen primary"
nothing_left "a run"
[ -s "$work/reports/latest/report.html" ]
verdict $? "and its report is written"

fresh_home
sed -i 's/^      serviceAccountName: postgres$/&\n      hostNetwork: true/' "$home/fixtures/postgres/corrected/postgres-ha.yaml"
says 'postgres-ha.yaml:[0-9]+:[0-9]+: .*hostNetwork is not supported' "an unsupported field is refused with its place"
nothing_left "that"

fresh_home
printf 'FROM ordeal/base:12\nRUN echo no such luck >&2; false\n' >"$home/fixtures/images/postgres-patroni/Dockerfile"
says 'no such luck' "an image that cannot be built is named"
nothing_left "that"

fresh_home
sed -i 's#command: \["patroni", .*#command: ["sh", "-c", "echo these are my last words; exit 3"]#' \
  "$home/fixtures/postgres/corrected/postgres-ha.yaml"
says 'these are my last words' "a container that crashes is quoted"
nothing_left "that"

fresh_home
scenario 600s
ORDEAL_HOME=$home "$ordeal" run --engine docker --reports "$work/reports" "$work/scenario.yaml" >"$work/log" 2>&1 &
driver=$!
for ((i = 0; i < 240; i++)); do
  grep -qs '"state":"effective"' "$work/reports/latest/events.jsonl" "$work"/reports/*/events.jsonl &&
    grep -qsr FROZEN /sys/fs/cgroup/freezer/ordeal/*/freezer.state && break
  sleep 0.5
done
grep -qsr FROZEN /sys/fs/cgroup/freezer/ordeal/*/freezer.state
verdict $? "the primary is frozen"
kill -9 "$driver"
wait "$driver" 2>/dev/null
driver=
for ((i = 0; i < 60; i++)); do
  grep -qsr FROZEN /sys/fs/cgroup/freezer/ordeal/*/freezer.state || break
  sleep 0.5
done
! grep -qsr FROZEN /sys/fs/cgroup/freezer/ordeal/*/freezer.state
verdict $? "thawed within 30 s of kill -9 of the driver"
"$ordeal" recover --engine docker 2>&1 | sed 's/^/# recover: /'
nothing_left "recover"
echo "1..$n"
