/* The engine docker's names and Services' addresses, from the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/nft.h"
#include "base/proc.h"
#include "base/procs.h"
#include "engine/docker/docker.h"

static void put(struct store *s, const char *kind, const char *text)
{
	cJSON *o = cJSON_Parse(text);

	assert_non_null(o);
	store_put(s, store_kind(kind)->id, o);
}

static void fill(struct store *s)
{
	put(s, "Service", "{\"metadata\":{\"name\":\"pg\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"None\"}}");
	put(s, "Endpoints", "{\"metadata\":{\"name\":\"pg\",\"namespace\":\"ns\"},\"subsets\":[{\"addresses\":["
			    "{\"ip\":\"10.240.11.2\",\"hostname\":\"pg-0\"},{\"ip\":\"10.240.12.2\",\"hostname\":\"pg-1\"}],"
			    "\"notReadyAddresses\":[{\"ip\":\"10.240.13.2\",\"hostname\":\"pg-2\"}]}]}");
	put(s, "Service", "{\"metadata\":{\"name\":\"rw\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"10.240.96.2\",\"ports\":"
			  "[{\"name\":\"sql\",\"port\":5432},{\"name\":\"api\",\"port\":80}]}}");
	put(s, "Endpoints", "{\"metadata\":{\"name\":\"rw\",\"namespace\":\"ns\"},\"subsets\":[{\"addresses\":["
			    "{\"ip\":\"10.240.11.2\"},{\"ip\":\"10.240.12.2\"}],\"ports\":[{\"name\":\"sql\",\"port\":6432},"
			    "{\"name\":\"api\",\"port\":8008}]}]}");
	put(s, "Service", "{\"metadata\":{\"name\":\"nobody\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"10.240.96.3\",\"ports\":"
			  "[{\"port\":1}]}}");
}

/* Whoever may write Services may write many: what comes to pods stays small, and what was
 * there before them, and what is refused, stays in it. */
static void many_services(void **state)
{
	struct buf b = {0};
	struct store s;
	char *text;

	(void)state;
	store_init(&s);
	store_lock(&s);
	fill(&s);
	for (int i = 0; i < 300; i++) {
		buf_reset(&b);
		buf_fmt(&b, "{\"metadata\":{\"name\":\"s%d\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"10.240.97.%d\",\"ports\":[",
			i, i % 250);
		for (int k = 0; k < 100; k++)
			buf_fmt(&b, "%s{\"port\":%d}", k ? "," : "", k + 1);
		buf_str(&b, "]}}");
		put(&s, "Service", buf_cstr(&b));
		buf_reset(&b);
		buf_fmt(&b, "{\"metadata\":{\"name\":\"s%d\",\"namespace\":\"ns\"},\"subsets\":[{\"ports\":[{\"port\":1}],\"addresses\":[", i);
		for (int k = 0; k < 200; k++)
			buf_fmt(&b, "%s{\"ip\":\"10.240.11.%d\",\"hostname\":\"h%d\"}", k ? "," : "", k, k);
		buf_str(&b, "]}]}");
		put(&s, "Endpoints", buf_cstr(&b));
	}
	buf_free(&b);
	text = docker_vip_script(&s);
	assert_in_range(strlen(text), 200000, 1 << 20);
	assert_non_null(strstr(text, "10.240.96.2 tcp dport 5432 dnat"));
	assert_non_null(strstr(text, "reject with icmp type port-unreachable\n"));
	free(text);
	text = docker_dns_names(&s);
	assert_in_range(strlen(text), 200000, 1 << 20);
	assert_non_null(strstr(text, "10.240.11.2 pg-0.pg.ns.svc.cluster.local\n"));
	free(text);
	store_unlock(&s);
	store_free(&s);
}

static void names(void **state)
{
	struct store s;
	char *text;

	(void)state;
	store_init(&s);
	store_lock(&s);
	fill(&s);
	text = docker_dns_names(&s);
	assert_non_null(strstr(text, "10.240.11.2 pg-0.pg.ns.svc.cluster.local\n"));
	/* All ready ones under the headless Service's own name. */
	assert_non_null(strstr(text, "10.240.11.2 pg.ns.svc.cluster.local\n"));
	assert_non_null(strstr(text, "10.240.12.2 pg.ns.svc.cluster.local\n"));
	assert_null(strstr(text, "10.240.13.2"));
	/* A Service with an address has that, ready pods or not. */
	assert_non_null(strstr(text, "10.240.96.2 rw.ns.svc.cluster.local\n"));
	assert_null(strstr(text, "10.240.11.2 rw."));
	assert_non_null(strstr(text, "10.240.96.3 nobody.ns.svc.cluster.local\n"));
	free(text);
	store_unlock(&s);
	store_free(&s);
}

