/* Whether every member of RabbitMQ's queues is there and has all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "history/sample.h"
#include "system/model.h"
#include "test/lib/evidence_help.h"

extern const struct model_ops model_rabbitmq;

#define NODE(n) "\"rabbit@r-" #n ".h.ns.svc.cluster.local\""
#define FOLLOWER(n, state, term, applied) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"replica\",\"tl\":" #term ",\"pos\":" #applied \
	",\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"quorum\",\"state\":\"" state "\"}]}}"

static const char *const whole[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":3,\"pos\":5000,\"x\":{\"boot\":\"ready\",\"queues\":"
	"[{\"type\":\"quorum\",\"state\":\"leader\"}]}}",
	FOLLOWER(1, "follower", 3, 4990),
	FOLLOWER(2, "follower", 3, 5000),
};

static const char *const mirrored[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\","
	"\"state\":\"leader\",\"synchronised\":[" NODE(0) "," NODE(1) "," NODE(2) "]}]}}",
	"{\"m\":\"r-1\",\"ok\":true,\"role\":\"replica\",\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\",\"state\":\"follower\"}]}}",
	"{\"m\":\"r-2\",\"ok\":true,\"role\":\"replica\",\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\",\"state\":\"follower\"}]}}",
};

/* On one node, and meant to be. */
#define NOT_MIRRORED(n, boot) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"replica\",\"x\":{\"boot\":\"" boot "\",\"queues\":" \
	"[{\"type\":\"classic\",\"state\":\"none\",\"mirrored\":false}]}}"
static const char *const single[] = {
	"{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"classic\","
	"\"state\":\"leader\",\"synchronised\":[" NODE(0) "],\"mirrored\":false}]}}",
	NOT_MIRRORED(1, "ready"),
	NOT_MIRRORED(2, "ready"),
};

static bool redundant(const char *const *all, int at, const char *instead, char *why)
{
	struct sample s[3];
	cJSON *o[3];
	bool is;

	for (int i = 0; i < 3; i++) {
		o[i] = test_json(i == at ? instead : all[i]);
		memset(&s[i], 0, sizeof(s[i]));
		mem_copy_str(s[i].member, sizeof(s[i].member), json_str(o[i], "m", ""));
		sample_from_json(o[i], &s[i]);
	}
	is = model_rabbitmq.redundant(s, 3, why);
	for (int i = 0; i < 3; i++)
		cJSON_Delete(o[i]);
	return is;
}

static void test_redundant(void **state)
{
	static const struct {
		const char *const *all;
		int at;
		const char *instead, *why;
	} t[] = {
		{whole, 2, "{\"m\":\"r-2\",\"ok\":false}", "r-2 does not answer"},
		{whole, 0, FOLLOWER(0, "follower", 3, 5000), "no member is a writable leader"},
		{whole, 2, FOLLOWER(2, "candidate", 3, 5000), "r-2 is candidate of the queue"},
		{whole, 2, FOLLOWER(2, "follower", 2, 5000), "r-2 is in term 2, r-0 leads term 3"},
		{whole, 2, FOLLOWER(2, "follower", 3, -1), "what r-2 has of the queue is not told"},
		{whole, 2, FOLLOWER(2, "follower", 3, 100), "r-2 has applied 100 of 5000 entries"},
		{whole, 1, "{\"m\":\"r-1\",\"ok\":true,\"x\":{\"boot\":\"stopped\",\"queues\":[]}}", "RabbitMQ on r-1 is stopped"},
		{whole, 1, "{\"m\":\"r-1\",\"ok\":true,\"x\":{\"boot\":\"ready\",\"queues\":[]}}", "r-1 is no member of the queue"},
		/* The first queue is well; another one is led by nobody. */
		{whole, 0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"tl\":3,\"pos\":5000,\"x\":{"
		 "\"boot\":\"ready\",\"of\":3,\"led\":2,\"queues\":[{\"type\":\"quorum\",\"state\":\"leader\"}]}}",
		 "1 of 3 queues have no leader"},
		{mirrored, 0, "{\"m\":\"r-0\",\"ok\":true,\"role\":\"primary\",\"writable\":true,\"x\":{\"boot\":\"ready\",\"queues\":"
		 "[{\"type\":\"classic\",\"state\":\"leader\",\"synchronised\":[" NODE(0) "," NODE(2) "]}]}}",
		 "the mirror on r-1 is not synchronised"},
		{mirrored, 1, NOT_MIRRORED(1, "ready"), "r-1 is none of the queue"},
		{single, 1, NOT_MIRRORED(1, "booting"), "RabbitMQ on r-1 is booting"},
		{single, 0, NOT_MIRRORED(0, "ready"), "no member is a writable leader"},
	};
	char why[WHY_BYTES];

	(void)state;
	if (!redundant(whole, -1, NULL, why) || !redundant(mirrored, -1, NULL, why) ||
	    !redundant(single, -1, NULL, why))
		fail_msg("%s", why);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_false(redundant(t[i].all, t[i].at, t[i].instead, why));
		if (!strstr(why, t[i].why))
			fail_msg("\"%s\" instead of \"%s\"", why, t[i].why);
	}
}

/* Of several queues each has to be whole, whoever leads it. */
#define TOLD(state, term, applied) "{\"type\":\"quorum\",\"queue\":\"o.1\",\"state\":\"" state "\",\"term\":" #term \
	",\"applied\":" #applied "}"
#define MEMBER(n, role, first, more) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"" role "\",\"writable\":true,\"tl\":3,\"pos\":50," \
	"\"x\":{\"boot\":\"ready\",\"queues\":[{\"type\":\"quorum\",\"queue\":\"o.0\",\"state\":\"" first "\"}" more "]}}"

