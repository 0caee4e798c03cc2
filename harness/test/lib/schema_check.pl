# schema_check.pl: reads {"schema": ..., "value": ...} and says, a line each, what
# of the value is not as the schema wants it. 77: no validator. The newest draft
# that Debian 12's knows is 2019-09, in which all that our schema uses is the
# same as in its own, 2020-12.
use strict;
use warnings;

eval { require JSON::Validator::Schema::Draft201909; require Mojo::JSON; 1 } or exit 77;
my $in = Mojo::JSON::decode_json(do { local $/; <STDIN> });
my @wrong = JSON::Validator::Schema::Draft201909->new($in->{schema})->validate($in->{value});
print STDERR "$_\n" for @wrong;
exit(@wrong ? 1 : 0);