static void addresses(void **state)
{
	struct store s;
	char *text;

	(void)state;
	store_init(&s);
	store_lock(&s);
	fill(&s);
	text = docker_vip_script(&s);
	assert_non_null(strstr(text, "ip daddr 10.240.96.2 tcp dport 5432 dnat ip to numgen random mod 2 map "
				     "{ 0 : 10.240.11.2 . 6432, 1 : 10.240.12.2 . 6432 }"));
	assert_non_null(strstr(text, "dport 80 dnat ip to numgen random mod 2 map { 0 : 10.240.11.2 . 8008"));
	/* Nobody ready: nothing but the refusal of the whole range. */
	assert_null(strstr(text, "10.240.96.3"));
	assert_non_null(strstr(text, "reject with tcp reset"));
	free(text);
	store_unlock(&s);
	store_free(&s);
}

/* Both are read by root's tools, and Patroni may write Endpoints: whatever is in
 * the store, what is no address of ours, no name and no port stays out. */
static void nothing_of_others(void **state)
{
	static const char *const subsets[] = {
		"[{\"addresses\":[{\"ip\":\"10.240.11.2 }\\nflush ruleset\\nadd map x { 1\"}],\"ports\":[{\"port\":1}]}]",
		"[{\"addresses\":[{\"ip\":\"10.240.11.2\\n10.240.0.1 host.ns.svc.cluster.local #\"}],\"ports\":[{\"port\":1}]}]",
		"[{\"addresses\":[{\"ip\":\"192.168.1.1\"}],\"ports\":[{\"port\":1}]}]",
		"[{\"addresses\":[{\"ip\":\"10.240.11.2\"}],\"ports\":[{\"port\":65536}]}]",
		"[{\"addresses\":[{\"ip\":\"\"}],\"ports\":[{\"port\":1}]}]",
	};
	char *rules, *names, object[600];
	struct store s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(subsets); i++) {
		store_init(&s);
		store_lock(&s);
		put(&s, "Service", "{\"metadata\":{\"name\":\"v\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"10.240.96.2\","
				   "\"ports\":[{\"port\":5432}]}}");
		snprintf(object, sizeof(object), "{\"metadata\":{\"name\":\"v\",\"namespace\":\"ns\"},\"subsets\":%s}", subsets[i]);
		put(&s, "Endpoints", object);
		rules = docker_vip_script(&s);
		names = docker_dns_names(&s);
		if (strstr(rules, "numgen") || strstr(rules, "ruleset") || strstr(names, "host.ns") || strstr(names, "192.168"))
			fail_msg("%s%s", rules, names);
		free(rules);
		free(names);
		store_unlock(&s);
		store_free(&s);
	}
	store_init(&s);
	store_lock(&s);
	put(&s, "Service", "{\"metadata\":{\"name\":\"h\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"None\"}}");
	put(&s, "Endpoints", "{\"metadata\":{\"name\":\"h\",\"namespace\":\"ns\"},\"subsets\":[{\"addresses\":["
			     "{\"ip\":\"10.240.11.2\",\"hostname\":\"a b\\n10.240.0.9 evil\"}]}]}");
	put(&s, "Service", "{\"metadata\":{\"name\":\"w\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":\"10.240.96.9 accept\\n\","
			   "\"ports\":[{\"port\":5432}]}}");
	names = docker_dns_names(&s);
	rules = docker_vip_script(&s);
	assert_null(strstr(names, "evil"));
	assert_null(strstr(names, "accept"));
	assert_null(strstr(rules, "10.240.96.9"));
	free(names);
	free(rules);
	store_unlock(&s);
	store_free(&s);
}

/* The kernel takes the rules, twice over, in a namespace of its own. */
static void kernel(void **state)
{
	const char *argv[] = {"unshare", "--net", "sh", "-c", "cat >\"$0\" && nft -f \"$0\" && nft -f \"$0\" && "
			      "nft list table ip ordeal_services", NULL, NULL};
	char file[] = "/tmp/ordeal-nft.XXXXXX";
	struct proc_result res;
	struct err e = {0};
	struct store s;
	char *text;
	int fd;

	(void)state;
	if (geteuid())
		skip(); /* needs root */
	fd = mkstemp(file);
	assert_true(fd >= 0);
	close(fd);
	argv[5] = file;
	store_init(&s);
	store_lock(&s);
	fill(&s);
	text = docker_vip_script(&s);
	store_unlock(&s);
	assert_int_equal(proc_run(argv, text, 20 * NS_PER_S, &res, &e), 0);
	if (strstr(buf_cstr(&res.err), "not found") || strstr(buf_cstr(&res.err), "unshare"))
		print_message("# not tried: %s", buf_cstr(&res.err));
	else if (res.exit_code || !strstr(buf_cstr(&res.out), "10.240.11.2 . 6432"))
		fail_msg("%s%s", buf_cstr(&res.err), buf_cstr(&res.out));
	proc_result_free(&res);
	unlink(file);
	free(text);
	store_free(&s);
}

