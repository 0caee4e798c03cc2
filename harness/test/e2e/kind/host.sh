#!/usr/bin/env bash
# A node that starts changes nothing of its machine by its files for sysctl: their
# values are taken away, a node is restarted, and they have not come back. Needs
# the kind cluster, and root; speaks TAP.
set -uo pipefail
node=ordeal-worker
files=$(docker exec "$node" sh -c 'cat /usr/lib/sysctl.d/*.conf /etc/sysctl.d/*.conf' 2>/dev/null |
  sed -nE 's/^ *-?((fs|kernel|vm)[./][a-z_./]+) *= *([0-9]+) *$/\1 \3/p' | tr . /)
if [ -z "$files" ] || [ "$(id -u)" != 0 ]; then
  echo "1..0 # SKIP needs root, and a kind cluster whose nodes have files for sysctl"
  exit
fi
n=0
verdict() { # CONDITION NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
declare -A was other
while read -r name value; do
  if [ ! -w "/proc/sys/$name" ] || [[ $name != fs/protected_* ]]; then continue; fi
  was[$name]=$(cat "/proc/sys/$name")
  other[$name]=$((value == 0))
done <<<"$files"
undo() { for name in "${!was[@]}"; do echo "${was[$name]}" >"/proc/sys/$name"; done; }
trap undo EXIT
[ ${#was[@]} -gt 0 ]
verdict $? "the node has files that would set ${!was[*]}"
docker exec "$node" systemctl show -p ExecStart systemd-sysctl.service | grep -q -- '--prefix=net'
verdict $? "its systemd-sysctl is held to net"
for name in "${!was[@]}"; do echo "${other[$name]}" >"/proc/sys/$name"; done
docker restart "$node" >/dev/null
for _ in $(seq 120); do
  state=$(docker exec "$node" systemctl is-active systemd-sysctl.service 2>/dev/null)
  [ "$state" = active ] && break
  sleep 0.5
done
[ "$state" = active ]
verdict $? "after its restart systemd-sysctl has run"
for name in "${!was[@]}"; do
  [ "$(cat "/proc/sys/$name")" = "${other[$name]}" ]
  verdict $? "$name is still what it was made to be on the machine"
done
[ "$(docker exec "$node" cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
verdict $? "and the node forwards"
echo "1..$n"
