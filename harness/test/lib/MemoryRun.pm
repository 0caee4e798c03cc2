# A whole run of the real binary against the toy store, in a folder of the test's
# own, and what is asked of it. $ORDEAL is the binary; without one all is skipped.
package MemoryRun;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use JSON::PP qw(decode_json);
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($root $ordeal $dir $reports slurp start finish ordeal out err latest result newest events
	operations run_measured noisy pids alive state_of await);

our $root = abs_path(dirname(__FILE__) . "/../../..");
our $ordeal = $ENV{ORDEAL} || "$root/build/ordeal";
our $dir = tempdir("/tmp/ordeal-test.XXXXXX", CLEANUP => 1);
our $reports = "$dir/reports";
# prove sets it, for streams that it reads itself.
delete $ENV{TAP_VERSION};
$ENV{ORDEAL_HOME} = $root;
$ENV{ORDEAL_CACHE} = "$dir/cache";
$ENV{ORDEAL_REGISTER} = "$dir/register";
plan skip_all => "no binary at $ordeal: run make" unless -x $ordeal;

sub slurp {
	my ($path) = @_;
	open(my $f, "<:raw", $path) or return undef;
	local $/;
	return scalar <$f>;
}

# Starts ordeal in a session of its own, as a terminal would.
sub start {
	my (@args) = @_;
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		POSIX::setsid();
		open(STDIN, "<", "/dev/null");
		open(STDOUT, ">", "$dir/out");
		open(STDERR, ">", "$dir/err");
		exec($ordeal, @args) or POSIX::_exit(127);
	}
	return $pid;
}

# Its exit code, 128 + signal; undef when it does not end.
sub finish {
	my ($pid, $within) = @_;
	my $end = time + ($within || 300);
	while (time < $end) {
		if (waitpid($pid, WNOHANG) == $pid) {
			return $? & 127 ? 128 + ($? & 127) : $? >> 8;
		}
		sleep 0.02;
	}
	kill 'KILL', $pid;
	waitpid($pid, 0);
	return undef;
}

sub ordeal { return finish(start(@_)); }
sub out { return slurp("$dir/out") // ""; }
sub err { return slurp("$dir/err") // ""; }
sub latest { return "$reports/" . (readlink("$reports/latest") // "none"); }
sub result { return decode_json(slurp(latest() . "/result.json") // "{}"); }

# The newest run's folder, which is there before the run ends.
sub newest {
	my @d = sort grep { -d $_ && basename($_) =~ /^2/ } glob("$reports/*");
	return @d ? $d[-1] : "none";
}

sub events {
	my ($run) = @_;
	return map { eval { decode_json($_) } || () } split(/\n/, slurp("$run/events.jsonl") // "");
}

# Without the lines that count and sum them up.
sub operations {
	my ($run) = @_;
	return grep { !$_->{k} } map { decode_json($_) } split(/\n/, slurp("$run/history.jsonl") // "");
}

# Scenarios that must pass, each until it has a verdict: on a machine that is
# too busy a figure may decide nothing, and the harness says so with exit code
# 3. What is wrong or broken is never tried again. Returns the last exit code
# and the scenario's part of the result.
sub run_measured {
	my ($file) = @_;
	my ($code, $s);
	for my $try (1 .. 4) {
		$code = ordeal("run", "--engine", "local", "--reports", $reports, "--seed", 7, $file);
		$s = (result()->{scenarios} || [])->[0] || {};
		last unless defined $code && $code == 3 && ($s->{verdict} // "") eq "UNKNOWN";
		diag("$s->{name}: no verdict on a busy machine: " . noisy($s));
	}
	return ($code, $s);
}

# Why a busy machine leaves a scenario undecided; "": something else does.
sub noisy {
	my ($s) = @_;
	my @why = map { $_->{why} } grep { $_->{verdict} eq "UNKNOWN" } @{$s->{expectations} || []};
	return "" if grep { !/^(too noisy|what is normal is not known|the load was not the one)/ } @why;
	return $why[0] // "";
}

sub pids {
	my ($what) = @_;
	my @pids;
	for my $f (glob("$dir/cache/local/procs/*.json")) {
		my $o = eval { decode_json(slurp($f) // "") } or next;
		push @pids, $o->{pid} if !$what || $o->{what} =~ $what;
	}
	return @pids;
}

sub alive {
	my ($pid) = @_;
	my $stat = slurp("/proc/$pid/stat") or return 0;
	return $stat !~ /\) [ZX] /;
}

sub state_of {
	my ($pid) = @_;
	return (slurp("/proc/$pid/stat") // "") =~ /.*\) (\S)/ ? $1 : "";
}

# True once the condition holds; a busy machine gets its time.
sub await {
	my ($within, $cond) = @_;
	my $end = time + $within;
	while (time < $end) {
		return 1 if $cond->();
		sleep 0.05;
	}
	return 0;
}

1;
