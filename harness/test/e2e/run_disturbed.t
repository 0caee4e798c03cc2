#!/usr/bin/perl
# Whole runs of the real binary against the toy store that something comes in the
# way of: a stopped agent, too much load, a full disk, Ctrl-C, kill -9.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib abs_path(dirname(__FILE__) . "/../lib");
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use MemoryRun;

# Brings a run to the point where its primary stands frozen. Returns the
# driver and the frozen process.
sub freeze_primary {
	my $before = newest();
	my $pid = start("run", "--engine", "local", "--reports", $reports,
			"$root/scenarios/memory-pause-primary.yaml");
	my $frozen;
	my $bites = await(60, sub {
		my $run = newest();
		return 0 if $run eq $before;
		for (events($run)) {
			$frozen = $_->{targets}[0]{member}
				if $_->{k} eq "fault" && $_->{state} eq "effective";
		}
		return defined $frozen;
	});
	BAIL_OUT("the pause was never seen to bite: " . err()) unless $bites;
	my ($victim) = pids(qr/^\Q$frozen\E$/);
	is(state_of($victim), "T", "the primary's process is stopped");
	return ($pid, $victim);
}

# The expectations of a result's only scenario whose name matches.
sub expected {
	my ($what) = @_;
	return grep { $_->{name} =~ $what } @{result()->{scenarios}[0]{expectations}};
}

subtest "a load agent that was stopped makes lengths of time unknown" => sub {
	my ($pid, $victim) = freeze_primary();
	my ($agent) = pids(qr/^load/);
	BAIL_OUT("no load agent is on the books") unless $agent;
	kill 'STOP', $agent;
	sleep 1.5;
	kill 'CONT', $agent;
	is(finish($pid), 3, "undecided") or diag(out() . err());
	like(out(), qr/^# How long writes were down .* is not known, .* at most: the generator stood still for \d+\.\d\d s, \d+\.\d s after the fault/m,
	     "the first line says why");
	my $noise = result()->{scenarios}[0]{faults}[0]{noise}{outage};
	cmp_ok($noise->{stood_ms}, ">=", 1450, "for how long it was stopped");
	for my $x (expected(qr/outage/)) {
		is($x->{verdict}, "UNKNOWN", "$x->{name}: unknown");
		like($x->{why}, qr/the generator stood still/, "for that reason");
	}
};

subtest "a load that cannot be sent is told" => sub {
	my $text = slurp("$root/scenarios/memory-kill-replica.yaml");
	# One client, whose writes go to two replicas, one after the other.
	$text =~ s/^load: .*$/load: {rate: 30000, clients: 1, deadline: 100ms, keys: 4, mix: {insert: 60, read: 15, write: 10, cas: 15}}/m
		or die "the scenario has changed";
	open(my $f, ">", "$dir/fast.yaml") or die $!;
	print $f $text;
	close($f);
	is(ordeal("run", "--engine", "local", "--reports", $reports, "$dir/fast.yaml"), 3, "undecided")
		or diag(out() . err());
	like(out(), qr/^# The load was not the one that was asked for: before the first fault \d+ of \d+ operations/m,
	     "the first line says so");
	my $load = result()->{scenarios}[0]{load};
	cmp_ok($load->{not_sent}, ">", $load->{due} / 5, "and so does the result");
	for my $x (expected(qr/outage|redundant|lost/)) {
		is($x->{verdict}, "UNKNOWN", "$x->{name}: unknown");
		like($x->{why}, qr/not the one that was asked for/, "for that reason");
	}
};

