#!/usr/bin/env bash
# A node is shut down in order, and another one's power is cut: a pod on each notes
# what it was told. Needs root and a Docker; speaks TAP.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

noted() { # NODE: what the pod there noted the last time, once it runs again
  docker exec "$(docker ps -q --filter label=ordeal.container=farewell --filter "label=ordeal.node=$1")" \
    cat /data/noted 2>&1 | xargs
}
"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'
fresh_home
cat >"$home/fixtures/redis-sentinel/corrected/zz-farewell.yaml" <<'YAML'
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: farewell, namespace: production}
spec:
  serviceName: redis-master
  replicas: 3
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: farewell}}
  template:
    metadata: {labels: {app: farewell}}
    spec:
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: farewell}}}
      containers:
        - name: farewell
          image: redis:7.2
          command:
            - sh
            - -c
            - |
              note() { sleep 1; getent hosts redis-master >/dev/null && echo "with a network" >>/data/noted; exit; }
              trap 'echo told >>/data/noted; note' TERM
              echo begun >>/data/noted
              while :; do sleep 0.1; done
          volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
YAML
cat >"$work/scenario.yaml" <<'YAML'
name: farewell
title: two nodes stop
system: redis-sentinel
variant: corrected
steps:
  - steady: 2s
  - fault: node-down
    how: stop
    target: node/ordeal-node2
    as: in-order
    for: 1s
  - fault: node-down
    target: node/ordeal-node3
    as: at-once
    for: 1s
  - steady: 300s
expect:
  - stands: true
YAML
start
begun() { [ "$(noted "$1" | grep -o begun | wc -l)" = "$2" ]; }
good=1
for ((i = 0; i < 600; i++)); do
  kill -0 "$driver" 2>/dev/null || break
  begun ordeal-node2 2 && begun ordeal-node3 2 && good=0 && break
  sleep 0.5
done
[ $good = 0 ] || tail -n 20 "$work/log" | sed 's/^/# /'
verdict $good "both nodes are back, and their pods"
is "$(noted ordeal-node2)" "begun told with a network begun" "a node that is shut down in order tells its pods, and lets them end"
is "$(noted ordeal-node3)" "begun begun" "one whose power is cut does not"
is "$(noted ordeal-node1)" "begun" "and whoever is on another node goes on"
kill -INT "$driver" 2>/dev/null
wait "$driver"
driver=
nothing_left "it"
echo "1..$n"
