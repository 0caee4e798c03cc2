#!/usr/bin/env bash
# What the engine docker says that it honours in a manifest, seen on the real
# containers: features.yaml stands beside PostgreSQL while its primary is
# frozen, and each line looks from outside at one thing that it asks for.
# Needs root and a Docker; speaks TAP.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

container() { # POD CONTAINER: its running container
  docker ps -q --filter "label=ordeal.pod=$1" --filter "label=ordeal.container=$2"
}
inside() { # POD CONTAINER COMMAND...
  docker exec "$(container "$1" "$2")" "${@:3}" 2>&1
}
within() { # SECONDS COMMAND...: until it succeeds
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}
names() { # NAME: the addresses that a pod finds for it, sorted
  inside features-0 main python3 -c 'import socket, sys
try: print(*sorted({a[4][0] for a in socket.getaddrinfo(sys.argv[1], None)}), sep="\n")
except OSError: pass' "$1"
}
found() { [ "$(names "$1" | wc -w)" = "$2" ]; }
kube() { # METHOD POD: as the pod's own account, status code or name
  inside features-0 main python3 -c 'import sys
from kubernetes import client, config
config.load_incluster_config()
ns = open("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read()
try: print(getattr(client.CoreV1Api(), sys.argv[1])(*sys.argv[2:], namespace=ns).metadata.name)
except client.ApiException as e: print(e.status)' "$@"
}
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; }

"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'
fresh_home
cp harness/test/e2e/docker/features.yaml "$home/fixtures/postgres/corrected/zz-features.yaml"
scenario 600s
start
await_frozen
good=$?
[ $good = 0 ] || tail -n 20 "$work/log" | sed 's/^/# /'
verdict $good "it stands, with all that is ready or done"
[ $good = 0 ] || { echo "1..$n"; exit; }

value() { inside features-1 main printenv "$1"; }
is "$(value COLOUR) $(value THE_WORD)" "green hush" "envFrom: a ConfigMap, and a Secret with a prefix"
is "$(value SHAPE)" square "env wins over envFrom"
# shellcheck disable=SC2016
is "$(value GREETING)" 'hush green $(COLOUR) $(NOBODY)' 'env: $(VAR) is expanded, $$ and unknown names are not'
is "$(value MY_NAME) $(value MY_NOTE)" "features-1 seen by fieldRef" "env: fieldRef to name and annotation"
is "$(value MY_IP)" "$(names features-1.features)" "env: fieldRef to the address that its name leads to"
is "$(value FROM_MAP) $(value FROM_SECRET) $(value FROM_NOWHERE)" "round hush " \
  "env: keys of a ConfigMap and a Secret; an optional key may be missing"
is "$(value FEATURES_WEB_SERVICE_PORT)" 80 "env: the Services"
is "$(for i in 0 1 2; do inside features-$i main printenv MY_NODE; done | sort -u | wc -l)" 3 \
  "anti-affinity: three pods on three nodes"

is "$(inside features-2 main cat /scratch/order | xargs)" "first second" "init containers run once each, in order"
is "$(inside features-2 main sh -c 'cat /proc/1/cmdline | tr "\0" " "; pwd')" \
  "python3 -m http.server --directory /scratch 8000 /tmp" "command, args with a variable, working folder"
is "$(inside features-2 main sh -c 'cat /files/deep/one /etc/only-two; ls /files')" $'firstseconddeep\ntwo' \
  "volumes: items of a ConfigMap, one of them by subPath"
is "$(inside features-2 main sh -c 'cat /secret/WORD; echo; stat -Lc %a /secret/WORD; touch /secret/new 2>/dev/null || echo read-only')" \
  $'hush\n440\nread-only' "volumes: a Secret with its mode, read-only"
is "$(inside features-2 main id -u) $(inside features-2 main sh -c 'stat -c %g /data')" "999 999" "users, and a claim that is the group's"
is "$(inside features-2 beside sh -c 'id -u; touch /tmp/x 2>/dev/null || echo read-only')" $'998\nread-only' \
  "a container's own user, and a read-only root"
