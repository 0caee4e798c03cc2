#!/usr/bin/env bash
# tap.sh TEST: runs it for prove. cmocka calls a test that it has skipped "not ok
# # SKIP", which readers of TAP take for a failure; and prove says nothing of
# tests that were skipped.
set -o pipefail
"$@" | awk -v name="$(basename "$1")" '
  /^not ok [0-9]+ # SKIP/ { n++; sub(/^not /, "") }
  /^# skipped: / { why = substr($0, 12) }
  { print; fflush() }
  END { if (n) print name ": skipped " n ": " why > "/dev/stderr" }'
