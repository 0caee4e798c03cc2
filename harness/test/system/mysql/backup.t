#!/usr/bin/env bash
# What the fixture's backup calls a dump: one of a real server, whole; the same cut
# off, packed well or not; and one without a position. That its pipe fails with the
# dump's program, as the published one does not; that a replica which is behind is not
# dumped, nor what there is no room for; what it makes of binary logs; and which backup it takes.
cd "$(dirname "$0")/../../../.." || exit 1
bin=$PWD/build/mysql/bin
[ -x "$bin/mysqldump" ] || { echo "1..0 # SKIP no $bin/mysqldump: make build/mysql"; exit; }
overlay=fixtures/mysql/overlays/backup/backup.yaml
# shellcheck source=../../lib/ok.sh
. harness/test/lib/ok.sh
server=
other=
# shellcheck disable=SC2086
trap '{ kill -9 $server $other; wait; } 2>/dev/null; rm -rf "$dir"' EXIT
script() { # KEY: the text below "KEY: |"
  awk -v key="$1: |" '
    on && /[^ ]/ { match($0, /^ */); if (RLENGTH <= indent) exit }
    on { print substr($0, indent + 3) }
    index($0, key) { match($0, /^ */); indent = RLENGTH; on = 1 }' $overlay
}
for key in dump.sh fresh.sh room.sh check.sh binlogs.sh upload.sh fetch.sh restore.sh; do
  script $key >"$dir/$key"
  ok "$key is bash" eval '[ -s "$dir/$key" ] && bash -n "$dir/$key"'
done

chmod 755 "$dir"
mkdir "$dir/data"
chown nobody "$dir/data"
sql() { "$bin/mysql" --socket="$dir/data/s" -uroot "$@"; }
mysqld() { # NAME OPTION…: in place of the shell that calls it, which is to be killed
  local name=$1
  shift
  exec "$bin/mysqld" --no-defaults --user=nobody --datadir="$dir/data/d$name" --socket="$dir/data/s$name" \
    --pid-file="$dir/data/p$name" --mysqlx=OFF --gtid-mode=ON --enforce-gtid-consistency=ON \
    --innodb-buffer-pool-size=32M --server-id="1$name" "$@"
}
answering() { # NAME PID
  until "$bin/mysql" --socket="$dir/data/s$1" -uroot -e "SELECT 1" >/dev/null 2>&1; do
    kill -0 "$2" 2>/dev/null || { sed 's/^/# /' "$dir/log"; echo "Bail out! no server"; exit 1; }
    sleep 0.2
  done
}
(mysqld "" --initialize-insecure) >"$dir/log" 2>&1
# Below those that the kernel gives to connections; the other one has to find it.
port=$((20000 + $$ % 12000))
mysqld "" --bind-address=127.0.0.1 --port=$port --report-host=mysql-0.mysql >>"$dir/log" 2>&1 &
server=$!
answering "" $server
sql -e "CREATE DATABASE x; CREATE TABLE x.t (id INT PRIMARY KEY, v TEXT); INSERT INTO x.t VALUES (1, 'a'), (2, 'b')"
position=$(sql -N -e "SELECT @@global.gtid_executed")
uuid=${position%%:*}
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
sed "/GTID_PURGED=/,/;/s/$position/$uuid:1-7:night_1:1-3/" "$dir/dump" | gzip >"$dir/file.gz"
ok "a position may have tags" eval 'check && [ "$(cat "$dir/file.gz.position")" = "$uuid:1-7:night_1:1-3" ]'
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

