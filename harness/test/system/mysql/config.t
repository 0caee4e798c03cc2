#!/usr/bin/env bash
# The fixture's options are options of the server, also where a setting writes
# them and where another way to fail over adds some; its scripts are Python.
cd "$(dirname "$0")/../../../.." || exit 1
mysqld=build/mysql/bin/mysqld
[ -x $mysqld ] || { echo "1..0 # SKIP no $mysqld: make build/mysql"; exit; }
# shellcheck source=../../lib/ok.sh
. harness/test/lib/ok.sh
# block FILE KEY: the text below "KEY: |", of a ConfigMap or of an overlay's edit.
block() {
  awk -v key="$2: |" '
    on && /[^ ]/ { match($0, /^ */); if (RLENGTH <= indent) exit }
    on { print substr($0, indent + 3) }
    index($0, key) { match($0, /^ */); indent = RLENGTH; on = 1 }' "$1"
}
# It starts nothing, but wants each plugin of whose options one is not loose.
accepts() {
  $mysqld --defaults-file="$1" --validate-config --user=root --datadir="$dir" --log-error-verbosity=2 &&
    ! $mysqld --defaults-file="$1" --validate-config --user=root --datadir="$dir" 2>&1 | grep -i 'unknown variable'
}
corrected=fixtures/mysql/corrected overlays=fixtures/mysql/overlays

block $corrected/config.yaml my.cnf >"$dir/my.cnf"
ok "options are read" test "$(grep -c = "$dir/my.cnf")" -ge 20
ok "the server takes them" accepts "$dir/my.cnf"
cp "$dir/my.cnf" "$dir/group.cnf"
awk '/with: \|/ { n++ } n == 1' $overlays/group-replication/overlay.yaml >"$dir/with"
block "$dir/with" with >>"$dir/group.cnf"
ok "a group has more of them" test "$(wc -l <"$dir/group.cnf")" -gt "$(wc -l <"$dir/my.cnf")"
ok "and the server takes those" accepts "$dir/group.cnf"
echo "no_such_option = 1" >>"$dir/my.cnf"
ok "it refuses what it does not know" eval '! accepts "$dir/my.cnf"'

if command -v python3 >/dev/null; then
  for script in $corrected/scripts.yaml:common.py $corrected/scripts.yaml:member.py $corrected/scripts.yaml:agent.py \
    $overlays/runbook/failover.yaml:controller.py $overlays/group-replication/group.yaml:group.py; do
    block "${script%:*}" "${script#*:}" >"$dir/script.py"
    ok "$(basename "$script") is Python" eval '[ -s "$dir/script.py" ] && python3 -m py_compile "$dir/script.py"'
  done
fi
for script in run.sh accounts.sh alive.sh; do
  block $corrected/scripts.yaml $script >"$dir/script.sh"
  ok "$script is bash" eval '[ -s "$dir/script.sh" ] && bash -n "$dir/script.sh"'
done
echo "1..$n"
