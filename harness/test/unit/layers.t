#!/usr/bin/env bash
# What is tried, loaded, measured, checked and reported is the same on every
# engine: those layers include nothing of one and name none. And the data flows
# one way.
cd "$(dirname "$0")/../.." || exit 1
folders=(base yaml manifest scenario history system load measure check report)
n=0
none() { # PATTERN NAME
  n=$((n + 1))
  if grep -rnE "$1" "${folders[@]}" --include='*.[ch]' | sed 's/^/# /' | grep .; then
    echo "not ok $n - $2"
  else
    echo "ok $n - $2"
  fi
}
none '#include "(kube|node|apiserver|engine|agent|run|cmd)/' "no layer that all engines share includes one"
none 'engine_(find|all|kind|kube|docker|local)\b' "none asks for an engine"
none '"(docker|local)"' "none knows an engine's name"

# What a system is called, what it calls things and how it runs, it says itself.
names=$(sed -n 's/^\t\.name = "\(.*\)",$/\1/p' system/*.c system/*/*client.c | grep -v skeleton | paste -sd'|')
folders=(measure check report run engine)
none "cmp\(.*\"(${names:?})\"|\\b(MOVED|ASK|TRYAGAIN)\\b" "none asks for a system by name (${names//|/, }), nor for its words"

mapfile -t folders < <(find . -mindepth 1 -maxdepth 1 -type d ! -name system ! -name memoryd ! -name test ! -name doc -printf '%f\n')
none "\"($(tr '|' '\n' <<<"$names" | grep -vx memory | paste -sd'|'))\"" "nor has its name anywhere else (the toy's is a word of others', too)"
folders=(check report)
none 'metric, "' "a metric is asked for by its number: its name stands in scenario/metrics.h"

# A fault is known by what it does (history/effects.h), not by its name.
names=$(sed -n 's/^\t\.name = "\(.*\)",$/\1/p' fault/*.c | grep -v skeleton)
mapfile -t folders < <(find . -mindepth 1 -maxdepth 1 -type d ! -name fault ! -name test ! -name doc -printf '%f\n')
# One with a dash is nothing else, in a text or a comment; one without (pause) is a word of
# others', too: it must not be what a fault's name or an event's `fault` is held against.
dashed=$(grep -- - <<<"$names" | paste -sd'|')
plain=$(grep -v -- - <<<"$names" | paste -sd'|')
none "(^|[^-[:alnum:]])(${dashed:?}|kill-)([^-[:alnum:]]|\$)" "nobody but fault/ knows a fault by its name (${dashed//|/, })"
none "(fault|->name|\.name|_name)\b.*\"(${plain:?})\"|fault: (${plain})\b" "nor by one that is a word (${plain//|/, })"

none '"[^"]*\bthe partition\b' "no text calls every cut a partition: that is one fault's word, and a log's"

mapfile -t folders < <(find . -name '*.[ch]' ! -path './test/*' ! -path ./history/op.c)
none 'str(n|case|str)*(cmp|str)\([^()]*\berror\b, "(mismatch|timeout|client|dns|connect|broken|blocked|warning)' \
  "an error's class is asked of history/op.c, which alone compares its word"

# Evidence is typed and read once (history/evidence.h). Apart from that only a report begins
# with the events themselves, and shows them.
mapfile -t folders < <(find measure check system report -name '*.[ch]' \
  ! -path report/evaluate.c ! -path report/live.c ! -path report/html/evidence.c)
none '\b(event_is|event_t|events_read\w*)\(|"k"|json_[a-z0-9]+\((\w+(->|\.))*event\b' "nobody else searches events' JSON"

none '(->|\.)params\b' "nor asks how a fault was set, or was to be: its effects say all that it does"

mapfile -t folders < <(find measure check report -name '*.[ch]')
none '(->|\.)extra\b($|[^ ]| [^=])' "nor what only one system's samples hold"

folders=(report)
none 'style=' "a page has its looks from report/html/style.css alone"

# The Makefile's LAYERS, in order: a folder includes only itself and those before it.
read -ra layers < <(sed -n '/^LAYERS *:=/,/[^\\]$/{s/^LAYERS *:= *//; s/\\$//; p}' ../Makefile | tr '\n' ' ')
wrong=
for i in "${!layers[@]}"; do
  later=$(IFS='|'; echo "${layers[*]:i+1}")
  [ -z "$later" ] || wrong+=$(grep -rnE "#include \"($later)/" "${layers[i]}" --include='*.[ch]')
done
n=$((n + 1))
if [ "${#layers[@]}" -gt 10 ] && [ -z "$wrong" ]; then
  echo "ok $n - no folder includes one that stands after it"
else
  sed 's/^/# /' <<<"$wrong"
  echo "not ok $n - no folder includes one that stands after it"
fi

# What the thread sanitizer is not asked about (the Makefile's THREADLESS): there and in its
# tests nothing begins a thread or includes a layer, or a file of base/ or test/lib/, that does.
read -ra folders < <(sed -n 's/^THREADLESS *:= *//p' ../Makefile)
folders+=("${folders[@]/#/test/unit/}")
begins=$(grep -rlE 'pthread_create|MHD_start_daemon' --include='*.c' . | grep -v '^./test/[^l]' |
  sed -E 's,^\./((base|test/lib)/.*)\.c$,\1\\.h",; s,^\./([a-z]+)/.*,\1/,' | sort -u | paste -sd'|')
[ "${#folders[@]}" -gt 10 ] || begins=
none "pthread_create|#include \"(${begins:?})" "what has no threads begins none (${begins//[|\\\"]/ })"

# What a reader can take in: folders, files, and names that do not say twice
# where they are.
is_empty() { # LINES NAME
  n=$((n + 1))
  [ -z "$1" ] || sed 's/^/# /' <<<"$1"
  [ -z "$1" ] || printf 'not '
  echo "ok $n - $2"
}
sources() { find . -name "$1" ! -path './test/*'; }
is_empty "$(find . -name '*.c' -printf '%h\n' | sort | uniq -c | awk '$1 > 21 {print $2 ": " $1 " files"}')" \
  "no folder has more than 21 sources at one level"
is_empty "$(sources '*.[ch]' | awk -F/ 'index($NF, $(NF - 1) "_") == 1')" \
  "no file's name begins with its folder's"
is_empty "$(find . \( -name '*.[ch]' -o -name '*.t' -o -name '*.sh' \) -exec wc -l {} + |
  awk '$1 > 500 && $2 != "total"')" "no source or test has more than 500 lines"

