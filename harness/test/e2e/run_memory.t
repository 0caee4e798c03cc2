#!/usr/bin/perl
# Whole runs of the real binary against the toy store: driver, agents, faults,
# measures, checkers and reports, without a cluster and as any user.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use lib abs_path(dirname(__FILE__) . "/../lib");
use File::Copy qw(copy);
use Test::More;
use Time::HiRes qw(time);
use MemoryRun;

subtest "clients on both sides, and reads of replicas" => sub {
	my ($code, $s) = run_measured("$root/harness/test/e2e/scenarios/memory-minority.yaml");
	my @ops = operations(latest());
	my %value;
SKIP: {
		skip("memory-minority: " . noisy($s), 1)
			if defined $code && $code == 3 && noisy($s);
		is($code, 0, "all expectations pass") or diag(out() . err());
	}
	$value{"$_->{f}"}{$_->{val}}++ for grep { $_->{f} =~ /^(insert|write|cas)$/ } @ops;
	is(scalar(grep { $_ > 1 } map { values %$_ } values %value), 0, "no value is used twice");
	my @beside = grep { ($_->{g} // 0) == 1 } @ops;
	cmp_ok(scalar @beside, ">", @ops / 8, "a quarter of the operations or so is the minority's");
	is(scalar(grep { $_->{p} < 24 } @beside), 0, "by clients of its own");
	cmp_ok($s->{staleness}{reads}, ">", 20, "replicas answered");
	is($s->{groups}[0]{member}, $s->{faults}[0]{target}, "the minority stood beside the target");
	my ($part) = grep { $_->{what} eq "group" } @{$s->{faults}[0]{outages}};
	cmp_ok($part->{hi_ms} // 0, ">", 900, "it had an outage of its own");
	is(scalar pids(), 0, "no process is left on the books");
};

subtest "a queue through a failover" => sub {
	my ($code, $s) = run_measured("$root/harness/test/e2e/scenarios/memory-queue-kill-primary.yaml");
	my @ops = operations(latest());
SKIP: {
		skip("memory-queue-kill-primary: " . noisy($s), 1)
			if defined $code && $code == 3 && noisy($s);
		is($code, 0, "all expectations pass") or diag(out() . err());
	}
	cmp_ok($s->{loss}{acked}, ">", 100, "messages were acknowledged");
	is($s->{loss}{lost}, 0, "none is lost");
	cmp_ok($s->{faults}[0]{outage}{hi_ms} // 0, ">", 300, "sends were down, as writes are");
	my @got = grep { $_->{f} eq "receive" && $_->{o} eq "ok" && exists $_->{val} } @ops;
	cmp_ok(scalar @got, ">", 100, "and as many received");
	is(scalar(grep { !exists $_->{off} } @got), 0, "each with its offset");
	my @events = events(latest());
	my ($fault) = grep { $_->{k} eq "fault" } @events;
	is(scalar(grep { $_->{tr} < $fault->{t} && ($_->{ack} // "") ne "ok" } @got), 0,
	   "and, before the fault, with its acknowledgement confirmed");
	my ($final) = grep { $_->{k} eq "final" } @events;
	my %left = map { $_ => 1 } map { @{$_->{val}} } @{$final->{messages}};
	is(scalar(grep { !$left{$_->{val}} } grep { $_->{f} eq "send" && $_->{o} eq "ok" } @ops), 0,
	   "the log still has all that was acknowledged");
};

subtest "all is well" => sub {
	my %by;
	for my $name (map { "memory-$_" } qw(kill-replica pause-primary kill-primary)) {
		my ($code, $s) = run_measured("$root/scenarios/$name.yaml");
		$by{$name} = $s;
	SKIP: {
			skip("$name: " . noisy($s), 3)
				if defined $code && $code == 3 && noisy($s);
			is($code, 0, "$name ends with 0") or diag(out() . err());
			is($s->{verdict}, "PASS", "$name passes");
			unlike(out(), qr/^not ok/m, "$name has nothing but ok lines");
		}
		is($s->{loss}{lost}, 0, "$name loses nothing");
		cmp_ok($s->{loss}{acked}, ">", 100, "$name had writes to lose");
		my @lines = out() =~ /^(?:not )?ok \d+ - /mg;
		my ($plan) = out() =~ /^1\.\.(\d+)\n/m;
		is(scalar @lines, $plan, "$name: TAP on standard output, as many lines as planned");
		is(scalar pids(), 0, "$name leaves no process on the books");
	}
	for my $name (qw(memory-kill-primary memory-pause-primary)) {
		my $f = $by{$name}{faults}[0];
		cmp_ok($f->{outage}{hi_ms}, ">", 900, "$name: an outage of about the lease was seen");
		is($f->{mechanism}, "lease expires", "$name: and explained");
	}
	for my $f (qw(report.html report.tap result.json junit.xml events.jsonl history.jsonl)) {
		ok(-s latest() . "/$f", "$f is there");
	}
	ok(-s "$reports/index.html", "and an index");
};

subtest "reports made again are the same, byte for byte" => sub {
	my $run = latest();
	my %before = map { $_ => slurp($_) } grep { -f } glob("$run/*");
	unlink grep { !/(events|history)\.jsonl$/ } keys %before;
	is(ordeal("report", $run), 0, "they can be made again") or diag(err());
	for my $f (sort keys %before) {
		ok(defined slurp($f) && slurp($f) eq $before{$f}, basename($f) . " is the same");
	}
};

subtest "a line that is lost or doubled later is noticed" => sub {
	my $run = latest();
	my $copy = "$dir/damaged";
	mkdir $copy;
	for my $f (qw(events history)) {
		my @lines = split(/(?<=\n)/, slurp("$run/$f.jsonl"));
		my %damage = ("a lost line" => [@lines[0 .. 199], @lines[201 .. $#lines]],
			"a doubled line" => [@lines[0 .. 200], @lines[200 .. $#lines]]);
		for my $what (sort keys %damage) {
			copy("$run/$_.jsonl", "$copy/$_.jsonl") for qw(events history);
			open(my $out, ">:raw", "$copy/$f.jsonl") or die $!;
			print $out @{$damage{$what}};
			close($out);
			is(ordeal("report", $copy), 2, "$f: $what");
			like(err(), qr/$f\.jsonl:\d+: /, "with file and line");
		}
	}
	SKIP: {
		my @say = ("report '$run'", "compare --html '$dir/c.html' '$run' '$run'", "list engines", "list scenarios",
			"status --engine local", "recover --engine local", "--help", "--version",
			"run --engine local --dry-run '$root/scenarios/memory-kill-primary.yaml'");
		skip "no /dev/full", scalar @say unless -e "/dev/full";
		is(system("'$ordeal' $_ >/dev/full 2>/dev/null") >> 8, 3, "what nobody can read is no success: $_") for @say;
	}
};

subtest "repetitions, and lines as they come" => sub {
	my $before = newest();
	my $pid = start("run", "--engine", "local", "--reports", $reports, "--seed", 11, "--repeat", 2,
			"--phase", "0.4", "$root/scenarios/memory-kill-replica.yaml");
	ok(await(60, sub { out() =~ /^(?:not )?ok 1 - memory-kill-replica \(1 of 2\): /m }),
	   "the first repetition's lines are printed");
	unlike(out(), qr/\(2 of 2\)/, "before the second has any");
	is(scalar(grep { $_->{k} eq "end" } events(newest())), 0, "while the run goes on");
	my $code = finish($pid);
	my $run = latest();
	my @s = grep { $_->{k} eq "scenario" } events($run);
	is(scalar @s, 2, "both were run");
	isnt($s[0]{seed}, $s[1]{seed}, "each with a seed of its own");
	isnt($s[0]{phase_ns}, $s[1]{phase_ns}, "and a phase of its own");
	cmp_ok($_->{phase_ns}, "<", 4e8, "below what was asked for") for @s;
	my ($first) = grep { $_->{k} eq "phase" && ($_->{detail} // "") =~ /^random phase/ } events($run);
	ok($first, "which is waited for");
	is(slurp("$run/report.tap"), out(), "what was printed is kept");
	like(out(), qr/^# memory-kill-replica, \d of 2 repetitions/m, "and summed up");
	like(out(), qr/^# The run took .* times the .* that the systems themselves needed/m,
	     "with the time that it took");
	my $time = result()->{time};
	my $sum = 0;
	$sum += $_ for values %{$time->{parts}};
	cmp_ok(abs($sum - $time->{total_ms}), "<", 1, "all of which is accounted for");
	is(ordeal("report", $run), $code, "made again it ends the same");
	is(out(), slurp("$run/report.tap"), "and prints the same");
	is(ordeal("compare", $run, $run), 0, "and is no different from itself");
	like(out(), qr/too few values to decide/, "nor does it claim so");
	ok(-s glob("$run/compare-*.html"), "on a page");
};

my $bugs; # that run's folder
subtest "every bug is found" => sub {
	my @files = sort glob("$root/harness/test/e2e/scenarios/memory-{bug,queue-bug}-*.yaml");
	cmp_ok(scalar @files, ">=", 10, "there are bugs to find");
	is(ordeal("run", "--engine", "local", "--reports", $reports, "--seed", 7, @files), 1,
	   "the run fails") or diag(err());
	$bugs = latest();
	my $r = result();
	is(scalar @{$r->{scenarios}}, scalar @files, "all were run");
	for my $s (@{$r->{scenarios}}) {
		is($s->{verdict}, "FAIL", "$s->{name} fails");
		for my $x (@{$s->{expectations}}) {
			is($x->{verdict}, "FAIL", "$s->{name}: not \"$x->{name}\"");
		}
	}
	my @not = out() =~ /^not ok \d+ - /mg;
	my ($plan) = out() =~ /^1\.\.(\d+)$/m;
	is(scalar @not, $plan, "every line of the plan is a failure");
};

subtest "what an engine cannot do is skipped, with the reason" => sub {
	my $text = slurp("$root/scenarios/memory-kill-replica.yaml");
	$text =~ s/fault: kill-process\n.*?target: replica\n.*?\n/fault: node-down\n    target: primary\n/s
		or die "the scenario has changed";
	open(my $f, ">", "$dir/node-down.yaml") or die $!;
	print $f $text;
	close($f);
	my $began = time;
	is(ordeal("run", "--engine", "local", "--reports", $reports, "$dir/node-down.yaml"), 3, "no failure, and no pass")
		or diag(out() . err());
	cmp_ok(time - $began, "<", 60, "nothing is waited for in vain");
	my @skips = out() =~ /^ok \d+ - .* # SKIP .*no nodes/mg;
	my ($plan) = out() =~ /^1\.\.(\d+)$/m;
	is(scalar @skips, $plan - 1, "every line says why") or diag(out());
	like(out(), qr/^not ok $plan - at least one scenario could be tried here \(UNKNOWN\)$/m, "but for one");
	is(result()->{scenarios}[0]{verdict}, "SKIP", "so does the scenario");
	is(result()->{verdict}, "UNKNOWN", "and the run tried nothing");
};

subtest "an engine that cannot be had is named, in the report too" => sub {
	my $code = ordeal("run", "--engine", "kube", "--reports", $reports, "--kubeconfig", "$dir/none",
			  "--context", "none", "--namespace", "none",
			  "$root/scenarios/postgres-kill-primary.yaml");
	isnt($code, 0, "it fails");
	like(err(), qr{^ordeal: .*\Q$dir\E/none}m, "and says why");
	like(out(), qr{^not ok 1 - the harness itself: .*\Q$dir\E/none.*BROKEN}m, "as a line of TAP");
	like(slurp(latest() . "/report.html"), qr{\Q$dir\E/none}, "and in the report");
};

subtest "a suite is a list of names" => sub {
	open(my $f, ">", "$dir/some.suite") or die $!;
	print $f "# two of them\n\nnode-down\t# a copy\ntarget\n";
	close($f);
	copy("$root/scenarios/memory-pause-primary.yaml", "$dir/target.yaml");
	my @run = ("run", "--dry-run", "--engine", "local", "--suite");
	is(ordeal(@run, "$dir/some.suite"), 0, "it is read") or diag(err());
	is(join(" ", out() =~ /^(memory-\S+):/mg), "memory-kill-replica memory-pause-primary", "both are planned");
	is(ordeal(@run, "$root/scenarios/default.suite"), 2, "nothing in it for this engine");
	like(err(), qr/no scenario in it is for engine local/, "and it says so");
	is(ordeal("run", "--dry-run", "--engine", "docker", "--suite", "$root/scenarios/default.suite"), 0,
	   "the default suite can be planned") or diag(err());
};

# What the generator sends, in the order in which it is due.
sub sent {
	my ($run) = @_;
	my @ops = operations($run);
	@ops = grep { $_->{s} == 0 } @ops;
	@ops = sort { $a->{ti} <=> $b->{ti} } @ops;
	return join(" ", map { "$_->{f}" . ($_->{key} // $_->{k} // "") } @ops[0 .. 99]);
}

subtest "the same seed makes the same choices" => sub {
	my $one = "$root/harness/test/e2e/scenarios/memory-bug-duplicate.yaml";
	my $first = sent($bugs); # seed 7, and this scenario came first
	is(ordeal("run", "--engine", "local", "--reports", $reports, "--seed", 7, $one), 1, "again");
	is(sent(latest()), $first, "seed 7 sends what seed 7 sent");
	is(result()->{seed}, "7", "the seed is in the result");
	is(ordeal("run", "--engine", "local", "--reports", $reports, "--seed", 8, $one), 1, "another");
	isnt(sent(latest()), $first, "seed 8 sends something else");
	is(ordeal("run", "--dry-run", "--engine", "local", "--seed", 7, $one), 0, "a dry run");
	like(out(), qr/^seed 7$/m, "tells its seed");
};

subtest "bad input touches nothing" => sub {
	my $good = "$root/scenarios/memory-kill-primary.yaml";
	my $before = newest();
	my @run = ("run", "--engine", "local", "--reports", $reports);
	is(ordeal(@run, "--set", "tll=5", $good), 2, "an unknown setting");
	like(err(), qr/ttl/, "with the right one named");
	is(ordeal(@run, "--set", "ttl=400", $good), 2, "an impossible combination");
	is(ordeal(@run, "--set", "bug=big", $good), 2, "an unknown choice");
	is(ordeal(@run, "$dir/none.yaml"), 2, "a missing file");
	is(ordeal(@run), 2, "no scenario at all");
	is(ordeal("run", "--engine", "lokal", $good), 2, "an unknown engine");
	my $text = slurp("$root/harness/test/e2e/scenarios/memory-queue-kill-primary.yaml");
	$text =~ s/^system: .*\nsettings: .*\n/system: redis-sentinel\n/m or die "the scenario has changed";
	open(my $q, ">", "$dir/queue.yaml") or die $!;
	print $q $text;
	close($q);
	is(ordeal(@run, "$dir/queue.yaml"), 2, "messages for a system that has none");
	like(err(), qr/queue\.yaml:5:\d+: system redis-sentinel cannot `send`: it has insert, read, write, cas, read_replica/,
		"with what it has");
	$text = slurp($good);
	$text =~ s/check: linearizable/check: queue/ or die "the scenario has changed";
	open($q, ">", "$dir/queue.yaml") or die $!;
	print $q $text;
	close($q);
	is(ordeal(@run, "$dir/queue.yaml"), 2, "a checker of what the load does not do");
	like(err(), qr/queue\.yaml:\d+:\d+: the checker queue .* give send, receive a weight/, "names it");
	$text = slurp($good);
	$text =~ s/target: primary/target: memory-9/ or die "the scenario has changed";
	open(my $f, ">", "$dir/target.yaml") or die $!;
	print $f $text;
	close($f);
	is(ordeal(@run, "$dir/target.yaml"), 2, "a member that the fixture does not make");
	like(err(), qr/target\.yaml:\d+:\d+: .*memory-0, memory-1, memory-2/, "with the ones that it does");
	is(ordeal(@run, "$root/scenarios/postgres-kill-primary.yaml"), 2, "a system that the engine cannot run");
	like(err(), qr/postgres-kill-primary\.yaml: engine local runs no containers/, "says so");
	is(newest(), $before, "no run was begun");
	$text =~ s/target: memory-9/target: node\/nowhere/ or die;
	open($f, ">", "$dir/node.yaml") or die $!;
	print $f $text;
	close($f);
	# This one is known only to the engine, so a run was begun.
	is(ordeal("run", "--engine", "local", "--reports", "$dir/refused", "$dir/node.yaml"), 2,
		"a node that the engine does not have");
	like(err(), qr/node\.yaml:\d+:\d+: the engine local has no node "nowhere": node\/local/,
		"with those that it has");
};

done_testing();
