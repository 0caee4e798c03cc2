#!/usr/bin/perl
# proxy.pl LISTEN SOCKET: a Docker that a test can take away: passes every
# connection to LISTEN on to SOCKET, until it is ended.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM SHUT_WR);

my ($listen, $socket) = @ARGV;
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my $l = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $listen, Listen => 64) or die "$listen: $!";
while (1) {
	my $c = $l->accept() or next;
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	next if $pid;
	close($l);
	my $d = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket) or exit 1;
	my $both = IO::Select->new($c, $d);
	while ($both->count) {
		for my $from ($both->can_read) {
			my $to = $from == $c ? $d : $c;
			my $n = sysread($from, my $data, 65536);
			if (!$n) {
				$both->remove($from);
				$to->shutdown(SHUT_WR);
				next;
			}
			for (my $at = 0; $at < $n;) {
				my $w = syswrite($to, $data, $n - $at, $at);
				exit unless $w;
				$at += $w;
			}
		}
	}
	exit;
}
