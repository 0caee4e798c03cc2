#!/usr/bin/perl
# Reports of stored runs, one of each system, are made again and are the same,
# byte for byte, as those that are kept beside them. A change that means to
# change a report renews them, and shows so in its diff what it changed:
#   RENEW=1 harness/test/e2e/stored_runs.t
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $root = abs_path(dirname(__FILE__) . "/../../..");
my $ordeal = $ENV{ORDEAL} || "$root/build/ordeal";
my @reports = qw(report.tap result.json junit.xml report.html);
my @systems = map { s{/$}{}r } glob("$root/harness/test/e2e/stored/*/");
plan skip_all => "no binary at $ordeal: run make" unless -x $ordeal;
plan skip_all => "no xz: install xz-utils" if system("xz --version >/dev/null 2>&1");
delete $ENV{TAP_VERSION};
$ENV{ORDEAL_HOME} = $root;

sub slurp {
	my ($path) = @_;
	open(my $f, "<:raw", $path) or return "";
	local $/;
	return scalar(<$f>) // "";
}

sub unpacked { my ($path) = @_; return scalar(qx(xz -dc '$path')); }

# Every system has one: a new one is told of here.
my %have = map { basename($_) => 1 } @systems;
my @all = map { (split ' ')[0] } grep { /\S/ } split(/\n/, qx('$ordeal' list systems));
is(join(" ", grep { !$have{$_} } @all), "", "each system has a stored run");

for my $from (@systems) {
	my $name = basename($from);
	my $dir = tempdir("/tmp/ordeal-stored.XXXXXX", CLEANUP => 1) . "/$name";
	make_path($dir);
	system("xz -dc '$from/$_.jsonl.xz' >'$dir/$_.jsonl'") and die "$from/$_" for qw(events history);
	my $said = qx('$ordeal' report '$dir' 2>&1 >/dev/null);
	for my $report (@reports) {
		my $kept = "$from/expected.$report" . ($report =~ /html/ ? ".xz" : "");
		if ($ENV{RENEW}) {
			system($report =~ /html/ ? "xz -9e -c '$dir/$report' >'$kept'" : "cp '$dir/$report' '$kept'");
		}
		my $is = slurp("$dir/$report");
		my $same = $is ne "" && $is eq ($report =~ /html/ ? unpacked($kept) : slurp($kept));
		ok($same, "$name: $report is as it was");
		next if $same;
		diag($said, "RENEW=1 harness/test/e2e/stored_runs.t keeps the new one");
		diag(scalar(qx(diff -u '$kept' '$dir/$report' | head -40))) unless $report =~ /html/;
	}
}
done_testing();