# One with a text may be longer: a text in one piece is found again.
long() { # FOLDER...
  find "$@" -name '*.[ch]' -exec perl -CSD -ne '
    chomp; my $l = $_;
    1 while $l =~ s/^([^\t]*)\t/$1 . " " x (8 - length($1) % 8)/e;
    print "$ARGV:$.: $_\n" if length($l) > 100 && !/"/;
    close ARGV if eof' {} +
}
is_empty "$(long .)" "no line without a text is longer than 100 columns"

# What ARCHITECTURE.md says a system takes: lines in hundreds, one more or less.
counted=$(sed -nE 's/^\| .* \| `([^`]+)` \| ([0-9]+) \| ([0-9,]+) \|$/\1 \2 \3/p' doc/ARCHITECTURE.md |
  while read -r which sources lines; do
    mapfile -t files < <(eval "printf '%s\\n' system/$which")
    is_lines=$(cat "${files[@]}" | wc -l)
    is_sources=$(printf '%s\n' "${files[@]}" | grep -c '\.c$')
    off=$((is_lines - ${lines/,/}))
    [ "$is_sources" = "$sources" ] && [ ${off#-} -lt 100 ] ||
      echo "$which: $is_sources sources, $is_lines lines"
  done)
is_empty "$counted" "what a system takes is what ARCHITECTURE.md says"

own=$(cat system/redis/sentinel* | wc -l)
is_empty "$([ "$own" -le 900 ] || echo "$own lines")" "what is Redis Sentinel's own has at most 900"

# Who names a file names one that is there: by its path in any text, by its path
# within harness/ or its bare name in a comment of a source or in a document. Of
# others' sources only the bare names are known: libmicrohttpd, PostgreSQL, Redis.
others='microhttpd|postmaster|syncrep|aof|cluster|sentinel'
texts() { find .. -path ../build -prune -o -path ../.git -prune -o -type f -print0 | xargs -0 grep -IoE "$@"; }
said() { # PATTERN: in comments and documents
  { grep -rE '^[[:space:]]*/?\*|/\*' --include='*.[ch]' . ; grep -rE "$1" --include='*.md' ..; } |
    sed 's/:/ /' | grep -oE "^[^ ]+ |$1" | awk '/ $/ {f = $1; next} {print f ":" $0}'
}
absent() { # below which FOLDERS
  while IFS=: read -r file name; do
    for below; do [ -e "$below/$name" ] && continue 2; done
    echo "$file: $name"
  done | sort -u
}
# The newcomer's files are laid over the tree by their test.
is_empty "$(texts '\bharness/[A-Za-z0-9_./-]+\.(c|h|t|sh|pl|css|awk|md)\b' | absent .. test/e2e/newcomer)" \
  "every path that is named exists"
is_empty "$(said "\\b($(IFS='|'; echo "${layers[*]}")|test)/[a-z0-9_/]+\\.[cht]\\b" | absent .)" \
  "every path within harness/ that a comment or a document names exists"
is_empty "$(said '(^|[ (`])[a-z0-9_]+\.[ch]\b' | sed 's/:[ (`]/:/' | grep -vE ":($others)\.[ch]$" |
  while IFS=: read -r file name; do
    find . -name "$name" | grep -q . || echo "$file: $name"
  done | sort -u)" "every source that a comment or a document names exists"
echo "1..$n"
