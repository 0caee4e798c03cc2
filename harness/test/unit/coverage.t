#!/usr/bin/env bash
# What `make coverage` prints: lcov's records summed up by folder, tests left out.
cd "$(dirname "$0")/../../.." || exit 1
sums() { awk -f harness/test/lib/coverage.awk; }
in=SF:/x/harness
got=$(printf '%s\n' TN: $in/yaml/a.c FNDA:1,f DA:1,2 DA:2,0 DA:3,7,x end_of_record \
  $in/report/html/b.c DA:1,0 end_of_record $in/test/unit/c.c DA:1,1 end_of_record |
  sums | sort | tr -s ' ')
want='(all) 50.0 % 2 of 4 lines
report/html 0.0 % 0 of 1 lines
yaml 66.7 % 2 of 3 lines'
[ "$got" = "$want" ] || printf 'not '
echo "ok 1 - each folder's lines, and all"
sums <<<TN: >/dev/null && printf 'not '
echo "ok 2 - no figure at all is a failure"
echo "1..2"
