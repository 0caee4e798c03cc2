#!/usr/bin/perl
# No two source files call each other or read each other's data, neither directly
# nor by way of others: whoever reads a file can read what it needs without coming
# back. Read off the objects beside $ORDEAL, so it sees what the linker sees. The
# tables that a list.h names are the way in which a layer learns of what stands
# above it; they do not count.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find qw(find);
use Test::More tests => 3;

my $build = $ENV{ORDEAL} ? dirname($ENV{ORDEAL}) : "build";
my (@objects, %by, %calls, %listed);
for my $list (glob(dirname($0) . "/../../*/list.h")) {
	open(my $in, "<", $list) or die "$list: $!";
	/^\tX\((\w+)\)/ and $listed{$1} = 1 while <$in>;
}
# A system is listed by its name, and has two tables.
$listed{"client_$_"} = $listed{"model_$_"} = 1 for keys %listed;
find({no_chdir => 1, wanted => sub { push @objects, $_ if /\.o$/ && !m{/harness/test/} }},
     "$build/harness");
sub source { return $_[0] =~ s{.*?/harness/(.*)\.o$}{$1.c}r; }
# Not those of a source that is gone. One call for all: nm is quick, starting it is not.
@objects = grep { -e dirname($0) . "/../../" . source($_) } @objects;
open(my $nm, "-|", "nm", "-A", @objects) or die "nm: $!";
while (<$nm>) {
	next unless /^(.*?):\s*(?:[0-9a-f]+)?\s+([TDRBCVWU]) (\w+)$/ && !$listed{$3};
	if ($2 eq "U") { $calls{source($1)}{$3} = 1; }
	else { $by{$3} = source($1); }
}
close($nm) or die "nm: $!";

# Tarjan's strongly connected components.
my ($next, @stack, %index, %low, %on, @circles) = (0);
sub visit {
	my ($v) = @_;
	$index{$v} = $low{$v} = $next++;
	push @stack, $v;
	$on{$v} = 1;
	for my $w (sort map { $by{$_} // () } keys %{$calls{$v} || {}}) {
		next if $w eq $v;
		if (!defined $index{$w}) {
			visit($w);
			$low{$v} = $low{$w} if $low{$w} < $low{$v};
		} elsif ($on{$w}) {
			$low{$v} = $index{$w} if $index{$w} < $low{$v};
		}
	}
	return if $low{$v} != $index{$v};
	my @part;
	do { push @part, pop @stack; $on{$part[-1]} = 0; } until $part[-1] eq $v;
	push @circles, [sort @part] if @part > 1;
}
no warnings "recursion";
visit($_) for grep { !defined $index{$_} } sort keys %calls;

cmp_ok(scalar keys %calls, ">", 100, "the objects were found in $build/harness");
cmp_ok(scalar keys %listed, ">", 30, "and the lists");
is(scalar @circles, 0, "nothing that files need of one another runs in a circle");
for my $c (@circles) {
	my %in = map { $_ => 1 } @$c;
	for my $f (@$c) {
		for my $s (sort keys %{$calls{$f}}) {
			diag("$f needs $s of $by{$s}") if $by{$s} && $by{$s} ne $f && $in{$by{$s}};
		}
	}
}
