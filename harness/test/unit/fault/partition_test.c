/* Partitions: the values, the rules, and what the rules do to real packets
 * between network namespaces that the test makes (as root only). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/nft.h"
#include "fault/partition.h"
#include "test/lib/fault_help.h"

/* ---- values ---- */

static void nobody_refuses_itself(const struct partition *p)
{
	assert_true(p->n <= PARTITION_NODES_MAX);
	for (size_t i = 0; i < p->n && i < PARTITION_NODES_MAX; i++)
		assert_false(p->refuses[i] >> i & 1);
}

static void isolation(void **state)
{
	struct partition p = partition_isolate(4, 1 << 1);

	(void)state;
	nobody_refuses_itself(&p);
	assert_int_equal(p.refuses[1], 0xd);
	assert_int_equal(p.refuses[0], 0x2);
	assert_int_equal(p.refuses[3], 0x2);
	p = partition_isolate(3, 0x3);
	assert_int_equal(p.refuses[0], 0x6);
	assert_int_equal(p.refuses[1], 0x5);
	assert_int_equal(p.refuses[2], 0x3);
	p = partition_isolate(3, 0);
	assert_int_equal(p.refuses[0] | p.refuses[1] | p.refuses[2], 0);
}

static void halves(void **state)
{
	struct partition p = partition_halves(5);

	(void)state;
	nobody_refuses_itself(&p);
	assert_int_equal(p.refuses[0], 0x1c);
	assert_int_equal(p.refuses[1], 0x1c);
	assert_int_equal(p.refuses[4], 0x3);
}

static void bridge(void **state)
{
	struct partition p = partition_bridge(5, 2);

	(void)state;
	nobody_refuses_itself(&p);
	assert_int_equal(p.refuses[2], 0);
	assert_int_equal(p.refuses[0], 0x18);
	assert_int_equal(p.refuses[4], 0x3);
}

static int count(uint32_t v)
{
	return __builtin_popcount(v);
}

/* Everyone sees a majority, itself included, and no two the same one. */
static void ring(void **state)
{
	(void)state;
	for (size_t n = 3; n <= 7; n++) {
		struct partition p = partition_ring(n);

		nobody_refuses_itself(&p);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(n - (size_t)count(p.refuses[i]), n / 2 + 1);
			for (size_t k = i + 1; k < n; k++)
				assert_int_not_equal(p.refuses[i], p.refuses[k]);
		}
	}
}

/* ---- rules ---- */

static cJSON *list(const char *a, const char *b)
{
	cJSON *l = cJSON_CreateArray();

	if (a)
		json_push(l, cJSON_CreateString(a));
	if (b)
		json_push(l, cJSON_CreateString(b));
	return l;
}

static void rules_as_text(void **state)
{
	cJSON *refused = list("10.1.0.0/24", "fd00:1::/64"), *gone = list("10.96.0.1", "x; flush");
	struct partition_rules r = {.table = NFT_PREFIX "p", .in = true, .keep_dns = true,
				    .refused = refused, .gone = gone};
	struct buf b = {0};
	const char *in, *drop;

	(void)state;
	partition_sandbox_rules(&r, &b);
	in = strstr(buf_cstr(&b), "hook prerouting priority -300");
	assert_non_null(in);
	drop = strstr(in, "ip saddr @refused4 counter name cut_in drop");
	assert_non_null(drop);
	/* What is kept comes before what is dropped. */
	assert_true(strstr(in, "sport 53 accept") < drop);
	assert_non_null(strstr(in, "ip6 saddr @refused6 counter name cut_in drop"));
	assert_non_null(strstr(buf_cstr(&b), "10.1.0.0/24, 10.96.0.1"));
	assert_null(strstr(buf_cstr(&b), "hook output"));
	/* Nothing that is no address gets into a script. */
	assert_null(strstr(buf_cstr(&b), "flush"));
	buf_reset(&b);
	r.in = false;
	r.out = true;
	r.keep_dns = false;
	partition_sandbox_rules(&r, &b);
	assert_null(strstr(buf_cstr(&b), "prerouting"));
	assert_null(strstr(buf_cstr(&b), "53"));
	assert_non_null(strstr(buf_cstr(&b), "ip daddr @refused4 counter name cut_out drop"));
	buf_free(&b);
	cJSON_Delete(refused);
	cJSON_Delete(gone);
}

