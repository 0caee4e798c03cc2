#!/usr/bin/perl
# What a newcomer has to do: beside this file stand the skeletons filled in to a
# system (a redis-server alone) and a fault (stall), with the manifests and the
# scenario that they need. They are put into a copy of the tree, listed, built,
# and put on trial: the diff stays small, no other file is edited, and the toy
# `memory`, which has never heard of the fault, foresees what it does.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Find qw(find);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use Test::More;

use constant {FILES_MAX => 3, LINES_MAX => 250};

my $here = abs_path(dirname(__FILE__));
my $root = abs_path("$here/../../../..");
my $build = dirname($ENV{ORDEAL} || "$root/build/ordeal");
my %filled = ("harness/system/redis_alone.c" => "harness/system/skeleton.c",
	      "harness/fault/stall.c" => "harness/fault/skeleton.c");
my %listed = ("harness/system/list.h" => "redis_alone", "harness/fault/list.h" => "fault_stall");

sub slurp {
	my ($path) = @_;
	open(my $f, "<:raw", $path) or return "";
	local $/;
	return scalar <$f>;
}

sub lines { return scalar(() = $_[0] =~ /\n/g); }

# ---- the diff ----

my (@new, $lines, $sources);
find({no_chdir => 1, wanted => sub { push @new, substr($_, length("$here/")) if -f && !/\.t$/ }}, $here);
for my $file (sort @new) {
	my $from = $filled{$file};
	my $n = $from ? scalar(grep { /^[<>]/ } qx(diff '$root/$from' '$here/$file')) : lines(slurp("$here/$file"));
	note(sprintf("%4d lines: %s%s", $n, $file, $from ? ", changed from $from" : ""));
	$lines += $n;
	$sources += $file =~ /\.[ch]$/;
}
$lines += keys %listed;
cmp_ok($sources, "<=", FILES_MAX, "a system and a fault are $sources sources");
cmp_ok($lines, "<=", LINES_MAX, "and a diff of $lines lines, with the lists, manifests and a scenario");

SKIP: {
	skip("only the plain build is copied, not $build", 1) unless -d "$root/build" && abs_path($build) eq "$root/build";
	skip("no redis-server: install redis-server", 1) if system("command -v redis-server >/dev/null");
	subtest "built and put on trial" => \&on_trial;
}
done_testing();

# ---- the trial ----

sub run_or_say {
	my ($what, $command) = @_;
	my $said = qx(($command) 2>&1);
	ok($? == 0, $what) or diag($said);
	return $? == 0;
}

sub list {
	my ($path, $name) = @_;
	my $text = slurp($path);
	$text =~ s/(_LIST\(X\) \\\n)/$1\tX($name) \\\n/ or die "$path lists nothing";
	open(my $f, ">", $path) or die "$path: $!";
	print $f $text;
	close($f) or die "$path: $!";
}

sub on_trial {
	my $dir = tempdir("/tmp/ordeal-newcomer.XXXXXX", CLEANUP => 1);
	my $tree = "$dir/tree";
	my @tests = map { "build/test/unit/$_" } qw(system/list_test fault/list_test scenario/shipped_test);

	# Without the tests' programs, which are large; what is older than its sources is made anew.
	system("mkdir -p '$tree/build' && cd '$root' && cp -a Makefile kind harness fixtures scenarios '$tree' && " .
	       "cp -a build/deps.mk build/harness '$tree/build' && " .
	       "cp -R '$here/harness' '$here/fixtures' '$here/scenarios' '$tree'") == 0 or die "cannot copy the tree";
	list("$tree/$_", $listed{$_}) for sort keys %listed;

	# Another make may stand above: its words are not for this one.
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES TAP_VERSION)};
	$ENV{ORDEAL_HOME} = $tree;
	$ENV{ORDEAL} = "$tree/build/ordeal";
	$ENV{ORDEAL_CACHE} = "$dir/cache";
	$ENV{ORDEAL_REGISTER} = "$dir/register";
	run_or_say("it builds", "make -s -j2 -C '$tree' build/ordeal @tests") or return;
	run_or_say("$_ passes", "cd '$tree' && $_") for @tests, map { "harness/test/unit/$_.t" } qw(layers circles);
	like(scalar(qx($ENV{ORDEAL} list systems)), qr/^\s*redis-alone\s+one redis-server$/m, "the system is listed");
	like(scalar(qx($ENV{ORDEAL} list faults)), qr/^\s*stall\s/m, "and so is the fault");

	# The toy knows a freeze; that the same comes by another name is news to it.
	my $pause = slurp("$root/scenarios/memory-pause-primary.yaml");
	$pause =~ s/memory-pause-primary/memory-stall-primary/;
	$pause =~ s/fault: pause\b/fault: stall/ or die "memory-pause-primary pauses nothing";
	open(my $f, ">", "$tree/scenarios/memory-stall-primary.yaml") or die "$!";
	print $f $pause;
	close($f) or die "$!";
	judge($dir, $tree);
}

# A machine that is too busy decides nothing (3): then once more.
sub judge {
	my ($dir, $tree) = @_;
	my ($code, $said, $run);
	for my $try (1 .. 3) {
		$said = qx('$tree/build/ordeal' run --engine local --reports '$dir/reports' --seed 7 \\
			'$tree/scenarios/redis-alone-stall.yaml' '$tree/scenarios/memory-stall-primary.yaml' 2>&1);
		$code = $? >> 8;
		last unless $code == 3;
		diag("no verdict on a busy machine");
	}
	is($code, 0, "both scenarios pass") or diag($said);
	$run = "$dir/reports/" . (readlink("$dir/reports/latest") // "none");
	my %s = map { $_->{name} => $_ } @{decode_json(slurp("$run/result.json") || "{}")->{scenarios} || []};
	for my $name (qw(redis-alone-stall memory-stall-primary)) {
		my $s = $s{$name} || {};
		my $f = ($s->{faults} || [])->[0] || {};
		is($s->{verdict}, "PASS", "$name passes");
		is($f->{fault}, "stall", "by the new fault");
		cmp_ok($f->{outage}{hi_ms} // 0, ">", 500, "which kept writes away");
		ok(scalar @{$f->{predicted}{mechanisms} || []}, "as the system's rules foresee") or diag(explain($f->{predicted}));
		like($s->{summary} // "", qr/was frozen/, "and the report says what it does");
		like(join("\n", @{$f->{evidence} || []}), qr/its first process stands still/, "with its proof");
		like(join("\n", @{$f->{undo} || []}), qr/its first process goes on/, "and how it was undone");
	}
	cmp_ok($s{"redis-alone-stall"}{loss}{acked} // 0, ">", 100, "real writes were acknowledged by a real server");
}
