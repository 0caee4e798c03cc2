#!/usr/bin/env bash
# A cluster that is somebody else's is as it was after a run: a volume with
# Retain that was made by hand and that the run claimed, and every other object.
# Through --engine kube with the kind cluster's kubeconfig; speaks TAP.
set -uo pipefail
cd "$(dirname "$0")/../../../.." || exit 1
ordeal=$(realpath "${ORDEAL:-build/ordeal}")
cache=${ORDEAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ordeal}
export KUBECONFIG=$cache/kind/kubeconfig
kubectl=$cache/kind/bin/kubectl
context=$("$kubectl" config current-context 2>/dev/null)
if [ -z "$context" ] || ! "$kubectl" get --raw /version >/dev/null 2>&1; then
  echo "1..0 # SKIP needs the kind cluster: ordeal up --engine kind"
  exit
fi
nodes=$("$kubectl" get nodes -o name | sed 's|^node/||')
on_nodes() { # COMMAND: in each; succeeds when it does in one of them
  local node found=1
  for node in $nodes; do docker exec "$node" sh -c "$1" && found=0; done
  return $found
}
volume="ordeal-foreign-volume"
neighbour="ordeal-foreign-neighbour"
ns="ordeal-foreign-run"
work=$(mktemp -d)
undo() {
  "$kubectl" delete clusterrole ordeal-node-agent --ignore-not-found >/dev/null 2>&1
  "$kubectl" delete namespace "$neighbour" --ignore-not-found --wait=false >/dev/null 2>&1
  "$kubectl" delete persistentvolume "$volume" --ignore-not-found --wait=false >/dev/null 2>&1
  on_nodes "rm -rf /var/local/$volume" >/dev/null 2>&1
  rm -rf "$work"
}
trap undo EXIT

n=0
verdict() { # CONDITION NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

# Every object of every kind, one a line, without what the cluster's own
# controllers count and keep: versions, status, events, leases. Of our volume
# the binder keeps which claim it was, by its uid.
objects() {
  local kinds
  kinds=$("$kubectl" api-resources --verbs=list -o name |
    grep -vE '^(events(\.events\.k8s\.io)?|leases\.coordination\.k8s\.io|componentstatuses|.*\.metrics\.k8s\.io)$' | paste -sd,)
  "$kubectl" get "$kinds" -A -o json | perl -MJSON::PP -e '
    my $json = JSON::PP->new->canonical;
    local $/;
    for my $o (@{$json->decode(<STDIN>)->{items}}) {
      delete $o->{status};
      delete @{$o->{metadata}}{qw(resourceVersion managedFields generation)};
      delete @{$o->{spec}{claimRef}}{qw(uid resourceVersion)} if $o->{kind} eq "PersistentVolume";
      delete $o->{metadata}{annotations}{"pv.kubernetes.io/bound-by-controller"} if $o->{kind} eq "PersistentVolume";
      print $json->encode($o), "\n";
    }' | sort
}
ours() { "$kubectl" get namespace "$ns" ordeal-system --ignore-not-found -o name; }
run() { # NAME OPTIONS
  local name=$1
  shift
  ORDEAL_HOME=$work/home "$ordeal" run --engine kube --context "$context" --namespace "$ns" --reports "$work/$name" "$@" \
    "$work/trial.yaml" >"$work/$name.tap" 2>"$work/$name.log"
}

# The images, where the nodes find them; the fixture names one of a registry
# that there is none of.
mkdir -p "$work/home" "$work/agent" && cp -r fixtures scenarios kind "$work/home" && cp "$ordeal" "$work/agent/ordeal" || exit 1
agent=$(kind/image.sh agent "$work/agent" 2>"$work/images.log" | tail -n 1) &&
  postgres=$(kind/image.sh postgres-patroni 2>>"$work/images.log" | tail -n 1)
verdict $? "the images are there: $agent $postgres"
export ORDEAL_AGENT_IMAGE=$agent
sed -i "s|image: ordeal/postgres-patroni:15|image: registry.invalid/trial/${postgres##*/}|" \
  "$work/home/fixtures/postgres/corrected/postgres-ha.yaml"
cat >"$work/trial.yaml" <<'YAML'
name: foreign
title: a trial in somebody else's cluster
system: postgres
variant: corrected
steps:
  - steady: 5s
expect:
  - stands: true
  - lost: {at_most: 0}
YAML

"$kubectl" create namespace "$neighbour" >/dev/null
# On every node: a claim may be bound to a volume by hand after its pod was placed.
on_nodes "mkdir -p /var/local/$volume && chmod 777 /var/local/$volume"
"$kubectl" apply -f - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: $volume}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: fast-ssd
  local: {path: /var/local/$volume}
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, namespace: $ns, name: data-postgres-0}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: waits, namespace: $neighbour}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: standard
  resources: {requests: {storage: 64Mi}}
YAML
verdict $? "there is a volume with Retain, and a neighbour's claim"
sleep 2 # until the cluster's controllers have put their finalizers
# What somebody deleted a moment ago goes on disappearing by itself.
limit=$((SECONDS + 120))
while objects >"$work/before" && grep -q '"deletionTimestamp"' "$work/before" && ((SECONDS < limit)); do sleep 0.5; done

"$kubectl" create clusterrole ordeal-node-agent --verb=get --resource=pods >/dev/null
! run role && grep -q 'ClusterRole "ordeal-node-agent" exists and is not' "$work/role.log" "$work/role.tap" && [ -z "$(ours)" ]
verdict $? "a ClusterRole of our agents' name is refused, and nothing put there"
"$kubectl" get clusterrole ordeal-node-agent -o name >/dev/null
verdict $? "and it is still there"
"$kubectl" delete clusterrole ordeal-node-agent >/dev/null

"$kubectl" create namespace "$ns" >/dev/null
! run namespace && grep -q "\"$ns\" exists and is not ordeal's" "$work/namespace.log" "$work/namespace.tap" &&
  [ "$(ours)" = "namespace/$ns" ]
verdict $? "a namespace of that name is refused before agents are up"
"$kubectl" delete namespace "$ns" >/dev/null

run trial --image-prefix registry.invalid/trial=docker.io/ordeal --claim-max 1Gi
status=$?
[ $status = 0 ] || { tail -n 15 "$work/trial.log"; grep -A8 'not ok' "$work/trial.tap"; } | sed 's/^/# /'
verdict $status "the run passes"
[ "$("$kubectl" get persistentvolume "$volume" -o 'jsonpath={.spec.claimRef.uid}')" != "" ]
verdict $? "the volume was bound to its claim"
grep -q '"path":"(the object)"' "$work"/trial/*/events.jsonl && grep -q 'docker.io/ordeal/postgres-patroni' "$work"/trial/*/events.jsonl
verdict $? "classes and images are told as adapted"
grep -q "volume $volume.*stays" "$work/trial.log"
verdict $? "and the volume that stays is told"
[ "$("$kubectl" get persistentvolume "$volume" -o 'jsonpath={.spec.persistentVolumeReclaimPolicy}')" = Retain ]
verdict $? "its policy is Retain"
on_nodes "[ -n \"\$(ls -A /var/local/$volume)\" ]"
verdict $? "its data are there"
objects >"$work/after"
diff "$work/before" "$work/after" >"$work/diff"
status=$?
[ $status = 0 ] || cut -c1-400 "$work/diff" | sed 's/^/# /'
verdict $status "all objects of the cluster ($(wc -l <"$work/before")) are as they were"
echo "1..$n"
