#!/usr/bin/env bash
# RabbitMQ's programs for tests on this machine, unpacked and not installed: installing
# the package would start a server. Prints the folder that has them in bin/.
set -euo pipefail
. "$(dirname "$0")/../lib/common.sh"
. "$KIND_DIR/lib/debian.sh"

root=$("$KIND_DIR/build/root.sh" rabbitmq-3.10 --where)
hash=$(hash_of "$root" "$0")
begin rabbitmq "$hash" "${1:-}"
need_packages zstd=zstd

root=$("$KIND_DIR/build/root.sh" rabbitmq-3.10)
tmp=$(fresh rabbitmq "$hash")
mkdir -p "$tmp/root" "$tmp/bin"
tar -I zstd -xf "$root/root.tar.zst" -C "$tmp/root" --no-same-owner --wildcards \
  './usr/lib/erlang' './usr/lib/rabbitmq' './usr/share/doc/rabbitmq*'

# They find themselves where they stand; Debian's own want to be installed.
script() { # NAME COMMAND
  cat >"$tmp/bin/$1" <<SCRIPT
#!/bin/sh
bin=\$(dirname "\$(readlink -f "\$0")")
ROOTDIR=\$(dirname "\$bin")/root/usr/lib/erlang
BINDIR=\$(echo "\$ROOTDIR"/erts-*/bin) EMU=beam PROGNAME=erl PATH=\$bin:\$PATH
export ROOTDIR BINDIR EMU PROGNAME PATH
exec $2 "\$@"
SCRIPT
  chmod 755 "$tmp/bin/$1"
}
script erl '"$BINDIR/erlexec"'
script epmd '"$BINDIR/epmd"'
script rabbitmq-server '"$ROOTDIR/../rabbitmq/bin/rabbitmq-server"'

keep rabbitmq "$hash" "$tmp"
echo "$out"
