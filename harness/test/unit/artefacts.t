#!/usr/bin/env bash
# What is built once and kept (kind/lib/common.sh), when two clones build it at once
# and when a build is killed.
cd "$(dirname "$0")/../../.." || exit 1
export ORDEAL_CACHE
ORDEAL_CACHE=$(mktemp -d)
trap 'rm -rf "$ORDEAL_CACHE"' EXIT
here=$PWD
mkdir -p "$ORDEAL_CACHE/kind"

# Writes its file in two halves, the second when `go` is there; tells that it began.
cat >"$ORDEAL_CACHE/build.sh" <<SCRIPT
set -euo pipefail
. "$here/kind/lib/common.sh"
begin thing "\$1"
echo began >>"$ORDEAL_CACHE/begun"
tmp=\$(fresh thing "\$1")
{
  echo first
  until [ -e "$ORDEAL_CACHE/go" ]; do sleep 0.05; done
  echo last
} >"\$tmp/file"
keep thing "\$1" "\$tmp"
echo "\$out"
SCRIPT
build() { exec bash "$ORDEAL_CACHE/build.sh" "$1"; }
begun() { wc -l 2>/dev/null <"$ORDEAL_CACHE/begun" || echo 0; }
until_begun() { until [ "$(begun)" -ge "$1" ]; do sleep 0.05; done; }
n=0
is() {
  n=$((n + 1))
  if [ "$1" = "$2" ]; then
    echo "ok $n - $3"
  else
    printf 'not ok %s - %s\n# got: %s\n# want: %s\n' $n "$3" "$1" "$2"
  fi
}

build aaaa >"$ORDEAL_CACHE/one" &
first=$!
until_begun 1
build aaaa >"$ORDEAL_CACHE/two" &
second=$!
until [ "$(begun)" = 2 ] || pgrep -P $second flock >/dev/null; do sleep 0.05; done
touch "$ORDEAL_CACHE/go"
wait $first && wait $second
is $? 0 "both end well"
is "$(cat "$ORDEAL_CACHE/kind/thing/aaaa/file")" $'first\nlast' "what is kept is whole"
is "$(begun)" 1 "it was built once"
is "$(cat "$ORDEAL_CACHE/one" "$ORDEAL_CACHE/two" | sort -u)" "$ORDEAL_CACHE/kind/thing/aaaa" "both are told where"

# One of another hash, whose folder the first one's keep would sweep up.
rm "$ORDEAL_CACHE/go" "$ORDEAL_CACHE/begun"
build bbbb >/dev/null &
first=$!
until_begun 1
kill -9 $first
wait $first 2>/dev/null
touch "$ORDEAL_CACHE/go"
bash "$ORDEAL_CACHE/build.sh" bbbb >/dev/null
is "$?:$(cat "$ORDEAL_CACHE/kind/thing/bbbb/file")" $'0:first\nlast' "after a build that was killed, the next one makes it"
is "$(ls "$ORDEAL_CACHE/kind/thing")" bbbb "nothing else is left"
echo "1..$n"
