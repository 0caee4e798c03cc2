#!/usr/bin/env bash
# What the engine docker cannot do, and what befalls it: each ends with a word
# that says what and why, exit code 3 (1 where it is the system that does not
# stand), a report of what there is, and nothing left behind. Needs root and a Docker; speaks TAP.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ha=fixtures/postgres/corrected/postgres-ha.yaml

# ends CODE PATTERN NAME: the run ends so and says so, its report is there.
ends() {
  run >"$work/log" 2>&1
  local code=$?
  [ $code = "$1" ] && grep -qE "$2" "$work/log" && [ -s "$work/reports/latest/report.html" ]
  local good=$?
  [ $good = 0 ] || { echo "# exit code $code"; grep -E 'warning|^ordeal:|why:' "$work/log" | tail -n 15 | sed 's/^/# /'; }
  verdict $good "$3"
  nothing_left "that"
}

"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'

fresh_home
scenario
cat >"$home/fixtures/postgres/corrected/zz-scaler.yaml" <<'YAML'
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: more, namespace: production}
spec: {maxReplicas: 3, scaleTargetRef: {kind: StatefulSet, name: postgres, apiVersion: apps/v1}}
YAML
ends 3 'zz-scaler.yaml:2:[0-9]+: a HorizontalPodAutoscaler is not supported' "a HorizontalPodAutoscaler is refused with its place"

fresh_home
cat >"$home/fixtures/postgres/corrected/zz-nightly.yaml" <<'YAML'
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: production}
spec: {schedule: "0 1 * * *"}
YAML
ends 1 'zz-nightly.yaml:1:1: the CronJob "nightly" is invalid: spec.jobTemplate.spec: Required value' \
  "what an API server refuses is refused in its words"

fresh_home
sed -i '0,/kind: StatefulSet/s//kind: DaemonSet/' "$home/$ha"
ends 3 'postgres-ha.yaml:[0-9]+:[0-9]+: a DaemonSet is not supported' "so is a DaemonSet"

fresh_home
cat >"$home/fixtures/postgres/corrected/zz-pod.yaml" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: production}
spec: {containers: [{name: c, image: "ordeal/base:12", command: [sleep, infinity]}]}
YAML
ends 3 'zz-pod.yaml:2:[0-9]+: a Pod is not supported' "so is a Pod without an owner"

# A small disk: three claims of 1 GiB and the spare one do not fit.
fresh_home
mkdir "$work/small"
mount -t tmpfs -o size=2g small "$work/small"
ORDEAL_CACHE=$work/small ends 3 'the claims want 3\.0 GiB and 1\.0 GiB must stay free, but .* has [0-2]\.[0-9] GiB free' \
  "claims that the disk has no room for are told before anything starts"
umount "$work/small"

# The lock is one for the machine: a folder of another name does not get round it.
fresh_home
exec 7>/run/lock/ordeal-docker
flock 7
ORDEAL_CACHE=$work/other start 7>&-
for ((i = 0; i < 60; i++)); do
  grep -q 'waiting for another ordeal' "$work/log" && break
  sleep 0.5
done
grep -q 'waiting for another ordeal .* that uses this Docker' "$work/log"
verdict $? "a second run waits, and says for what"
[ -z "$(docker ps -a -q --filter label=ordeal.engine=docker)" ]
verdict $? "and touches nothing"
kill -INT $driver
wait $driver
[ $? = 130 ]
verdict $? "and can be interrupted"
driver=
flock -u 7

# Docker goes away under a frozen primary.
fresh_home
scenario 600s
setsid perl "$repo/harness/test/e2e/docker/proxy.pl" "$work/docker.sock" /var/run/docker.sock &
proxy=$!
trap 'kill -- -$proxy 2>/dev/null; [ -z "$driver" ] || kill -9 "$driver" 2>/dev/null; "$ordeal" down --engine docker >/dev/null 2>&1; rm -rf "$work"' EXIT
for ((i = 0; i < 50; i++)); do [ -S "$work/docker.sock" ] && break; sleep 0.1; done
DOCKER_HOST=unix://$work/docker.sock start
await_frozen
verdict $? "the primary is frozen"
kill -- -$proxy
began=$SECONDS
wait $driver
code=$?
driver=
echo "# it took $((SECONDS - began)) s"
[ $code = 3 ] && grep -q 'Docker does not answer' "$work/log" && [ -s "$work/reports/latest/report.html" ]
good=$?
[ $good = 0 ] || { echo "# exit code $code"; tail -n 15 "$work/log" | sed 's/^/# /'; }
verdict $good "a Docker that goes away ends the run with a word and a report"
! frozen
verdict $? "what was frozen is thawed without Docker"
"$ordeal" recover --engine docker 2>&1 | sed 's/^/# recover: /'
nothing_left "recover, with Docker back"

fresh_home
scenario 5s 40s
sed -i 's#path: /readiness#path: /never#' "$home/$ha"
ends 1 'postgres-[0-2]: not ready: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: [45].*; its log ends: ' \
  "a pod that is never ready is named, with its probe's answer and its log"
echo "1..$n"
