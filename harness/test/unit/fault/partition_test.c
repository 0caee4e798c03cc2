/* Partitions: what their rules do to real packets between network namespaces
 * that the test makes (as root only). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/lib/fault_help.h"
#include "test/unit/fault/partition_place.h"

struct in_ns {
	const char *ns;
	int type, port;          /* port 0 and peer NULL: bind to any */
	const char *peer;
	int fd;
};

/* A socket belongs to the namespace of the thread that made it. */
static void *make_socket(void *arg)
{
	struct in_ns *s = arg;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
	char path[100];
	int fd, ok;

	snprintf(path, sizeof(path), "/run/netns/%s", s->ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ok = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
	close(fd);
	s->fd = ok ? socket(AF_INET, s->type | SOCK_CLOEXEC, 0) : -1;
	if (s->fd < 0)
		return NULL;
	if (s->peer)
		inet_pton(AF_INET, s->peer, &at.sin_addr);
	ok = s->peer ? connect(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0 :
	     bind(s->fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
	     (s->type != SOCK_STREAM || listen(s->fd, 4) == 0);
	if (!ok) {
		close(s->fd);
		s->fd = -1;
	}
	return NULL;
}

static int sock(const char *ns, int type, const char *peer, int port)
{
	struct in_ns s = {ns, type, port, peer, -1};
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, make_socket, &s), 0);
	pthread_join(t, NULL);
	assert_true(s.fd >= 0);
	return s.fd;
}

static int port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

/* An established connection from pod a to pod b, by address or service. */
static void connection(const char *to, int *a, int *b)
{
	int l = sock(place.b, SOCK_STREAM, NULL, 0);

	*a = sock(place.a, SOCK_STREAM, to, port_of(l));
	*b = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*b >= 0);
	close(l);
}

static bool arrives(int from, int to, int within_ms)
{
	struct pollfd p = {.fd = to, .events = POLLIN};
	char c = 'x';

	if (from >= 0)
		assert_int_equal(send(from, &c, 1, MSG_NOSIGNAL), 1);
	return poll(&p, 1, within_ms) == 1 && recv(to, &c, 1, 0) == 1;
}

enum { NEVER_MS = 400, SURELY_MS = 20000 };

static bool bites(struct cutting *c)
{
	struct err e = {0};
	bool yes = false;

	assert_int_equal(c->f->observe(&c->node, &c->j, c->evidence, &yes, &e), 0);
	return yes;
}

static void cuts_established_connections(void **state)
{
	struct cutting c;
	int a, b;

	(void)state;
	need_place();
	connection(POD_B, &a, &b);
	assert_true(arrives(a, b, SURELY_MS));
	assert_true(arrives(b, a, SURELY_MS));
	cut(&c, NULL);
	assert_false(bites(&c));
	assert_false(arrives(a, b, NEVER_MS));
	assert_true(bites(&c));
	assert_false(arrives(b, a, NEVER_MS));
	mend(&c);
	assert_true(arrives(-1, b, SURELY_MS)); /* sent again by TCP itself */
	assert_true(arrives(-1, a, SURELY_MS));
	assert_no_tables(place.a_path);
	assert_no_tables(place.node_path);
	mend(&c); /* once more is no error */
	end_cut(&c);
	close(a);
	close(b);
}

/* A node that a shape leaves alone drops nothing, and is as the shape wants it. */
static void leaves_the_middle_of_a_bridge(void **state)
{
	const cJSON *last;
	struct cutting c;
	int a, b;

	(void)state;
	need_place();
	connection(POD_B, &a, &b);
	cut(&c, "{\"shape\":\"bridge\"}");
	assert_true(bites(&c));
	assert_true(arrives(a, b, SURELY_MS));
	assert_true(arrives(b, a, SURELY_MS));
	last = cJSON_GetArrayItem(c.evidence, cJSON_GetArraySize(c.evidence) - 1);
	assert_string_equal(last->valuestring, "node n1: it refuses nobody, in a bridge");
	mend(&c);
	end_cut(&c);
	close(a);
	close(b);
}

/* A pod's packets to a service show their destination only where the node
 * forwards them. */
static void cuts_what_goes_by_way_of_a_service(void **state)
{
	struct cutting c;
	int a, b;

	(void)state;
	need_place();
	connection(SERVICE, &a, &b);
	assert_true(arrives(a, b, SURELY_MS));
	cut(&c, NULL);
	assert_false(arrives(a, b, NEVER_MS));
	mend(&c);
	assert_true(arrives(-1, b, SURELY_MS));
	end_cut(&c);
	close(a);
	close(b);
}

static void one_way_only(void **state)
{
	struct cutting c;
	int a, b;

	(void)state;
	need_place();
	connection(POD_B, &a, &b);
	cut(&c, "{\"direction\": \"in\"}");
	assert_true(arrives(a, b, SURELY_MS));
	assert_false(arrives(b, a, NEVER_MS));
	assert_true(bites(&c));
	mend(&c);
	assert_true(arrives(-1, a, SURELY_MS));
	end_cut(&c);
	cut(&c, "{\"direction\": \"out\"}");
	assert_false(arrives(a, b, NEVER_MS));
	mend(&c);
	end_cut(&c);
	close(a);
	close(b);
}

static void keeps_or_cuts_names(void **state)
{
	struct cutting c;
	int server, client;

	(void)state;
	need_place();
	server = sock(place.b, SOCK_DGRAM, NULL, 53);
	client = sock(place.a, SOCK_DGRAM, POD_B, 53);
	cut(&c, NULL);
	assert_true(arrives(client, server, SURELY_MS));
	mend(&c);
	end_cut(&c);
	cut(&c, "{\"dns\": \"cut\"}");
	/* A datagram that a drop in the output hook ends fails to be sent. */
	assert_int_equal(send(client, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_false(arrives(-1, server, NEVER_MS));
	mend(&c);
	assert_true(arrives(client, server, SURELY_MS));
	end_cut(&c);
	close(server);
	close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_established_connections),
		cmocka_unit_test(leaves_the_middle_of_a_bridge),
		cmocka_unit_test(cuts_what_goes_by_way_of_a_service),
		cmocka_unit_test(one_way_only),
		cmocka_unit_test(keeps_or_cuts_names),
	};

	return cmocka_run_group_tests_name("partition", tests, make_place, unmake_place);
}