static const char *said(const char *const argv[], struct proc_result *res)
{
	struct err e = {0};

	assert_int_equal(proc_run(argv, NULL, 30 * NS_PER_S, res, &e), 0);
	if (res->exit_code)
		fail_msg("%s: %s", argv[0], buf_cstr(&res->err));
	return buf_cstr(&res->out);
}

/* What else this machine serves is none of a pod's business; what it asks of a
 * pod, a probe above all, is answered. From here on each test stays where it goes. */
static void the_machine(void **state)
{
	static const char addresses_of_all[] =
		"ip link set lo up && for a in 0.1 0.2 11.2; do ip addr add 10.240.$a/16 dev lo; done";
	static const char ask[] =
		"for (qw(10.240.0.1:22 10.240.0.2:22 10.240.0.2:6443 10.240.11.2:8008)) {"
		"$s{$_} = IO::Socket::INET->new(Listen => 5, LocalAddr => $_) or die \"listen: $!\";"
		"$c{$_} = IO::Socket::INET->new(PeerAddr => $_, LocalAddr => \"10.240.11.2\", Timeout => 5);"
		"print \"$_ \", $c{$_} ? \"open\" : \"shut\", \"\\n\" }"
		"print \"the port that pods know \", (IO::Socket::INET->new(PeerAddr => \"10.240.0.2:443\", "
		"LocalAddr => \"10.240.11.2\", Timeout => 5) ? \"open\" : \"shut\"), \"\\n\";"
		"$p = IO::Socket::INET->new(PeerAddr => \"10.240.11.2:8008\", LocalAddr => \"10.240.0.1\", Timeout => 5) or die;"
		"$s{\"10.240.11.2:8008\"}->accept; $a = $s{\"10.240.11.2:8008\"}->accept;"
		"print $a \"ready\\n\"; $a->flush; print scalar <$p>;";
	const char *const up[] = {"sh", "-c", addresses_of_all, NULL};
	const char *const perl[] = {"perl", "-MIO::Socket::INET", "-e", ask, NULL};
	struct proc_result res = {0};
	struct err e = {0};
	struct store s;
	char *text;

	(void)state;
	if (geteuid() || unshare(CLONE_NEWNET))
		skip(); /* needs root */
	said(up, &res);
	proc_result_free(&res);
	store_init(&s);
	store_lock(&s);
	fill(&s);
	text = docker_vip_script(&s);
	store_unlock(&s);
	/* Twice, as it is with each change of a Service. */
	for (int i = 0; i < 2; i++)
		if (nft_run("/proc/self/ns/net", text, &e))
			fail_msg("%s", e.msg);
	assert_string_equal(said(perl, &res), "10.240.0.1:22 shut\n10.240.0.2:22 shut\n10.240.0.2:6443 open\n"
					      "10.240.11.2:8008 open\nthe port that pods know open\nready\n");
	proc_result_free(&res);
	free(text);
	store_free(&s);
}

