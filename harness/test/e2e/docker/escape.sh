#!/usr/bin/env bash
# A system that wants out, on the engine docker: from within a pod, with the
# rights that Patroni has and more, it looks for a token of the driver's, binds
# folders of the host, rewrites addresses and lifts its own partition. None of
# it works, and the host is as it was. Needs root and a Docker; speaks TAP.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
"$ordeal" down --engine docker >/dev/null 2>&1

# A folder of the host that no pod may see, and a word in it.
secret=$work/of-the-host
mkdir "$secret"
echo "the host was here" >"$secret/word"

# refused PATTERN NAME: the spoilt fixture never starts.
refused() {
  run >"$work/log" 2>&1
  local code=$?
  [ $code != 0 ] && grep -qE "$1" "$work/log"
  local good=$?
  [ $good = 0 ] || tail -n 15 "$work/log" | sed 's/^/# /'
  verdict $good "$2"
  nothing_left "that"
}

# In manifests: with file, line and column, before anything starts.
scenario
fresh_home
cat >"$home/fixtures/postgres/corrected/zz-out.yaml" <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: out, namespace: production}
spec:
  replicas: 1
  selector: {matchLabels: {app: out}}
  template:
    metadata: {labels: {app: out}}
    spec:
      containers:
        - name: c
          image: ordeal/base:12
          command: [sleep, infinity]
          volumeMounts: [{name: "../../..", mountPath: /out}]
      volumes: [{name: "../../..", emptyDir: {}}]
YAML
refused 'zz-out.yaml:1[0-9]:[0-9]+: .*volumes\[0\].name: Invalid value' "a volume's name that leads out is refused"
sed -i 's#name: "../../..", mountPath: /out#name: v, mountPath: /out, subPath: "a/../../.."#; s#name: "../../..", emptyDir#name: v, emptyDir#' \
  "$home/fixtures/postgres/corrected/zz-out.yaml"
refused 'zz-out.yaml:1[0-9]:[0-9]+: .*subPath: Invalid value' "so is such a subPath"
sed -i 's#, subPath: "a/../../.."##; s#command: \[sleep, infinity\]#&\n          securityContext: {capabilities: {add: [SYS_ADMIN]}}#' \
  "$home/fixtures/postgres/corrected/zz-out.yaml"
refused 'zz-out.yaml:1[0-9]:[0-9]+: .*SYS_ADMIN' "so is a capability that rules the host"

# From within: an intruder with all rights in its namespace, beside the
# database. It puts a link to the host's folder into its volume in a first
# life, and is given the link as its subPath in the second.
fresh_home
scenario 600s
cat >"$home/fixtures/postgres/corrected/zz-intruder.yaml" <<YAML
apiVersion: v1
kind: ServiceAccount
metadata: {name: intruder, namespace: production}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: intruder, namespace: production}
rules: [{apiGroups: ["", apps], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: intruder, namespace: production}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: intruder}
subjects: [{kind: ServiceAccount, name: intruder, namespace: production}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: intruder, namespace: production}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: intruder, namespace: production}
spec:
  serviceName: intruder
  replicas: 1
  selector: {matchLabels: {app: intruder}}
  template:
    metadata: {labels: {app: intruder}}
    spec:
      serviceAccountName: intruder
      initContainers:
        - name: link
          image: ordeal/postgres-patroni:15
          command: [sh, -c, "ln -sfn $secret /v/link; mkdir -p /v/dir; ln -sfn dir /v/inside"]
          volumeMounts: [{name: v, mountPath: /v}]
      containers:
        - name: c
          image: ordeal/postgres-patroni:15
          command: [sleep, infinity]
          volumeMounts:
            - {name: v, mountPath: /v}
            - {name: v, mountPath: /inside, subPath: inside}
      volumes: [{name: v, persistentVolumeClaim: {claimName: intruder}}]
YAML
start
await_frozen
verdict $? "the system runs, and an intruder with it"
pod=$(docker ps -q --filter label=ordeal.pod=intruder-0 --filter label=ordeal.container=c)
[ -n "$pod" ]
verdict $? "a link that stays inside its volume is followed, as by a kubelet"

