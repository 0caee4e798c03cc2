#!/usr/bin/env bash
# MySQL's programs for tests on this machine, with the libraries and the loader
# of the Debian that they come from; prints the folder that has them in bin/.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

root=$("$KIND_DIR/build/mysql-root.sh" --where)
hash=$(hash_of "$root" "$0")
begin mysql "$hash" "${1:-}"
need_packages zstd=zstd

root=$("$KIND_DIR/build/mysql-root.sh")
tmp=$(fresh mysql "$hash")
mkdir -p "$tmp/root" "$tmp/bin"
zstd -dc "$root/root.tar.zst" | tar -x -C "$tmp/root" --no-same-owner --wildcards \
  './usr/sbin/mysqld' './usr/bin/mysql*' './usr/lib/mysql' \
  './usr/lib/*-linux-gnu' './usr/share/mysql*' './usr/share/doc/mysql*'

# start_with PROGRAM [OPTION…]: by its own loader, which also finds what its plugins want.
start_with() {
  local program=$1 name
  shift
  name=$(basename "$program")
  cat >"$tmp/bin/$name" <<SCRIPT
#!/bin/sh
root=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")/root
case \${1:-} in
--no-defaults | --defaults-file=* | --print-defaults) first=\$1; shift ;;
*) first= ;;
esac
set -- \$first $* "\$@"
exec "\$root"/usr/lib/*-linux-gnu/ld-linux-*.so.* --library-path "\$(echo "\$root"/usr/lib/*-linux-gnu)" \\
  "\$root$program" "\$@"
SCRIPT
  chmod 755 "$tmp/bin/$name"
}
start_with /usr/sbin/mysqld '"--basedir=$root/usr"' '"--plugin-dir=$root/usr/lib/mysql/plugin"' \
  '"--lc-messages-dir=$root/usr/share/mysql"' '--secure-file-priv=NULL'
for client in mysql mysqladmin mysqlbinlog mysqldump; do
  start_with "/usr/bin/$client"
done

keep mysql "$hash" "$tmp"
echo "$out"
