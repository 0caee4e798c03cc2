/* What the system itself makes pods of, through the API: what this engine would leave out
 * of it is refused, as it is in manifests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/docker/docker.h"
#include "test/unit/apiserver/place.h"

#define APPS "/apis/apps/v1/namespaces/ns/"
#define JOBS "/apis/batch/v1/namespaces/ns/jobs"
#define SPEC(more, container) \
	"\"spec\":{\"restartPolicy\":\"%s\"" more ",\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"" container "}]}"
#define LABELLED "\"metadata\":{\"labels\":{\"app\":\"a\"}}"
#define SELECTED "\"selector\":{\"matchLabels\":{\"app\":\"a\"}},"

static const struct {
	const char *pod, *says; /* NULL: it is taken */
} rows[] = {
	{SPEC("", ""), NULL},
	{SPEC("", ",\"invented\":1"), NULL}, /* as an API server, which leaves it out */
	{SPEC(",\"hostNetwork\":false", ",\"securityContext\":{\"privileged\":false}"), NULL},
	{SPEC(",\"hostNetwork\":true", ""), "spec.hostNetwork is supported by the engine docker only as false"},
	{SPEC(",\"hostPID\":true", ""), "spec.hostPID is supported by the engine docker only as false"},
	{SPEC("", ",\"securityContext\":{\"privileged\":true}"),
	 "spec.containers[0].securityContext.privileged is supported by the engine docker only as false"},
	{SPEC("", ",\"lifecycle\":{\"postStart\":{\"httpGet\":{\"port\":80}}}"), "lifecycle.postStart.httpGet"},
	{SPEC("", ",\"readinessProbe\":{\"httpGet\":{\"port\":80,\"host\":\"10.0.0.1\"}}"), "readinessProbe.httpGet.host"},
};

static void post(struct place *p, const char *url, const char *kind, const char *before,
		 const char *restart, size_t i)
{
	struct buf pod = {0}, body = {0}, answer = {0};
	const char *row = rows[i].pod, *at = strstr(row, "%s");
	int status;

	buf_fmt(&pod, "%.*s%s%s", (int)(at - row), row, restart, at + 2);
	buf_fmt(&body, "{\"metadata\":{\"name\":\"x%zu\"},\"spec\":{%s\"template\":{" LABELLED ",%s}}}", i,
		before, buf_cstr(&pod));
	status = ask_for(p, "t-sys", "POST", url, buf_cstr(&body), &answer);
	if (status != (rows[i].says ? 422 : 201) ||
	    (rows[i].says && !strstr(buf_cstr(&answer), rows[i].says)) ||
	    strstr(buf_cstr(&answer), "the object") || strstr(buf_cstr(&answer), "invalid: ;"))
		fail_msg("%s %zu: %d %s", kind, i, status, buf_cstr(&answer));
	buf_free(&pod);
	buf_free(&body);
	buf_free(&answer);
}

static void set_up(struct place *p)
{
	begin(p, 0);
	p->conf.drops = docker_drops;
	give(p, "sys", ALL);
}

static void makers_of_pods(void **state)
{
	struct place p;

	(void)state;
	set_up(&p);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		post(&p, APPS "deployments", "Deployment", SELECTED, "Always", i);
		post(&p, APPS "statefulsets", "StatefulSet", "\"serviceName\":\"s\"," SELECTED, "Always", i);
		post(&p, JOBS, "Job", "", "Never", i);
	}
	end(&p);
}

/* Of what is there, a change of other things is taken; the driver has been told before. */
static void not_again(void **state)
{
	static const char set[] = "{\"metadata\":{\"name\":\"x\"},\"spec\":{" SELECTED "\"template\":{" LABELLED
				  ",\"spec\":{\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}}}";
	struct place p;

	(void)state;
	set_up(&p);
	assert_int_equal(ask(&p, "admin-token", "POST", APPS "deployments", set), 201);
	assert_int_equal(ask(&p, "t-sys", "PATCH", APPS "deployments/x", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), 200);
	assert_int_equal(ask(&p, "t-sys", "PATCH", APPS "deployments/x", "{\"spec\":{\"replicas\":2}}"), 422);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makers_of_pods),
		cmocka_unit_test(not_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
