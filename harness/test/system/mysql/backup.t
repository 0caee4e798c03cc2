#!/usr/bin/env bash
# What the fixture's backup calls a dump: one of a real server, whole; the same cut
# off, packed well or not; and one without a position. And that its pipe fails with
# the dump's program, as the published one does not.
cd "$(dirname "$0")/../../../.." || exit 1
bin=$PWD/build/mysql/bin
[ -x "$bin/mysqldump" ] || { echo "1..0 # SKIP no $bin/mysqldump: make build/mysql"; exit; }
overlay=fixtures/mysql/overlays/backup/backup.yaml
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -9 "$server"; wait "$server"; } 2>/dev/null; rm -rf "$dir"' EXIT
n=0
ok() { # NAME COMMAND…
  local name=$1
  shift
  n=$((n + 1))
  if "$@" >"$dir/said" 2>&1; then echo "ok $n - $name"; else
    echo "not ok $n - $name"
    sed 's/^/# /' "$dir/said"
  fi
}
script() { # KEY: the text below "KEY: |"
  awk -v key="$1: |" '
    on && /[^ ]/ { match($0, /^ */); if (RLENGTH <= indent) exit }
    on { print substr($0, indent + 3) }
    index($0, key) { match($0, /^ */); indent = RLENGTH; on = 1 }' $overlay
}
for key in dump.sh check.sh upload.sh fetch.sh restore.sh; do
  script $key >"$dir/$key"
  ok "$key is bash" eval '[ -s "$dir/$key" ] && bash -n "$dir/$key"'
done

chmod 755 "$dir"
mkdir "$dir/data"
chown nobody "$dir/data"
sql() { "$bin/mysql" --socket="$dir/data/s" -uroot "$@"; }
mysqld() {
  "$bin/mysqld" --no-defaults --user=nobody --datadir="$dir/data/d" --socket="$dir/data/s" --pid-file="$dir/data/p" \
    --skip-networking --mysqlx=OFF --gtid-mode=ON --enforce-gtid-consistency=ON --innodb-buffer-pool-size=32M "$@"
}
mysqld --initialize-insecure >"$dir/log" 2>&1
mysqld >>"$dir/log" 2>&1 &
server=$!
until sql -e "SELECT 1" >/dev/null 2>&1; do
  kill -0 $server 2>/dev/null || { sed 's/^/# /' "$dir/log"; echo "Bail out! no server"; exit 1; }
  sleep 0.2
done
sql -e "CREATE DATABASE x; CREATE TABLE x.t (id INT PRIMARY KEY, v TEXT); INSERT INTO x.t VALUES (1, 'a'), (2, 'b')"
position=$(sql -N -e "SELECT @@global.gtid_executed")
"$bin/mysqldump" --socket="$dir/data/s" -uroot --single-transaction --set-gtid-purged=COMMENTED --databases x \
  >"$dir/dump" 2>"$dir/dump.err"
check() { bash "$dir/check.sh" "$dir/file.gz"; }
says() { grep -qF -- "$1" "$dir/said"; }

gzip -c "$dir/dump" >"$dir/file.gz"
ok "a whole dump is one" check
ok "its position is the server's: $position" eval '[ -n "$position" ] && [ "$(cat "$dir/file.gz.position")" = "$position" ]'
head -c $(($(wc -c <"$dir/dump") / 2)) "$dir/dump" | gzip >"$dir/file.gz"
ok "one that was cut off is none, however well it is packed" eval '! check && says "this dump is cut off"'
gzip -c "$dir/dump" | head -c 300 >"$dir/file.gz"
ok "nor is one whose packing was cut off" eval '! check'
grep -v GTID_PURGED "$dir/dump" | gzip >"$dir/file.gz"
ok "nor is one without a position" eval '! check && says "no position"'
gzip -c </dev/null >"$dir/file.gz"
ok "nor is nothing" eval '! check && says "this dump is cut off"'

# The pipe of both kinds, of a database that the server does not have.
pipe() { # SET…
  bash -c "set $*; '$bin/mysqldump' --socket='$dir/data/s' -uroot --databases none | gzip >'$dir/file.gz'; echo went on"
}
ok "the published pipe takes it for a dump" pipe -e
ok "the mended one does not" eval '! pipe -euo pipefail'
ok "and that is the one in dump.sh" grep -qx "set -euo pipefail" "$dir/dump.sh"
echo "1..$n"
