#!/usr/bin/env bash
# What is tried, loaded, measured, checked and reported is the same on every
# engine: those layers include nothing of one and name none.
cd "$(dirname "$0")/.." || exit 1
folders=(base spec history system load measure check report)
n=0
none() { # PATTERN NAME
  n=$((n + 1))
  if grep -rnE "$1" "${folders[@]}" --include='*.[ch]' | sed 's/^/# /' | grep .; then
    echo "not ok $n - $2"
  else
    echo "ok $n - $2"
  fi
}
none '#include "(engine|agent|run|cmd)/' "no layer that all engines share includes one"
none 'engine_(find|all|kind|kube|docker|local)\b' "none asks for an engine"
none '"(docker|local)"' "none knows an engine's name"
echo "1..$n"
