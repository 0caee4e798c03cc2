#!/usr/bin/env bash
# The engine docker leaves nothing behind: not after a run, a driver killed
# with -9, or `down`; and what it cannot do it says, before or instead of
# leaving half of it. Looks for itself, not through ordeal. Needs root and a
# Docker; speaks TAP.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'
nothing_left "down"

# All that there is on this machine, ours or not.
everything() {
  docker ps -a --format 'container {{.Names}}'
  docker network ls --format 'network {{.Name}}'
  docker volume ls --format 'volume {{.Name}}'
  losetup -l -n -O NAME,BACK-FILE
  cut -d' ' -f1-3 /proc/mounts
  ip -o link | awk '{print $2}'
  nft list tables
  find /sys/fs/cgroup -type d -path '*ordeal*'
}

fresh_home
scenario
before=$(everything | sort)
run --keep >"$work/log" 2>&1
[ "$(machine | wc -l)" -gt 10 ]
verdict $? "--keep leaves what ran"
"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'
nothing_left "down after --keep"
diff <(echo "$before") <(everything | sort) | sed 's/^/# /'
[ "${PIPESTATUS[0]}" = 0 ]
verdict $? "and the machine is as it was before"

says '^ok .*comes up as written' "a run with a frozen primary"
nothing_left "a run"
[ -s "$work/reports/latest/report.html" ]
verdict $? "and its report is written"

fresh_home
sed -i 's/^      serviceAccountName: postgres$/&\n      hostNetwork: true/' "$home/fixtures/postgres/corrected/postgres-ha.yaml"
says 'postgres-ha.yaml:[0-9]+:[0-9]+: .*hostNetwork is supported by the engine docker only as false' "an unsupported field is refused with its place"
nothing_left "that"

fresh_home
printf 'FROM ordeal/base:12\nRUN echo %s >&2; false\n' "$unlucky" >"$home/fixtures/images/postgres-patroni/Dockerfile"
says 'no such luck' "an image that cannot be built is named"
nothing_left "that"

fresh_home
sed -i 's#command: \["patroni", .*#command: ["sh", "-c", "echo these are my last words; exit 3"]#' \
  "$home/fixtures/postgres/corrected/postgres-ha.yaml"
says 'these are my last words' "a container that crashes is quoted"
nothing_left "that"

# What is no container's keeps a pod's cgroup: told, for as long as it is so.
for at in /sys/fs/cgroup /sys/fs/cgroup/freezer; do [ ! -e $at/cgroup.procs ] || left=$at/ordeal/podleft; done
mkdir -p "$left"
sleep 600 &
echo $! >"$left/cgroup.procs"
out=$("$ordeal" recover --engine docker 2>&1)
[ $? = 3 ] && grep -qF "cannot remove the cgroup $left" <<<"$out"
verdict $? "recover says which cgroup it cannot remove"
kill $!
wait $! 2>/dev/null
"$ordeal" recover --engine docker 2>&1 | sed 's/^/# recover: /'
nothing_left "recover, now that it is empty"

# start_frozen: a run in the background, its primary frozen.
start_frozen() {
  start
  await_frozen
  verdict $? "the primary is frozen"
}

# Redis stands in half of the time that PostgreSQL takes, and has as many volumes, Services
# and pods; only PostgreSQL asks the API that the driver serves, and loses it with the driver.
quick() { scenario 600s 240s redis-sentinel; }

fresh_home
quick
start_frozen
kill -INT "$driver"
wait "$driver"
[ $? = 130 ] && [ -s "$work/reports/latest/report.html" ]
verdict $? "Ctrl-C: exit code 130, and a report"
driver=
nothing_left "Ctrl-C"

# thawed AFTER: without anybody's asking.
thawed() {
  local i
  for ((i = 0; i < 600; i++)); do
    frozen || break
    sleep 0.1
  done
  echo "# some $i tenths of a second"
  ! frozen
  verdict $? "thawed within a minute after $1"
}

scenario 600s
start_frozen
kill -9 "$driver"
wait "$driver" 2>/dev/null
driver=
thawed "kill -9 of the driver"
"$ordeal" recover --engine docker 2>&1 | sed 's/^/# recover: /'
nothing_left "recover"

# Another user's run, as it were: recover has not its cache folder's name.
quick
(export ORDEAL_CACHE="$work/other[1]/cache"; mkdir -p "$ORDEAL_CACHE"
  start; echo "$driver" >"$work/driver")
driver=$(cat "$work/driver")
await_frozen
verdict $? "the primary is frozen, under another cache folder"
kill -9 "$driver"
driver=
thawed "kill -9 of that driver"
"$ordeal" recover --engine docker 2>&1 | sed 's/^/# recover: /'
nothing_left "recover with another cache folder"
[ ! -e "$work/other[1]/cache/docker/state" ]
verdict $? "nor is the state of that run"

start_frozen
kill -STOP "$driver"
thawed "the driver has stopped moving"
kill -CONT "$driver"
kill -INT "$driver"
wait "$driver"
driver=
nothing_left "it has gone on and was interrupted"
echo "1..$n"
