#!/usr/bin/env bash
# What a kubelet sets of its machine is noted before a cluster is made and put
# back with its end (kind/lib/host.sh), by a /proc/sys of the test's own. Speaks TAP.
set -uo pipefail
cd "$(dirname "$0")/../../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CACHE=$work PROC_SYS=$work/sys
say() { echo "# $*"; }
# shellcheck source=../../../kind/lib/host.sh
. kind/lib/host.sh

n=0
verdict() { # CONDITION NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
put() { echo "$2" >"$PROC_SYS/$1"; }
is() { [ "$(cat "$PROC_SYS/$1")" = "$2" ]; }
kubelet() {
  put vm/overcommit_memory 1 && put kernel/panic 10 && put kernel/panic_on_oops 1 &&
    put kernel/keys/root_maxkeys 1000000
}
mkdir -p "$PROC_SYS"/{vm,kernel/{keys,random}}
put kernel/random/boot_id one
put vm/overcommit_memory 0
put kernel/panic 0
put kernel/panic_on_oops 1 # so it was before
put kernel/keys/root_maxkeys 200

note_host
kubelet
note_host # by a cluster that is made anew: what was first counts
put kernel/keys/root_maxkeys 500000 # by somebody else
restore_host
is vm/overcommit_memory 0 && is kernel/panic 0
verdict $? "what the kubelet set is as it was"
is kernel/panic_on_oops 1
verdict $? "what had its value before stays"
is kernel/keys/root_maxkeys 500000
verdict $? "what somebody set since stays"
kubelet
restore_host
is vm/overcommit_memory 1
verdict $? "once: what was noted is forgotten"

put vm/overcommit_memory 0
note_host
kubelet
put kernel/random/boot_id two
put vm/overcommit_memory 1 # by this machine's own files
restore_host
is vm/overcommit_memory 1 && [ ! -e "$work/host-sysctls" ]
verdict $? "what was noted before the machine started anew is of no use"
echo "1..$n"