# A time namespace is another machine's clock: the load agent's is 5,000 s ahead.
subtest "a load agent by another clock is understood, and the error of that is told" => sub {
	my $there = readlink("/proc/self/ns/time") // "";
	my $other = qx(unshare --time --monotonic 5000 readlink /proc/self/ns/time 2>/dev/null) // "";
	plan skip_all => "no time namespaces here" if !$there || $other !~ /^time:/ || $other eq "$there\n";
	mkdir "$dir/ahead" or die $!;
	my ($real) = grep { -x } map { "$_/setpriv" } split(/:/, $ENV{PATH});
	open(my $f, ">", "$dir/ahead/setpriv") or die $!;
	print $f "#!/bin/sh\ncase \"\$*\" in *load-agent*) exec unshare --time --monotonic 5000 $real \"\$@\" ;; esac\nexec $real \"\$@\"\n";
	close($f);
	chmod 0755, "$dir/ahead/setpriv";
	local $ENV{PATH} = "$dir/ahead:$ENV{PATH}";
	is(ordeal("run", "--engine", "local", "--reports", $reports, "$root/scenarios/memory-kill-primary.yaml"), 0,
	   "all passed") or diag(out() . err());
	my @faults = grep { $_->{k} eq "fault" && $_->{state} eq "effective" } events(newest());
	my @heard = grep { $_->{k} eq "sample" } events(newest());
	is(scalar(grep { ($_->{te} // 0) > 0 && $_->{te} < 1e9 } @heard), scalar(@heard), "each answer carries the clocks' error");
	my ($first) = map { JSON::PP::decode_json($_)->{tc} } grep { /"tc"/ } split(/\n/, slurp(newest() . "/history.jsonl"));
	cmp_ok(abs($first - $faults[0]{t}), "<", 60e9, "operations are on the driver's clock");
	my $x = result()->{scenarios}[0]{faults}[0]{outage};
	cmp_ok($x->{lo_ms}, "<", $x->{hi_ms}, "bounds");
};

# The limit of a file's size stands for the disk's end: it needs no root.
subtest "what cannot be written ends the run as broken" => sub {
	my $small = "$dir/small";
	my $scenario = "$root/scenarios/memory-kill-primary.yaml";
	my $pid = fork();
	if (!$pid) {
		open(STDOUT, ">", "$dir/out");
		open(STDERR, ">", "$dir/err");
		exec("bash", "-c", 'ulimit -f 80; exec "$@"', "bash", $ordeal, "run", "--engine", "local", "--reports",
			$small, "--repeat", 2, $scenario) or POSIX::_exit(127);
	}
	my $began = time;
	is(finish($pid, 60), 3, "exit code 3");
	note(sprintf("it took %.1f s", time - $began));
	like(err(), qr/cannot write .*\.jsonl: File too large/, "says which file and why");
	like(out(), qr/^# Nothing can be concluded: .*File too large/m, "in the TAP as well");
	unlike(out(), qr/^ok/m, "nothing passes");
	my ($run) = grep { !-l } glob("$small/*");
	is(scalar(grep { $_->{k} eq "scenario" } events($run)), 1, "no other scenario was begun");
	ok((grep { $_->{k} eq "broken" } events($run)), "the events say so");
	is(scalar pids(), 0, "no process is left");
	is(ordeal("report", $run), 3, "a report made again is no other");
};

subtest "Ctrl-C undoes the fault and keeps a partial report" => sub {
	my ($pid, $victim) = freeze_primary();
	kill 'INT', $pid;
	is(finish($pid, 60), 130, "exit code 130") or diag(err());
	my $run = newest();
	my @e = events($run);
	ok((grep { $_->{k} eq "fault" && $_->{state} eq "healed" } @e), "the fault was healed");
	ok((grep { $_->{k} eq "interrupt" } @e), "the interruption is recorded");
	ok(-s "$run/report.html", "there is a report");
	cmp_ok(() = (slurp("$run/history.jsonl") // "") =~ /\n/g, ">", 100, "the history was kept");
	ok(!alive($victim), "the frozen process is gone");
	is(scalar pids(), 0, "and so is every other");
	is(ordeal("report", $run), 3, "its report can be made again, undecided");
};

subtest "a hang-up is an interruption, but not under nohup" => sub {
	open(my $lock, ">", "$dir/cache/local/lock") or die;
	flock($lock, 2) or die;
	for my $ignored (0, 1) {
		local $SIG{HUP} = $ignored ? "IGNORE" : "DEFAULT";
		my $pid = start("recover", "--engine", "local");
		await(10, sub { err() =~ /waiting/ }) or diag(err());
		kill 'HUP', $pid;
		sleep 0.3;
		flock($lock, 8) if $ignored;
		is(finish($pid, 30), $ignored ? 0 : 130, $ignored ? "ignored" : "exit code 130");
	}
};

subtest "kill -9 of the driver leaves nothing" => sub {
	my ($pid, $victim) = freeze_primary();
	my @all = pids();
	is(scalar @all, 5, "three members and two agents run");
	kill 'KILL', $pid;
	is(finish($pid, 10), 137, "the driver is dead");
	my $began = time;
	ok(await(30, sub { !grep { alive($_) } @all }), "after 30 s no process is left")
		or diag(join(" ", grep { alive($_) } @all));
	note(sprintf("it took %.1f s", time - $began));
	my @journal = glob("$dir/cache/local/state/journal/*");
	is(scalar @journal, 0, "the agent's journal is empty: it undid the fault");
	is(ordeal("recover", "--engine", "local"), 0, "recover is content");
	is(ordeal("recover", "--engine", "local"), 0, "and again");
	like(out(), qr/clean/, "with nothing found");
	ok(!-e "$dir/cache/local/state", "no state is left");
};

done_testing();
