# shellcheck shell=bash
# What nodes change of the machine that they run on, and no namespace holds apart.
# systemd-sysctl is kept from it (node/sysctl-own.conf). The kubelet sets some at
# each start (setupKernelTunables), without which it does not run: they are noted
# before a cluster is made, and put back with its end.

PROC_SYS=${PROC_SYS:-/proc/sys}
HOST_NOTE=$CACHE/host-sysctls
# Name and the kubelet's value; a machine that has that already stays as it is.
KUBELET_SYSCTLS="vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000"

boot_id() { cat "$PROC_SYS/kernel/random/boot_id" 2>/dev/null; }

# note_host: how they are now, unless that was noted since this machine started.
note_host() {
  local pair name
  [ "$(sed -n 1p "$HOST_NOTE" 2>/dev/null)" != "$(boot_id)" ] || return 0
  {
    boot_id
    for pair in $KUBELET_SYSCTLS; do
      name=${pair%=*}
      [ ! -r "$PROC_SYS/$name" ] || echo "$name $(cat "$PROC_SYS/$name")"
    done
  } >"$HOST_NOTE.part" && mv "$HOST_NOTE.part" "$HOST_NOTE"
}

# restore_host: what the kubelet set and nobody has set to something else since.
restore_host() {
  local name was pair
  [ -s "$HOST_NOTE" ] || return 0
  if [ "$(sed -n 1p "$HOST_NOTE")" = "$(boot_id)" ]; then
    while read -r name was; do
      for pair in $KUBELET_SYSCTLS; do
        [ "$pair" = "$name=$(cat "$PROC_SYS/$name" 2>/dev/null)" ] || continue
        [ "${pair#*=}" = "$was" ] || echo "$was" 2>/dev/null >"$PROC_SYS/$name" ||
          say "$name stays ${pair#*=}, and was $was before the cluster: only root can put it back"
      done
    done < <(sed 1d "$HOST_NOTE")
  fi
  rm -f "$HOST_NOTE"
}