#define ALONE(n, role, first, second) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"" role "\",\"writable\":true," \
	"\"x\":{\"boot\":\"ready\",\"queues\":[" IS_ALONE("o.0", first) "," IS_ALONE("o.1", second) "]}}"
#define IS_ALONE(queue, state) "{\"type\":\"classic\",\"queue\":\"" queue "\",\"state\":\"" state "\",\"mirrored\":false}"

static void test_several_queues(void **state)
{
	static const char *const two[] = {
		MEMBER(0, "primary", "leader", "," TOLD("follower", 7, 9000)),
		MEMBER(1, "replica", "follower", "," TOLD("leader", 7, 9010)),
		MEMBER(2, "replica", "follower", "," TOLD("follower", 7, 9009)),
	};
	static const struct {
		int at;
		const char *instead, *why;
	} t[] = {
		{1, MEMBER(1, "replica", "follower", "," TOLD("follower", 7, 9000)), "nobody leads o.1"},
		{2, MEMBER(2, "replica", "follower", "," TOLD("leader", 6, 9000)), "r-1 and r-2 both lead o.1"},
		{2, MEMBER(2, "replica", "follower", ""), "r-2 is no member of o.1"},
		{0, MEMBER(0, "primary", "leader", ""), "r-0 is no member of o.1"},
		{2, MEMBER(2, "replica", "follower", "," TOLD("follower", 6, 9000)), "r-2 is in another term of o.1"},
		{2, MEMBER(2, "replica", "follower", "," TOLD("follower", 7, 900)), "r-2 has applied 900 of 9010 entries of o.1"},
		{2, MEMBER(2, "replica", "follower", ",{\"queue\":\"o.1\",\"state\":\"follower\",\"term\":7}"), "r-2 has applied -1"},
	};
	char why[WHY_BYTES];

	/* What is meant to be on one node is no other's to have, whoever leads it. */
	static const char *const single_two[] = {
		ALONE(0, "primary", "leader", "none"),
		ALONE(1, "replica", "none", "leader"),
		ALONE(2, "replica", "none", "none"),
	};

	(void)state;
	if (!redundant(two, -1, NULL, why) || !redundant(single_two, -1, NULL, why))
		fail_msg("%s", why);
	assert_false(redundant(single_two, 1, ALONE(1, "replica", "none", "none"), why));
	assert_string_equal(why, "nobody leads o.1");
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_false(redundant(two, t[i].at, t[i].instead, why));
		if (!strstr(why, t[i].why))
			fail_msg("\"%s\" instead of \"%s\"", why, t[i].why);
	}
}

/* Of many queues most are only counted, each member's by itself. */
#define MANY(n, role, state, counts) "{\"m\":\"r-" #n "\",\"ok\":true,\"role\":\"" role "\",\"writable\":true,\"tl\":3," \
	"\"pos\":50,\"x\":{\"boot\":\"ready\"," counts ",\"queues\":[{\"type\":\"quorum\",\"queue\":\"o.0\",\"state\":\"" state "\"}]}}"
#define COUNTS(of, of_hash, kept, led, led_hash) "\"of\":" #of ",\"of_hash\":" #of_hash ",\"kept\":" #kept ",\"led\":" #led \
	",\"led_hash\":" #led_hash

static void test_many_queues(void **state)
{
	static const char *const many[] = {
		MANY(0, "primary", "leader", COUNTS(200, 900, 200, 199, 893)),
		MANY(1, "replica", "follower", COUNTS(200, 900, 200, 1, 7)),
		MANY(2, "replica", "follower", COUNTS(200, 900, 200, 0, 0)),
	};
	/* As they were stored before hashes were told. */
	static const char *const before[] = {
		MANY(0, "primary", "leader", "\"of\":200,\"led\":199"),
		MANY(1, "replica", "follower", "\"of\":200,\"led\":1"),
		MANY(2, "replica", "follower", "\"of\":200,\"led\":0"),
	};
	static const struct {
		const char *const *all;
		int at;
		const char *instead, *why;
	} t[] = {
		{many, 1, MANY(1, "replica", "follower", COUNTS(200, 900, 200, 0, 0)), "1 of 200 queues have no leader"},
		{many, 2, MANY(2, "replica", "follower", COUNTS(200, 900, 200, 1, 7)), "200 queues have 201 leaders"},
		{many, 1, MANY(1, "replica", "follower", COUNTS(200, 900, 200, 1, 5)), "of 200 queues one is led twice, and one by nobody"},
		{many, 2, MANY(2, "replica", "follower", COUNTS(150, 700, 150, 0, 0)), "r-2 has 150 of 200 queues"},
		{many, 0, MANY(0, "primary", "leader", COUNTS(199, 893, 199, 199, 893)), "r-0 has 199 of 200 queues"},
		{many, 2, MANY(2, "replica", "follower", COUNTS(200, 899, 200, 0, 0)), "r-2 has other queues than r-0"},
		{many, 2, MANY(2, "replica", "follower", COUNTS(200, 900, 198, 0, 0)), "r-2 has 198 of 200 queues whole"},
		{before, 2, MANY(2, "replica", "follower", "\"of\":150,\"led\":0"), "r-2 has 150 of 200 queues"},
	};
	char why[WHY_BYTES];

	(void)state;
	if (!redundant(many, -1, NULL, why) || !redundant(before, -1, NULL, why))
		fail_msg("%s", why);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (redundant(t[i].all, t[i].at, t[i].instead, why))
			fail_msg("redundant, and not \"%s\"", t[i].why);
		assert_string_equal(why, t[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redundant),
		cmocka_unit_test(test_several_queues),
		cmocka_unit_test(test_many_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