# asks METHOD PATH [BODY]: as the intruder; prints the status, then the answer.
asks() {
  docker exec -i "$pod" python3 - "$@" 2>/dev/null <<'PY'
import json, ssl, sys, urllib.request, urllib.error
account = '/var/run/secrets/kubernetes.io/serviceaccount/'
server = 'https://kubernetes.default.svc'
trust = ssl.create_default_context(cafile=account + 'ca.crt')
token = sys.argv[4] if len(sys.argv) > 4 else open(account + 'token').read()
body = sys.argv[3].encode() if len(sys.argv) > 3 and sys.argv[3] else None
r = urllib.request.Request(server + sys.argv[2], method=sys.argv[1], data=body,
                           headers={'Authorization': 'Bearer ' + token, 'Content-Type': 'application/merge-patch+json'})
try:
    a = urllib.request.urlopen(r, timeout=20, context=trust)
    print(a.status, a.read().decode())
except urllib.error.HTTPError as e:
    print(e.code, e.read().decode())
PY
}
status() { asks "$@" | cut -d' ' -f1 | head -n 1; }
core=/api/v1/namespaces/production
[ "$(status GET $core/pods)" = 200 ]
verdict $? "it reads all pods of its namespace"
[ "$(status GET /api/v1/nodes)" = 403 ]
verdict $? "and nothing outside of it"
asks GET $core/pods >"$work/pods"
[ "$(grep -oE '[0-9a-f]{64}' "$work/pods" | sort -u | while read -r t; do status GET /api/v1/nodes '' "$t"; done | grep -vc 401)" = 0 ] &&
  ! grep -q ORDEAL_TOKEN "$work/pods"
verdict $? "no token stands in any of them"

# What it may write ends up nowhere on the host.
[ "$(status PATCH $core/endpoints/postgres-cluster '{"subsets":[{"addresses":[{"ip":"10.240.1.1 }\nflush ruleset\n#"}]}]}')" = 422 ]
verdict $? "an address that is a rule is refused"
[ "$(status PATCH $core/pods/intruder-0 '{"status":{"podIP":"10.240.0.1"},"metadata":{"labels":{"x":"y"}}}')" = 200 ] &&
  ! asks GET $core/pods/intruder-0 | grep -q '"podIP":"10.240.0.1"'
verdict $? "a pod's address stays the kubelet's to tell"
[ "$(status PATCH /apis/apps/v1/namespaces/production/statefulsets/intruder \
  '{"spec":{"template":{"spec":{"volumes":[{"name":"../../../../../..","emptyDir":{}}]}}}}')" = 422 ]
verdict $? "a volume's name that leads out is refused at a write, too"

# The second step with what is left: its own link as a subPath, in a new life.
# By then nobody is inside to ask with: the driver's own way tells.
state=${ORDEAL_CACHE:-$HOME/.cache/ordeal}/docker/state
events() {
  curl -s -H "Authorization: Bearer $(sed -n 's/.*token: "\([^"]*\)".*/\1/p' "$state/kubeconfig")" \
    "$(sed -n 's/.*server: "\([^"]*\)".*/\1/p' "$state/kubeconfig")$core/events"
}
mount='[{"name":"v","mountPath":"/v"},{"name":"v","mountPath":"/host","subPath":"link"}]'
[ "$(status PATCH /apis/apps/v1/namespaces/production/statefulsets/intruder \
  '{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"ordeal/postgres-patroni:15","command":["sleep","infinity"],"volumeMounts":'"$mount"'}]}}}}')" = 200 ]
verdict $? "it may change its own pods"
asks DELETE $core/pods/intruder-0 >/dev/null
for ((i = 0; i < 180; i++)); do
  events | grep -q 'it leads out of it' && break
  sleep 0.5
done
events | grep -q 'subPath .*link.*it leads out of it'
verdict $? "a subPath through its link starts nothing, and says why"
! grep -qF "$secret" /proc/self/mountinfo &&
  ! docker ps -aq | xargs -r docker inspect --format '{{range .Mounts}}{{.Source}} {{end}}' | grep -qF "$secret"
verdict $? "and nothing has the host's folder"
[ "$(cat "$secret/word")" = "the host was here" ] && [ "$(find "$secret" | wc -l)" = 2 ]
verdict $? "the host's folder is as it was"
modes=$(find "${ORDEAL_CACHE:-$HOME/.cache/ordeal}/docker" -maxdepth 1 \( -name docker -o -name state \) -perm /077)
[ -z "$modes" ]
verdict $? "what lies on the host is closed to its other users"
kill -INT "$driver"
wait "$driver"
driver=
nothing_left "all of it"
! grep -q subpaths /proc/mounts
verdict $? "nor a mount"
echo "1..$n"
