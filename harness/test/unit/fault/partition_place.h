#ifndef ORDEAL_TEST_UNIT_FAULT_PARTITION_PLACE_H
#define ORDEAL_TEST_UNIT_FAULT_PARTITION_PLACE_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/nft.h"
#include "test/lib/fault_help.h"

/* Network namespaces that a test makes (as root only), with pods that a partition
 * cuts off. Include cmocka before. */

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

static inline int fake_netns(struct node *n, const char *uid, char *path, size_t size,
			     struct err *e)
{
	(void)n;
	(void)e;
	snprintf(path, size, "/run/netns/%s", !strcmp(uid, UID) ? place.a_now : "none");
	if (strcmp(uid, UID))
		path[0] = '\0';
	return 0;
}

static inline int fake_pods(struct node *n, const char *ns, cJSON *out, struct err *e)
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

static inline int make_place(void **state)
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

static inline int unmake_place(void **state)
{
	(void)state;
	if (place.a[0])
		help_sh("PATH=$PATH:/sbin:/usr/sbin; for i in %s %s %s %s %s; do "
			"ip netns del $i 2>/dev/null; done; true",
			place.a, place.b, place.node, place.fresh, place.fresher);
	return 0;
}

static inline void need_place(void)
{
	if (geteuid() == 0 && place.up)
		return;
	print_message("# skipped: needs root and ip\n");
	skip();
}

static inline cJSON *partition_plan(const char *params)
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

static inline void cut(struct cutting *c, const char *params)
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

static inline void mend(struct cutting *c)
{
	struct err e = {0};

	if (c->f->heal(&c->node, &c->j, c->evidence, &e))
		fail_msg("%s", e.msg);
}

static inline void end_cut(struct cutting *c)
{
	journal_entry_free(&c->j);
	cJSON_Delete(c->evidence);
	help_remove(c->node.state_dir);
}

static inline void assert_no_tables(const char *path)
{
	struct buf names = {0};
	struct err e = {0};

	assert_int_equal(nft_our_tables(path, &names, &e), 0);
	assert_string_equal(buf_cstr(&names), "");
	buf_free(&names);
}

#endif
