#!/usr/bin/env bash
# Jobs on real containers: those that steps of a scenario run from the template of
# a CronJob, how each ends and what is told of it; and one that its schedule starts.
# Needs root and a Docker; speaks TAP.
set -uo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"$ordeal" down --engine docker 2>&1 | sed 's/^/# /'
fresh_home
cp harness/test/e2e/docker/jobs.yaml "$home/fixtures/redis-sentinel/corrected/zz-jobs.yaml"
cp harness/test/e2e/scenarios/redis-sentinel-jobs.yaml "$work/scenario.yaml"
run >"$work/log" 2>&1
[ $? = 1 ]
verdict $? "a Job that failed where it should not have fails the run"
events=$work/reports/latest/events.jsonl
told() { # ID STATE: time, reason, exit code, number of pods and log of its job event
  perl -MJSON::PP -ne 'BEGIN { $j = JSON::PP->new; ($id, $state) = splice @ARGV, 0, 2 }
    $e = $j->decode($_);
    next unless $e->{k} eq "job" && $e->{id} eq $id && $e->{state} eq $state;
    printf "%d %s %s %d %s", $e->{t}, $e->{reason} || "-", $e->{exit} // "-", scalar @{ $e->{pods} || [] },
      $e->{log} // ""' "$1" "$2" "$events"
}
for i in 1 2 3 4; do
  grep -q "^ok $i - " "$work/log"
  verdict $? "$(grep -E "^(not )?ok $i - " "$work/log" | cut -d- -f2-)"
done
grep -q '^not ok 5 - ' "$work/log"
verdict $? "and that is the one that fails"
read -r _ _ exit pods log < <(told good succeeded)
[ "$exit $pods" = "0 1" ] && [[ $log =~ ^"keys: "[0-9]+$ ]]
verdict $? "one that ends well: its exit code and its pod's log ($log)"
read -r _ reason exit pods _ < <(told bad failed)
[ "$reason $exit $pods" = "BackoffLimitExceeded 3 2" ]
verdict $? "backoffLimit 1: two pods, of which each failed"
read -r begun_t _ < <(told late begun)
read -r late_t _ < <(told late failed)
took=$(((late_t - begun_t) / 1000000))
echo "# activeDeadlineSeconds 4: seen to be over after $took ms"
# It counts from startTime, which is in whole seconds here as in Kubernetes.
[ $took -ge 3000 ]
verdict $? "activeDeadlineSeconds: not earlier than that"
grep -q '"object":"CronJob/jobs-minutely","reason":"SuccessfulCreate"' "$events"
verdict $? "a schedule of every minute has started one"
! grep -qE '"object":"CronJob/jobs-(good|bad|late)","reason":"SuccessfulCreate"' "$events"
verdict $? "and no other schedule has"
nothing_left "it"
tail -n 20 "$work/log" | sed 's/^/# /'
echo "1..$n"