static void table_names(void **state)
{
	char name[96];

	(void)state;
	partition_table_name("cut-off.1", name);
	assert_string_equal(name, NFT_PREFIX "cut_off_1");
}

/* ---- packets ----
 * pod a (10.201.1.2) -- node (forwards) -- pod b (10.201.2.2), and a service
 * address on the node that leads to b. */

#define POD_A "10.201.1.2"
#define POD_B "10.201.2.2"
#define SERVICE "10.201.9.9"
#define UID "11111111-2222-3333-4444-555555555555"

static struct place {
	char a[64], b[64], node[64], fresh[64], fresher[64]; /* namespaces' names */
	char a_path[100], node_path[100];
	const char *a_now; /* where pod a lives now */
	bool up;
} place;

static int fake_netns(struct node *n, const char *uid, char *path, size_t size, struct err *e)
{
	(void)n;
	(void)e;
	snprintf(path, size, "/run/netns/%s", !strcmp(uid, UID) ? place.a_now : "none");
	if (strcmp(uid, UID))
		path[0] = '\0';
	return 0;
}

static int fake_pods(struct node *n, const char *ns, cJSON *out, struct err *e)
{
	cJSON *o = cJSON_CreateObject();

	(void)n;
	(void)e;
	assert_string_equal(ns, "trial");
	json_set_str(o, "name", "db-0");
	json_set_str(o, "uid", UID);
	json_set_str(o, "ip", POD_A);
	json_push(out, o);
	return 0;
}

static const struct node_ops FAKE = {
	.name = "fake",
	.netns = fake_netns,
	.pods = fake_pods,
	.host_netns = place.node_path,
};

