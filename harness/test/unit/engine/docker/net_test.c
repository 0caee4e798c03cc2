/* The engine docker's names and Services' addresses, from the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names), cmocka_unit_test(addresses), cmocka_unit_test(kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