/* A network set up so, with a pod's rules in it: what of these packets leaves, one line each. */
static void leaves(const char *link_up, const char *ask, const char *expected)
{
	const char *const up[] = {"sh", "-c", link_up, NULL};
	const char *const perl[] = {"perl", "-e", ask, NULL};
	struct proc_result res = {0};
	struct err e = {0};
	struct store s;
	char *text;

	if (geteuid() || unshare(CLONE_NEWNET))
		skip(); /* needs root */
	said(up, &res);
	proc_result_free(&res);
	store_init(&s);
	store_lock(&s);
	text = docker_vip_script(&s);
	store_unlock(&s);
	if (nft_run("/proc/self/ns/net", text, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(said(perl, &res), expected);
	proc_result_free(&res);
	free(text);
	store_free(&s);
}

#define SENT_OR_KEPT \
	"print \"$_ \", (send($s, \"x\", 0, sockaddr_in(9, inet_aton($_))) ? \"sent\" : \"kept\"), \"\\n\" }"

/* A cluster routes no packet to all; on a bridge it would come to pods that a
 * partition keeps apart, for it has none of their addresses. */
static void to_all(void **state)
{
	static const char link_up[] =
		"ip link add v0 type veth peer name v1 && ip addr add 10.240.11.2/16 broadcast 10.240.255.255 dev v0 && "
		"ip link set v0 up && ip link set v1 up && ip route add 224.0.0.0/4 dev v0";
	static const char ask[] =
		"use Socket; for (qw(10.240.12.2 10.240.255.255 255.255.255.255 224.0.0.251 239.1.2.3)) {"
		"socket($s, PF_INET, SOCK_DGRAM, 0); setsockopt($s, SOL_SOCKET, SO_BROADCAST, 1);"
		"setsockopt($s, SOL_SOCKET, SO_BINDTODEVICE, \"v0\");" SENT_OR_KEPT;

	(void)state;
	leaves(link_up, ask, "10.240.12.2 sent\n10.240.255.255 kept\n255.255.255.255 kept\n224.0.0.251 kept\n"
			     "239.1.2.3 kept\n");
}

/* It has more addresses than those on the pods' network, and Docker 20.10 leaves even an internal
 * network's containers a way there. */
static void beyond_the_pods_network(void **state)
{
	static const char link_up[] =
		"ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.240.11.2/16 dev v0 && "
		"ip link set v0 up && ip link set v1 up && ip route add default via 10.240.0.1";
	static const char ask[] =
		"use Socket; for (qw(10.240.12.2 10.241.0.1 172.17.0.1 192.0.2.2 169.254.169.254 127.0.0.1)) {"
		"socket($s, PF_INET, SOCK_DGRAM, 0);" SENT_OR_KEPT;

	(void)state;
	leaves(link_up, ask, "10.240.12.2 sent\n10.241.0.1 kept\n172.17.0.1 kept\n192.0.2.2 kept\n169.254.169.254 kept\n"
			     "127.0.0.1 sent\n");
}

/* A process in the caller's network, and where that is. */
static struct proc_id begin_process(char netns[64])
{
	const char *const argv[] = {"sleep", "100", NULL};
	struct proc_stat ps;
	struct err e = {0};
	pid_t pid;

	assert_int_equal(proc_start(argv, "/dev/null", &pid, &e), 0);
	assert_int_equal(procs_stat(pid, &ps), 0);
	snprintf(netns, 64, "/proc/%d/ns/net", (int)pid);
	return proc_id_of(&ps);
}

static bool has_rules(const char *netns)
{
	struct err e = {0};

	return !nft_run(netns, "list chain ip ordeal_services refuse", &e);
}

/* What failed is tried again, and nobody is taken for another who has its number. */
static void until_they_are_in_force(void **state)
{
	struct docker_pod pod = {.sandbox = true}, *pods[] = {&pod};
	struct docker d = {.pods = pods, .npods = 1};
	struct proc_id id;
	struct err e = {0};
	char netns[64];

	(void)state;
	if (geteuid() || unshare(CLONE_NEWNET))
		skip(); /* needs root */
	id = begin_process(netns);
	store_init(&d.store);
	snprintf(d.state, sizeof(d.state), "/nonexistent");
	pod.pause_pid = id.pid;
	pod.pause_ticks = id.start_ticks + 1;
	d.dns = (struct proc_id){id.pid, id.start_ticks + 1};
	docker_net_sync(&d);
	assert_false(has_rules(netns));
	assert_null(pod.vips);
	assert_null(d.dns_text); /* they could not be written */
	assert_null(docker_net_begin(&d, d.dns, &e));

	pod.pause_ticks = id.start_ticks;
	if (nft_run(netns, "add table ip ordeal_services\nadd chain ip ordeal_services out { type filter hook input priority 0 ; }\n", &e))
		fail_msg("%s", e.msg);
	docker_net_sync(&d);
	assert_false(has_rules(netns));
	assert_int_equal(nft_run(netns, "delete table ip ordeal_services", &e), 0);
	docker_net_sync(&d);
	assert_true(has_rules(netns));
	assert_non_null(pod.vips);
	free(pod.vips);
	proc_stop(id.pid, 0);
	store_free(&d.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),     cmocka_unit_test(many_services),
		cmocka_unit_test(addresses), cmocka_unit_test(nothing_of_others),
		cmocka_unit_test(kernel),    cmocka_unit_test(the_machine),
		cmocka_unit_test(to_all),
		cmocka_unit_test(beyond_the_pods_network),
		cmocka_unit_test(until_they_are_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