static int make_place(void **state)
{
	int pid = (int)getpid();
	struct err e = {0};

	(void)state;
	if (geteuid() != 0)
		return 0;
	snprintf(place.a, sizeof(place.a), "ordeal%d-a", pid);
	snprintf(place.b, sizeof(place.b), "ordeal%d-b", pid);
	snprintf(place.node, sizeof(place.node), "ordeal%d-n", pid);
	snprintf(place.fresh, sizeof(place.fresh), "ordeal%d-f", pid);
	snprintf(place.fresher, sizeof(place.fresher), "ordeal%d-g", pid);
	snprintf(place.node_path, sizeof(place.node_path), "/run/netns/%s", place.node);
	snprintf(place.a_path, sizeof(place.a_path), "/run/netns/%s", place.a);
	place.a_now = place.a;
	place.up = help_sh(
		"set -e; a=%s b=%s n=%s f=%s g=%s; export PATH=$PATH:/sbin:/usr/sbin; "
		"command -v ip; "
		"for i in $a $b $n $f $g; do ip netns add $i; ip -n $i link set lo up; done; "
		"ip -n $n link add va type veth peer name eth0 netns $a; "
		"ip -n $n link add vb type veth peer name eth0 netns $b; "
		"ip -n $n addr add 10.201.1.1/24 dev va; ip -n $n addr add 10.201.2.1/24 dev vb; "
		"ip -n $a addr add " POD_A "/24 dev eth0; ip -n $b addr add " POD_B "/24 dev eth0; "
		"for i in va vb; do ip -n $n link set $i up; done; "
		"for i in $a $b; do ip -n $i link set eth0 up; done; "
		"ip -n $a route add default via 10.201.1.1; ip -n $b route add default via 10.201.2.1; "
		"ip netns exec $n sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'",
		place.a, place.b, place.node, place.fresh, place.fresher);
	if (place.up && nft_run(place.node_path, "table ip t { chain c { type nat hook prerouting "
				"priority -100; ip daddr " SERVICE " dnat to " POD_B "; }; }", &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int unmake_place(void **state)
{
	(void)state;
	if (place.a[0])
		help_sh("PATH=$PATH:/sbin:/usr/sbin; for i in %s %s %s %s %s; do "
			"ip netns del $i 2>/dev/null; done; true",
			place.a, place.b, place.node, place.fresh, place.fresher);
	return 0;
}

static void need_place(void)
{
	if (geteuid() == 0 && place.up)
		return;
	print_message("# skipped: needs root and ip\n");
	skip();
}

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

static cJSON *partition_plan(const char *params)
{
	cJSON *plan = help_plan("cut-1", "partition-node", "db-0", UID, params), *peers;
	static const char *const nodes[][2] = {{"n1", "10.201.1.0/24"}, {"n2", "10.201.2.0/24"}};

	json_set_str(cJSON_GetArrayItem(cJSON_GetObjectItem(plan, "targets"), 0), "node", "n1");
	peers = cJSON_AddArrayToObject(plan, "peers");
	for (size_t i = 0; i < 2; i++) {
		cJSON *p = cJSON_CreateObject();

		json_set_str(p, "node", nodes[i][0]);
		json_set_str(p, "cidr", nodes[i][1]);
		json_push(peers, p);
	}
	return plan;
}

struct cutting {
	const struct fault_ops *f;
	struct node node;
	struct journal_entry j;
	cJSON *evidence;
};

static void cut(struct cutting *c, const char *params)
{
	cJSON *plan = partition_plan(params);
	struct err e = {0};

	memset(c, 0, sizeof(*c));
	c->f = fault_find("partition-node");
	c->node.ops = &FAKE;
	snprintf(c->node.name, sizeof(c->node.name), "n1");
	help_temp(c->node.state_dir);
	c->evidence = cJSON_CreateArray();
	assert_int_equal(journal_begin(c->node.state_dir, plan, &c->j, &e), 0);
	if (c->f->inject(&c->node, &c->j, &e))
		fail_msg("%s", e.msg);
	assert_true(journal_on_disk(&c->j));
	cJSON_Delete(plan);
}

static bool bites(struct cutting *c)
{
	struct err e = {0};
	bool yes = false;

	assert_int_equal(c->f->observe(&c->node, &c->j, c->evidence, &yes, &e), 0);
	return yes;
}

static void mend(struct cutting *c)
{
	struct err e = {0};

	if (c->f->heal(&c->node, &c->j, c->evidence, &e))
		fail_msg("%s", e.msg);
}

static void end_cut(struct cutting *c)
{
	journal_entry_free(&c->j);
	cJSON_Delete(c->evidence);
	help_remove(c->node.state_dir);
}

static void assert_no_tables(const char *path)
{
	struct buf names = {0};
	struct err e = {0};

	assert_int_equal(nft_our_tables(path, &names, &e), 0);
	assert_string_equal(buf_cstr(&names), "");
	buf_free(&names);
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

static void follows_a_new_sandbox(void **state)
{
	struct buf names = {0};
	struct err e = {0};
	char path[100];
	struct cutting c;

	(void)state;
	need_place();
	place.a_now = place.fresh;
	cut(&c, NULL);
	/* The sandbox ends, the pod gets another one. */
	assert_true(help_sh("ip netns del %s", place.fresh));
	place.a_now = place.fresher;
	snprintf(path, sizeof(path), "/run/netns/%s", place.fresher);
	assert_no_tables(path);
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), 0);
	assert_int_equal(nft_our_tables(path, &names, &e), 0);
	assert_string_equal(buf_cstr(&names), NFT_PREFIX "cut_1\n");
	mend(&c);
	assert_no_tables(path);
	assert_no_tables(place.node_path);
	place.a_now = place.a;
	buf_free(&names);
	end_cut(&c);
}

static void assert_table(const char *path)
{
	struct buf names = {0};
	struct err e = {0};

	assert_int_equal(nft_our_tables(path, &names, &e), 0);
	assert_string_equal(buf_cstr(&names), NFT_PREFIX "cut_1\n");
	buf_free(&names);
}

/* A namespace that nobody can enter for a while: as if nft failed. */
static void cuts_off_a_restarted_pod_though_nft_failed(void **state)
{
	char path[100], away[120];
	struct err e = {0};
	struct cutting c;

	(void)state;
	need_place();
	assert_true(help_sh("ip netns add %s", place.fresh));
	place.a_now = place.fresh;
	cut(&c, NULL);
	/* Its first sandbox ends, and the rules with it. */
	assert_true(help_sh("ip netns del %s", place.fresh));
	place.a_now = place.fresher;
	snprintf(path, sizeof(path), "/run/netns/%s", place.fresher);
	snprintf(away, sizeof(away), "%s-away", path);
	/* Its path leads to what is no namespace, and has an inode all the same. */
	assert_true(help_sh("touch %s && mount --bind %s %s && umount %s", away, path, away, path));
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), -1);
	assert_non_null(strstr(e.msg, "db-0 is not cut off"));
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), -1);
	assert_true(help_sh("mount --bind %s %s && umount %s && rm %s", away, path, away, away));
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), 0);
	assert_table(path);
	/* Somebody in the pod takes the rules away. */
	assert_int_equal(nft_delete_table(path, NFT_PREFIX "cut_1", &e), 0);
	json_set_i64(c.j.record, "seen_ns", 1);
	assert_int_equal(c.f->follow(&c.node, &c.j, &e), 0);
	assert_table(path);
	mend(&c);
	assert_no_tables(path);
	assert_no_tables(place.node_path);
	place.a_now = place.a;
	end_cut(&c);
}

