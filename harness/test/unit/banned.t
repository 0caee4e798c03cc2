#!/usr/bin/env bash
# A call of what base/banned.h bans does not compile with the Makefile's flags.
cd "$(dirname "$0")/../../.." || exit 1
read -ra cc < <(env -u MAKEFLAGS make -s flags)
n=0
ok() { # CONDITION NAME
  n=$((n + 1))
  if eval "$1"; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
# BODY: of a function with two strings; what the compiler says is kept.
compiles() {
  said=$(printf '%s\n' '#include <stdio.h>' '#include <stdlib.h>' '#include <string.h>' \
    '#include <time.h>' '#include <unistd.h>' 'void f(char *a, char *b);' \
    "void f(char *a, char *b) { (void)a, (void)b; $1 }" |
    "${cc[@]}" -x c -S -o /dev/null - 2>&1)
}

ok 'compiles "snprintf(a, 2, \"%s\", b);"' "what is not banned compiles"
ok '! compiles "strcpy(a, b);" && [[ $said == *strcpy*mem_copy_str* ]]' \
  "strcpy() does not, and the message names what to take"
ok '! compiles "char *p = alloca(9); (void)p;"' "alloca() does not"
# Each by its address, so that no arguments are needed.
names=$(grep -oE '\*?[A-Za-z0-9_]+\([^()]*\) BANNED' harness/base/banned.h | grep -oE '^\*?[A-Za-z0-9_]+' | tr -d '*')
for name in $names; do
  ok '! compiles "void *p = (void *)$name; (void)p;" && [[ $said == *"$name"*deprecated* ]]' "$name"
done
ok '[ "$(wc -w <<<"$names")" -ge 35 ]' "all of them were tried"
echo "1..$n"
