#!/usr/bin/env bash
# The accounts that the fixture makes at a member's first start, in a real server: each
# may do what it is there for, and nothing that only another needs; none has an empty
# password; and none of it is in the binary log, or members would differ.
cd "$(dirname "$0")/../../../.." || exit 1
bin=$PWD/build/mysql/bin
[ -x "$bin/mysqld" ] || { echo "1..0 # SKIP no $bin/mysqld: make build/mysql"; exit; }
# shellcheck source=../../lib/ok.sh
. harness/test/lib/ok.sh
server=
trap '[ -z "$server" ] || { kill -9 "$server"; wait "$server"; } 2>/dev/null; rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir "$dir/data"
chown nobody "$dir/data"
mysqld() { # in place of the shell that calls it, which is to be killed
  exec "$bin/mysqld" --no-defaults --user=nobody --datadir="$dir/data/d" --socket="$dir/data/s" --pid-file="$dir/data/p" \
    --skip-networking --mysqlx=OFF --gtid-mode=ON --enforce-gtid-consistency=ON --innodb-buffer-pool-size=32M \
    --partial-revokes=ON "$@"
}
(mysqld --initialize-insecure) >"$dir/log" 2>&1
mysqld >>"$dir/log" 2>&1 &
server=$!
as() { # ACCOUNT SQL: with its password
  MYSQL_PWD=$1-pass "$bin/mysql" --socket="$dir/data/s" -u"$1" -N -e "$2"
}
until "$bin/mysql" --socket="$dir/data/s" -uroot -e "ALTER USER root@localhost IDENTIFIED BY 'root-pass'" >/dev/null 2>&1; do
  kill -0 $server 2>/dev/null || { sed 's/^/# /' "$dir/log"; echo "Bail out! no server"; exit 1; }
  sleep 0.2
done
before=$(as root "SELECT @@global.gtid_executed")
awk '/^  accounts.sh: \|/ { on = 1; next } on && /^  [^ ]/ { exit } on { print substr($0, 5) }' \
  fixtures/mysql/corrected/scripts.yaml | sed "s|/var/run/mysqld/mysqld.sock|$dir/data/s|" >"$dir/accounts.sh"
make() {
  PATH=$bin:$PATH MYSQL_ROOT_PASSWORD=root-pass REPL_USER=repl REPL_PASSWORD=repl-pass OPERATOR_PASSWORD=operator-pass \
    CLIENT_PASSWORD=ordeal-pass PROBE_PASSWORD=probe-pass BACKUP_PASSWORD=backup-pass RESTORE_PASSWORD=restore-pass \
    bash "$dir/accounts.sh"
}
ok "the accounts are made" make
ok "the member owns no transaction by that" test "$before" = "$(as root "SELECT @@global.gtid_executed")"
ok "it starts read-only from then on" grep -q '"super_read_only".*"ON"' "$dir/data/d/mysqld-auto.cnf"
ok "none has an empty password" test -z "$(as root "SELECT user FROM mysql.user WHERE authentication_string = '' AND NOT account_locked = 'Y'")"
ok "each that is not the server's own was put to the test here" test "$(as root "SELECT GROUP_CONCAT(user ORDER BY user)
  FROM mysql.user WHERE account_locked = 'N'")" = "backup,operator,ordeal,probe,repl,restore,root"
ok "root comes from within the container only" test "$(as root "SELECT host FROM mysql.user WHERE user = 'root'")" = localhost
most=$(sed -n 's/^ *max_connections = //p' fixtures/mysql/corrected/config.yaml)
ok "clients leave others room to connect" test "$(as root "SELECT max_user_connections BETWEEN 1 AND $most - 50 FROM mysql.user WHERE user = 'ordeal'")" = 1
as root "CREATE DATABASE ordeal; CREATE DATABASE other; CREATE TABLE ordeal.t (id INT PRIMARY KEY); CREATE TABLE other.t (id INT PRIMARY KEY)"

may() { ok "$1 may: $2" as "$1" "$2"; }
refused() { # by its rights, not by anything else
  as "$1" "$2" >"$dir/answer" 2>&1 && return 1
  grep -E 'ERROR (1044|1142|1143|1227|1370|1419) ' "$dir/answer" || { cat "$dir/answer"; return 1; }
}
may_not() { ok "$1 may not: $2" refused "$1" "$2"; }

may ordeal "INSERT INTO ordeal.t VALUES (1); SELECT * FROM performance_schema.replication_group_members"
may_not ordeal "SELECT * FROM other.t"
may_not ordeal "SELECT * FROM mysql.user"
may_not ordeal "SET GLOBAL super_read_only = OFF"
may_not ordeal "SELECT * FROM performance_schema.threads"
may probe "SELECT * FROM ordeal.t; SHOW PROCESSLIST; SHOW REPLICA STATUS; SELECT * FROM performance_schema.threads"
may_not probe "INSERT INTO ordeal.t VALUES (2)"
may_not probe "SELECT * FROM other.t"
may_not probe "SET GLOBAL super_read_only = OFF"
may_not probe "STOP REPLICA"
may operator "SET GLOBAL super_read_only = ON; SET GLOBAL offline_mode = ON; SET GLOBAL super_read_only = OFF;
  SET GLOBAL read_only = OFF; SET GLOBAL offline_mode = OFF; STOP REPLICA; RESET REPLICA ALL"
may_not operator "SELECT * FROM ordeal.t"
may_not operator "INSERT INTO ordeal.t VALUES (3)"
may_not operator "SELECT * FROM mysql.user"
may_not operator "CREATE USER x IDENTIFIED BY 'y'"
may_not operator "DROP DATABASE ordeal"
may repl "SHOW REPLICAS"
may_not repl "SELECT * FROM ordeal.t"
may_not repl "SET GLOBAL super_read_only = OFF"
may backup "SELECT * FROM other.t; FLUSH TABLES WITH READ LOCK; SHOW BINARY LOG STATUS; UNLOCK TABLES"
may backup "SET SESSION information_schema_stats_expiry = 0; SELECT SUM(data_length) FROM information_schema.tables;
  SELECT WAIT_FOR_EXECUTED_GTID_SET(@@global.gtid_executed, 1), GTID_SUBTRACT(@@global.gtid_executed, ''), @@report_host"
may_not backup "INSERT INTO ordeal.t VALUES (4)"
may_not backup "SET GLOBAL super_read_only = OFF"
may_not backup "SELECT * FROM mysql.user"
may_not backup "SHUTDOWN"
may restore "SET GLOBAL super_read_only = ON; SET SESSION sql_log_bin = 0; SET GLOBAL super_read_only = OFF;
  CREATE DATABASE third; CREATE TABLE third.t (id INT PRIMARY KEY); INSERT INTO third.t VALUES (1); DROP DATABASE third"
may_not restore "CREATE USER x IDENTIFIED BY 'y'"
may_not restore "INSERT INTO mysql.db (host, db, user) VALUES ('%', 'ordeal', 'x')"
may_not restore "SHUTDOWN"
may_not restore "SELECT * INTO OUTFILE '/tmp/x' FROM ordeal.t"
echo "1..$n"