/* What cannot be known is not called undone. */
static void is_not_healed_where_nft_fails(void **state)
{
	struct err e = {0};
	struct cutting c;

	(void)state;
	need_place();
	cut(&c, NULL);
	assert_true(help_sh("touch %s-away && mount --bind %s %s-away && umount %s", place.a_path, place.a_path,
			    place.a_path, place.a_path));
	json_set_i64(cJSON_GetArrayItem(cJSON_GetObjectItem(c.j.record, "pods"), 0), "inode", 1);
	assert_int_equal(c.f->heal(&c.node, &c.j, c.evidence, &e), -1);
	assert_true(help_sh("mount --bind %s-away %s && umount %s-away && rm %s-away", place.a_path, place.a_path,
			    place.a_path, place.a_path));
	mend(&c);
	assert_no_tables(place.a_path);
	end_cut(&c);
}

/* The agent died between the journal and the change, or after it; the next
 * one has only the file. */
static void heals_from_the_journal_alone(void **state)
{
	struct journal_list all;
	struct err e = {0};
	struct cutting c;

	(void)state;
	need_place();
	cut(&c, NULL);
	assert_int_equal(journal_read_all(c.node.state_dir, &all, &e), 0);
	assert_int_equal(all.n, 1);
	assert_int_equal(c.f->heal(&c.node, &all.v[0], c.evidence, &e), 0);
	assert_no_tables(place.a_path);
	assert_no_tables(place.node_path);
	assert_int_equal(c.f->heal(&c.node, &all.v[0], c.evidence, &e), 0);
	journal_list_free(&all);
	end_cut(&c);
}

static void touches_only_its_own_tables(void **state)
{
	struct err e = {0};

	(void)state;
	need_place();
	assert_int_equal(nft_delete_table(place.node_path, "t", &e), -1);
	assert_int_equal(nft_run(place.node_path, "list table ip t", &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolation),
		cmocka_unit_test(halves),
		cmocka_unit_test(bridge),
		cmocka_unit_test(ring),
		cmocka_unit_test(rules_as_text),
		cmocka_unit_test(table_names),
		cmocka_unit_test(cuts_established_connections),
		cmocka_unit_test(cuts_what_goes_by_way_of_a_service),
		cmocka_unit_test(one_way_only),
		cmocka_unit_test(keeps_or_cuts_names),
		cmocka_unit_test(follows_a_new_sandbox),
		cmocka_unit_test(cuts_off_a_restarted_pod_though_nft_failed),
		cmocka_unit_test(is_not_healed_where_nft_fails),
		cmocka_unit_test(heals_from_the_journal_alone),
		cmocka_unit_test(touches_only_its_own_tables),
	};

	return cmocka_run_group_tests_name("partition", tests, make_place, unmake_place);
}
