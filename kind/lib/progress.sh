# shellcheck shell=bash
# Long work in named steps: a live line on a terminal, plain lines elsewhere,
# and everything the step itself says in a file.

STARTED=$SECONDS

elapsed() { printf '%d:%02d' $(((SECONDS - STARTED) / 60)) $(((SECONDS - STARTED) % 60)); }

# run_steps 'TITLE|COMMAND'…: in this order; the first to fail ends the script.
run_steps() {
  local k=0 entry
  for entry; do
    k=$((k + 1))
    run_step "step $k of $#" "${entry%%|*}" "${entry#*|}"
  done
}

run_step() {
  local where=$1 title=$2 command=$3 log pid ticks=0
  log=$(cut -c1-40 <<<"${command//[^a-zA-Z0-9_-]/-}"); log=$LOG_DIR/$log.log
  # A process group of its own, so that Ctrl-C can end all of it.
  set -m
  (set -e; eval "$command") </dev/null >"$log" 2>&1 9>&- &
  pid=$!
  set +m
  # shellcheck disable=SC2064
  trap "kill -TERM -- -$pid 2>/dev/null; wait $pid 2>/dev/null || true; say 'interrupted; run it again to go on from here'; exit 130" INT TERM HUP
  if [ -t 2 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      printf '\r\033[Kordeal: %s, %s: %s' "$where" "$(elapsed)" "$title" >&2
      sleep 0.2
    done
    printf '\r\033[K' >&2
  else
    say "$where, $(elapsed): $title"
    while kill -0 "$pid" 2>/dev/null; do
      sleep 0.1
      ticks=$((ticks + 1))
      [ $((ticks % 600)) != 0 ] || say "$where, $(elapsed): still at it"
    done
  fi
  if ! wait "$pid"; then
    say "$where failed after $(elapsed): $title"
    why "$title: $(tail -n 2 "$log" | paste -sd' ' -)"
    say "the last lines of $log:"
    tail -n 15 "$log" | sed 's/^/    /' >&2
    exit 1
  fi
  [ ! -t 2 ] || say "$where, $(elapsed): $title"
  trap - INT TERM HUP
}
