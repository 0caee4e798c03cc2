#!/usr/bin/env bash
# table.h is whole: faults, their nodes, and the parts of base that these use make
# no call out of this program beyond it. Looks at what the objects import.
cd "$(dirname "$0")/../../.." || exit 1
built=$(dirname "${ORDEAL:-build/ordeal}")/harness
table=$(sed -nE 's/^(CALL|PART)\([^,]*, (\w+),.*/\2/p' harness/test/failpoints/table.h | sort -u)

# Nothing outside of the program has a say in what comes of these, or all that can
# come of them is waiting.
harmless='mem(cpy|set|chr|mem|cmp|move)|str(len|n?cmp|r?chr|str|c?spn|sep|dup|error|ftime|ptime|to[a-z]+)|v?a?s?n?printf|__isoc99_sscanf|__ctype_b_loc'
harmless+='|gnu_dev_makedev|malloc|calloc|realloc|free|abort|alphasort64|__errno_location|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|environ|std(in|out|err)'
harmless+='|getenv|getpid|geteuid|clock_gettime|clock_nanosleep|time|timegm|(gm|local)time_r|ppoll|fputs|fwrite|ferror|dirfd|getnameinfo'
harmless+='|pthread_(mutex|cond|condattr|attr|sigmask|join|detach).*|sem_.*|sig(action|fillset|emptyset|addset|delset)'
harmless+='|posix_spawn(attr|_file_actions)_.*|cJSON_.*|nft_ctx_.*'
harmless+='|f?close|closedir|freeifaddrs' # releases only
harmless+='|__(asan|tsan|ubsan|sanitizer|gcov|llvm).*'

# Unoptimized (make coverage) getline() is not the __getdelim() that its header makes of it.
imports() { nm -u "$@" | awk 'NF == 2 {print $2 == "getline" ? "__getdelim" : $2}' | sort -u; }
exports() { nm --defined-only "$@" | awk 'NF == 3 {print $3}' | sort -u; }

n=0
none() { # LINES NAME
  n=$((n + 1))
  [ -z "$1" ] || sed 's/^/# /' <<<"$1"
  [ -z "$1" ] || printf 'not '
  echo "ok $n - $2"
}

# The parts of base that they use, by what they import of one another.
objects=("$built"/fault/*.o "$built"/node/*.o "$built"/engine/docker/{node,cgroups}.o)
while :; do
  found=()
  for o in "$built"/base/*.o; do
    [[ " ${objects[*]} " == *" $o "* ]] && continue
    [ -z "$(comm -12 <(imports "${objects[@]}") <(exports "$o"))" ] || found+=("$o")
  done
  [ ${#found[@]} = 0 ] && break
  objects+=("${found[@]}")
done
# These are called for reports and by the load, not by faults.
for not in random rng; do objects=("${objects[@]/*\/$not.o/}"); done
read -ra objects <<<"${objects[*]}"

none "$([ "${#objects[@]}" -gt 30 ] || echo "only ${#objects[@]} objects: ${objects[*]}")" "the objects were found"
out=$(comm -23 <(imports "${objects[@]}") <(exports "$built"/../libordeal.a) | grep -vxE "$harmless")
# Functions of base/file.c beside those that faults call, and what they call.
none "$(imports "$built"/fault/*.o "$built"/node/*.o | grep -xE 'file_(remove_tree|project_root|cache_dir)')" \
  "faults remove no trees, and ask for no folders of the user's"
out=$(grep -vxE 'nftw64|remove|readlink' <<<"$out")
none "$(comm -23 <(sort <<<"$out") <(echo "$table"))" "no call is missing from the table"
none "$(comm -13 <(imports "${objects[@]}") <(echo "$table"))" "no row of it is without a call"
echo "1..$n"
