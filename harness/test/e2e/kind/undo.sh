#!/usr/bin/env bash
# The driver is killed with -9 in the middle of each lasting fault; 30 s later
# nothing of the fault may be left on any node. Looks for itself, through
# Docker, not through ordeal. Needs the kind cluster; speaks TAP.
set -uo pipefail
cd "$(dirname "$0")/../../../.." || exit 1
ordeal=${ORDEAL:-build/ordeal}
work=$(mktemp -d)
nodes=(ordeal-control-plane ordeal-worker ordeal-worker2 ordeal-worker3)
driver=
trap '[ -z "$driver" ] || kill -9 "$driver" 2>/dev/null; rm -rf "$work"' EXIT

# What is left of faults, one line each; nothing when all is clean.
residue() {
  local node
  for node in "${nodes[@]}"; do
    if [ "$(docker inspect -f '{{.State.Running}} {{.State.Paused}}' "$node")" != "true false" ]; then
      echo "$node is not running"
      continue
    fi
    docker exec "$node" bash -c '
      for ns in $(lsns -t net -n -o PID 2>/dev/null); do
        nsenter -t "$ns" -n nft list tables 2>/dev/null | grep ordeal_fault_
      done
      find /sys/fs/cgroup -name freezer.state -exec grep -H -v THAWED {} +
      find /var/lib/ordeal /var/lib/kubelet/pods -name ".ordeal-fill*"' 2>/dev/null |
      sed "s/^/$node: /"
  done
}

scenario() {
  cat <<YAML
name: undo-$1
title: the driver dies while $1 is on
system: postgres
variant: corrected
steps:
  - steady: 4s
  - fault: $1
$2
    target: primary
    as: it
  - steady: 600s
expect:
  - lost: {at_most: 0}
YAML
}

# effective REPORTS: waits until the fault was seen to bite.
effective() {
  local i
  for ((i = 0; i < 600; i++)); do
    grep -qs '"state":"effective"' "$1"/*/events.jsonl && return 0
    kill -0 "$driver" 2>/dev/null || return 1
    sleep 0.5
  done
  return 1
}

n=0
check() {
  local fault=$1 params=$2 reports=$work/$1 started left
  n=$((n + 1))
  scenario "$fault" "$params" >"$work/$fault.yaml"
  "$ordeal" run --engine kind --reports "$reports" "$work/$fault.yaml" >"$work/$fault.log" 2>&1 &
  driver=$!
  if ! effective "$reports"; then
    sed 's/^/# /' "$work/$fault.log" | tail -n 20
    echo "not ok $n - $fault: never became effective"
    return
  fi
  left=$(residue)
  kill -9 "$driver"
  wait "$driver" 2>/dev/null
  driver=
  if [ -z "$left" ]; then
    echo "not ok $n - $fault: this test cannot see the fault that it is to see undone"
    return
  fi
  echo "# $fault was on: $left" | head -n 1
  started=$SECONDS
  until left=$(residue) && [ -z "$left" ] || ((SECONDS - started > 30)); do
    sleep 0.5
  done
  if [ -z "$left" ]; then
    echo "ok $n - $fault: nothing left $((SECONDS - started)) s after kill -9 of the driver"
  else
    sed 's/^/# /' <<<"$left"
    echo "not ok $n - $fault: still there 30 s after kill -9 of the driver"
  fi
  "$ordeal" recover --engine kind 2>&1 | sed 's/^/# recover: /'
}

check pause ""
check partition-node "    api: cut"
check fill-disk "    to: full"
check node-down "    how: power-cut"
n=$((n + 1))
said=$("$ordeal" recover --engine kind 2>&1)
if grep -q '^clean' <<<"$said"; then
  echo "ok $n - recover says clean"
else
  sed 's/^/# /' <<<"$said"
  echo "not ok $n - recover says clean"
fi
echo "1..$n"
