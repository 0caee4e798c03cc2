#!/usr/bin/env bash
# A full disk is the member's own: while it is full the host loses at most what
# the claims may hold, and afterwards it has what it had. Looks at the host's
# file system itself. Needs the kind cluster; speaks TAP.
set -uo pipefail
cd "$(dirname "$0")/../../../.." || exit 1
ordeal=${ORDEAL:-build/ordeal}
work=$(mktemp -d)
root=$(docker info -f '{{.DockerRootDir}}')
trap 'rm -rf "$work"' EXIT

free_kib() { df -Pk "$root" | awk 'NR == 2 { print $4 }'; }
# Ours besides: the reports, and what containers wrote on their way.
kept_kib() { du -sk "$work" | cut -f1; }

# The image, the cluster and their caches are not what is measured here.
"$ordeal" run --engine kind --reports "$work/first" scenarios/postgres-kill-replica.yaml >/dev/null 2>"$work/log" ||
  sed 's/^/# /' "$work/log" | tail -n 5
sync
before=$(($(free_kib) + $(kept_kib)))
"$ordeal" run --engine kind --reports "$work/full" scenarios/postgres-fill-disk.yaml >"$work/tap" 2>>"$work/log" &
driver=$!
lowest=$before
while kill -0 "$driver" 2>/dev/null; do
  now=$(free_kib)
  ((now < lowest)) && lowest=$now
  sleep 0.2
done
wait "$driver"
status=$?
sync
after=$(($(free_kib) + $(kept_kib)))
used=$(((before - lowest) / 1024)) left=$(((before - after) / 1024))
claims=$((3 * 1024))
echo "# free before $((before / 1024)) MiB, lowest $((lowest / 1024)) MiB, after $((after / 1024)) MiB"

verdict() {
  if [ "$1" = 0 ]; then echo "ok $2 - $3"; else echo "not ok $2 - $3"; fi
}
grep -q '"state":"effective"' "$work"/full/*/events.jsonl
verdict $? 1 "the disk was full"
[ "$status" = 0 ] || sed 's/^/# /' "$work/tap" | grep -A8 'not ok'
verdict "$status" 2 "the scenario passed"
[ "$used" -gt 512 ] && [ "$used" -le $((claims + 256)) ]
verdict $? 3 "while it was full the host had $used MiB less: the claims hold $claims"
# Logs of the cluster itself grow all the time.
[ "$left" -le 32 ]
verdict $? 4 "afterwards the host has $left MiB less than before"
echo "1..4"