# Up to a moment: what was committed from it on is left out.
sleep_past() { until [ "$(date +%s)" -gt "$1" ]; do sleep 0.1; done; }
sleep_past "$(date +%s)"
moment=$(date -u "+%Y-%m-%d %H:%M:%S")
before=$(sql -N -r -e "SELECT @@global.gtid_executed")
sleep_past "$(date +%s)"
sql -e "INSERT INTO x.t VALUES (100, 'too late')"
for log in "$dir"/data/d/binlog.0*; do cp "$log" "$dir/logs/${log##*/}.000000000000"; done
rm -f "$dir"/logs/*.000000001000
up_to() { RESTORE_UNTIL=$1 beyond && sql -N -r -e "SELECT GTID_SUBTRACT('$(cat "$dir/replay/position")', '')"; }
ok "up to a moment what was committed later is left out" eval '[ -n "$before" ] && [ "$(up_to "$moment" | tail -n 1)" = "$before" ]'
ok "without one it is not" eval '[ "$(up_to "" | tail -n 1)" = "$(sql -N -r -e "SELECT @@global.gtid_executed")" ]'

mkdir "$dir/store" "$dir/backup"
cat >"$dir/store/store.sh" <<'STORE'
s3() {
  case $1:$2 in
  ls:*/mysql/) for at in 20260101000000 20260201000000 20260301000000; do echo "now 1 s3://my-backups/mysql/mysql-backup-$at.sql.gz"; done ;;
  get:*) echo "$2" >>"$got" ;;
  esac
}
STORE
fetch() { # UNTIL: which one it takes
  sed "s|/etc/object-store/|$dir/store/|; s|/backup/|$dir/backup/|g" "$dir/fetch.sh" >"$dir/fetch"
  rm -rf "$dir/backup/binlogs" "$dir/got"
  S3_BUCKET=my-backups RESTORE_UNTIL=$1 got=$dir/got bash "$dir/fetch" && head -n 1 "$dir/got" | grep -o '2026[0-9]*'
}
ok "the newest backup is taken" eval '[ "$(fetch "" | tail -n 1)" = 20260301000000 ]'
ok "or the newest that was begun before a moment" eval '[ "$(fetch "2026-02-15 12:00:00" | tail -n 1)" = 20260201000000 ]'
hours_ago() { date -u -d "$1 hours ago" +%Y%m%d%H%M%S; }
aged() { # HOURS…: whether the newest of backups begun so long ago is one of last night
  local at
  at=$(for hours; do hours_ago "$hours"; done)
  sed -i "s/for at in .*; do echo/for at in ${at//$'\n'/ }; do echo/" "$dir/store/store.sh"
  max_age=$(grep -A1 "name: MAX_AGE" $overlay | grep -o '[0-9]*')
  sed "s|/etc/object-store/|$dir/store/|; s|/backup/|$dir/backup/|g" "$dir/fetch.sh" >"$dir/fetch"
  rm -rf "$dir/backup/binlogs"
  S3_BUCKET=my-backups MAX_AGE=$max_age got=$dir/got bash "$dir/fetch"
}
ok "and where there is none, that is said" eval '! fetch "2025-12-31 00:00:00" && says "no backup from before 2025-12-31"'
ok "one of last night is looked at" aged 500 2
ok "so is one of a night and a half ago" aged 35
ok "of one that is older than that it is said" eval '! aged 700 37 && says "the newest backup is 1332" && says "none may be older than 129600 s"'

# A replica that holds back what it has received; the programs find servers by their names.
(mysqld 2 --initialize-insecure) >>"$dir/log" 2>&1
mysqld 2 --skip-networking --report-host=mysql-1.mysql >>"$dir/log" 2>&1 &
other=$!
answering 2 $other
mkdir "$dir/bin" "$dir/run"
ln -s "$dir/data/s" "$dir/run/mysql-primary"
ln -s "$dir/data/s" "$dir/run/mysql-0.mysql"
ln -s "$dir/data/s2" "$dir/run/mysql-1.mysql"
for program in mysql mysqldump; do
  cat >"$dir/bin/$program" <<PROGRAM
#!/usr/bin/env bash
args=()
for a; do case \$a in --host=*) args+=("--socket=$dir/run/\${a#--host=}") ;; --user=*) args+=(-uroot) ;; *) args+=("\$a") ;; esac; done
exec "$bin/$program" "\${args[@]}"
PROGRAM
done
chmod 755 "$dir"/bin/*
for script in dump fresh room check; do
  sed "s|/etc/mysql-backup/|$dir/dumping/|g; s|/backup/mysql|$dir/backup/mysql|g" "$dir/$script.sh" >"$dir/$script"
done
mkdir "$dir/dumping"
for script in dump fresh room check; do mv "$dir/$script" "$dir/dumping/$script.sh"; done
sed -i 's/, 10)")" = 0/, 2)")" = 0/' "$dir/dumping/fresh.sh"
second() { "$bin/mysql" --socket="$dir/data/s2" -uroot "$@"; }
replica_of() { # DELAY
  second -e "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = $port, SOURCE_USER = 'repl',
    SOURCE_PASSWORD = 'secret', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_DELAY = $1; START REPLICA"
}
dump_of() { rm -f "$dir"/backup/*.gz*; PATH=$dir/bin:$PATH DUMP_FROM=$1 SPACE=${2:-1000000} BACKUP_PASSWORD='' bash "$dir/dumping/dump.sh"; }

sql -e "SET sql_log_bin = 0; CREATE USER repl@'%' IDENTIFIED BY 'secret'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'"
replica_of 3600
sql -e "INSERT INTO x.t VALUES (101, 'on its way')"
ok "of a replica that is behind no dump is made" eval '! dump_of mysql-1.mysql && says "mysql-1.mysql is behind the primary, of which it lacks "'
ok "and none is left" eval '[ -z "$(ls "$dir/backup" | grep gz)" ]'
replica_of 0
ok "one that has caught up is dumped" dump_of mysql-1.mysql
ok "at the primary's position" eval '[ "$(cat "$dir"/backup/*.position)" = "$(sql -N -r -e "SELECT @@global.gtid_executed")" ]'
ok "and the primary is" dump_of mysql-primary
ok "but not what it has no room for" eval '! dump_of mysql-primary 20000 && says "bytes of data, and /backup has room for 20000"'
ok "nor is anything left of that" eval '[ -z "$(ls "$dir/backup" | grep gz)" ]'
echo "1..$n"