between "$(inside features-2 main df --output=size -BM /data | tail -n 1 | tr -dc 0-9)" 40 64
verdict $? "volumes: a claim of 64 MiB is no larger"
is "$(inside features-2 main cat /scratch/started)" features-2 "hooks: postStart has run"
is "$(docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}}' "$(container features-2 main)" |
  awk '{print $1, $2 / 1e9 + $3 / 1e5}')" "134217728 0.5" "limits: memory and CPU"
inside features-2 main python3 -c 'x = bytearray(300 << 20)' >"$work/big"
is $? 137 "limits: more memory than that is not to be had"

clumsy=$(docker ps --format '{{.Label "ordeal.pod"}}' --filter label=ordeal.container=clumsy)
mapfile -t starts < <(inside "$clumsy" clumsy cat /scratch/starts)
is ${#starts[@]} 3 "restarts: a container that fails twice is started thrice"
at_once=$(((starts[1] - starts[0]) / 1000000)) later=$(((starts[2] - starts[1]) / 1000000))
echo "# the second start after $at_once ms, the third after $later ms"
between $at_once 0 5000 && between $later 10000 15000
verdict $? "restarts: the second time with a back-off of 10 s"

is "$(docker ps -a --format '{{.Label "ordeal.pod"}} {{.Status}}' --filter label=ordeal.container=job | sed -E 's/.*Exited \(([0-9]+)\).*/\1/' | sort | xargs)" \
  "0 0 1" "Job: one pod failed, two completed"

sick=$(container features-1 beside)
inside features-1 beside touch /scratch/sick >/dev/null
other() { local now; now=$(container features-1 beside); [ -n "$now" ] && [ "$now" != "$sick" ]; }
within 20 other
verdict $? "liveness: a container whose probe (exec) fails is started anew"

within 10 found features 3
verdict $? "names: a headless Service has the three that are ready"
address=$(names features-web)
is "$(grep -c . <<<"$address")" 1 "names: a Service with an address of its own"
inside features-1 main rm /scratch/started >/dev/null
within 10 found features 2
verdict $? "readiness (httpGet): one that is not ready leaves the Service"
is "$(names features-all | wc -w)" 3 "but not one with publishNotReadyAddresses"
# shellcheck disable=SC2016
served() {
  inside features-0 main sh -c 'for i in $(seq 30); do
    python3 -c "import urllib.request as u; print(u.urlopen(\"http://features-web/started\", timeout=2).read().decode())"; done' | sort -u | xargs
}
is "$(served)" "features-0 features-2" "a Service's address leads to those that are ready, by the target port's name"
inside features-1 main sh -c 'echo features-1 > /scratch/started' >/dev/null
within 10 found features 3
verdict $? "and it is back when it is ready again"
docker stop -t 1 "$(container features-2 beside)" >/dev/null
within 5 found features 2 && within 30 found features 3
verdict $? "readiness (tcpSocket): gone while one of its containers is, back with it"

is "$(kube read_namespaced_pod features-1)" features-1 "Kubernetes API: what the account may, it does"
is "$(kube read_namespaced_config_map features-env)" 403 "and what it may not is forbidden"
before=$(names features-1.features)
deleted=$(date +%s%N)
kube delete_namespaced_pod features-1 >/dev/null
fresh() { local now; now=$(names features-1.features); [ -n "$now" ] && [ "$now" != "$before" ]; }
within 60 fresh
verdict $? "a deleted pod comes back under its name with a new address"
is "$(inside features-1 main cat /data/stopped)" "$before" "with its volume; preStop had run"
is "$(inside features-1 main cat /data/starts | wc -l)" 2 "and its init containers run again"
took=$((($(inside features-1 main tail -n 1 /data/starts) - deleted) / 1000000))
echo "# its successor starts $took ms after the request"
between $took 5000 15000
verdict $? "not before a server that ignores SIGTERM has had its grace"
is "$(names features-web)" "$address" "the Service's address has stayed"

kill -INT "$driver"
wait "$driver"
driver=
grep -q 'nothing evicts pods here' "$work"/reports/latest/report.html
verdict $? "a disruption budget is told as not honoured"
nothing_left "it"
echo "1..$n"
