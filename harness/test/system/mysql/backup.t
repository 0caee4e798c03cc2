#!/usr/bin/env bash
# What the fixture's backup calls a dump: one of a real server, whole; the same cut
# off, packed well or not; and one without a position. That its pipe fails with the
# dump's program, as the published one does not. And what it makes of binary logs.
cd "$(dirname "$0")/../../../.." || exit 1
bin=$PWD/build/mysql/bin
[ -x "$bin/mysqldump" ] || { echo "1..0 # SKIP no $bin/mysqldump: make build/mysql"; exit; }
overlay=fixtures/mysql/overlays/backup/backup.yaml
# shellcheck source=../../lib/ok.sh
. harness/test/lib/ok.sh
server=
trap '[ -z "$server" ] || { kill -9 "$server"; wait "$server"; } 2>/dev/null; rm -rf "$dir"' EXIT
script() { # KEY: the text below "KEY: |"
  awk -v key="$1: |" '
    on && /[^ ]/ { match($0, /^ */); if (RLENGTH <= indent) exit }
    on { print substr($0, indent + 3) }
    index($0, key) { match($0, /^ */); indent = RLENGTH; on = 1 }' $overlay
}
for key in dump.sh check.sh binlogs.sh upload.sh fetch.sh restore.sh; do
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

# Binary logs beyond the dump, in parts, of several files, cut off within the last transaction.
{
  for i in $(seq 3 40); do echo "INSERT INTO x.t VALUES ($i, 'it''s $i');"; done
  echo "FLUSH BINARY LOGS; UPDATE x.t SET v = 'z' WHERE id < 3; CREATE TABLE x.u (id INT PRIMARY KEY); INSERT INTO x.u VALUES (1);"
} | sql
whole=$(sql -N -r -e "SELECT @@global.gtid_executed")
sql -e "INSERT INTO x.t VALUES (99, 'last')"
mkdir "$dir/logs"
for log in "$dir"/data/d/binlog.0*; do
  head -c 1000 "$log" >"$dir/logs/${log##*/}.000000000000"
  tail -c +1001 "$log" >"$dir/logs/${log##*/}.000000001000"
done
truncate -s -20 "$(find "$dir/logs" -size +0 | sort | tail -n 1)"
beyond() { PATH=$bin:$PATH bash "$dir/binlogs.sh" "$dir/logs/" "$position" "$dir/replay"; }
ok "binary logs that are cut off are read as far as they go" eval 'beyond && says "File ends with a truncated event"'
again() {
  sql -e "SET sql_log_bin = 0; DELETE FROM x.t WHERE id > 2; UPDATE x.t SET v = 'a' WHERE id < 3; DROP TABLE x.u"
  sql --init-command="SET SESSION sql_log_bin = 0" <"$dir/replay/sql"
}
ok "a server takes them" again
ok "all that the dump had not is there, but what was cut off" eval \
  '[ "$(sql -N -e "SELECT COUNT(*), MAX(t.id), MIN(t.v), u.id FROM x.t, x.u GROUP BY u.id")" = "40	40	it'"'"'s 10	1" ]'
ok "and that is the position: $whole" eval \
  '[ "$(sql -N -r -e "SELECT GTID_SUBTRACT('"'"'$(cat "$dir/replay/position")'"'"', '"''"')")" = "$whole" ]'
echo "1..$n"
