/* Why a workload is not ready: from objects as an API server shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/kube/why.h"

#define SET \
	"{'kind':'StatefulSet','metadata':{'name':'pg','generation':1},'spec':{'replicas':3," \
	"'selector':{'matchLabels':{'app':'pg'}}},'status':{'observedGeneration':1,'readyReplicas':0}}"
#define POD(name, rest) \
	"{'metadata':{'name':'" name "','labels':{'app':'pg'}},'spec':{'nodeName':'w1'}," rest "}"
#define READY "'status':{'conditions':[{'type':'Ready','status':'True'}]}"
#define STATE(state, restarts) \
	"'status':{'containerStatuses':[{'name':'postgres','restartCount':" restarts "," state "}]}"
#define EVENT(kind, name, type, reason, message, when) \
	"{'involvedObject':{'kind':'" kind "','name':'" name "'},'type':'" type "','reason':'" reason \
	"','message':'" message "','lastTimestamp':'" when "'}"
#define LIST(items) "{'items':[" items "]}"

/* Single quotes for double ones, so that the objects can be read here. */
static cJSON *object(const char *text)
{
	char buf[8192], *p;
	cJSON *o;

	assert_true(strlen(text) < sizeof(buf));
	mem_copy_str(buf, sizeof(buf), text);
	for (p = buf; *p; p++)
		if (*p == '\'')
			*p = '"';
	o = cJSON_Parse(buf);
	assert_non_null(o);
	return o;
}

static void why(const char *w, const char *pods, const char *claims, const char *events,
		struct why *y)
{
	cJSON *wo = object(w), *po = object(pods), *co = object(claims), *eo = object(events);

	why_not_ready(wo, po, co, eo, y);
	cJSON_Delete(wo);
	cJSON_Delete(po);
	cJSON_Delete(co);
	cJSON_Delete(eo);
}

static void says(const struct why *y, const char *text)
{
	if (!strstr(y->text, text))
		fail_msg("\"%s\" does not say \"%s\"", y->text, text);
}

/* A Job that never ends: its pod is found by its owner, and its log is asked
 * for what it is about. */
static void job_runs_on(void **state)
{
	static const char job[] = "{'kind':'Job','metadata':{'name':'init','uid':'u1'},'spec':{},"
				  "'status':{'succeeded':0}}";
	static const char pod[] =
		"{'metadata':{'name':'init-x','ownerReferences':[{'uid':'u1'}]},'spec':{'nodeName':'w1',"
		"'containers':[{'name':'cli'}]},'status':{'phase':'Running','containerStatuses':"
		"[{'name':'cli','restartCount':0,'state':{'running':{}}}]}}";
	char pods[1000], other[1000];
	struct why y;

	(void)state;
	snprintf(pods, sizeof(pods), LIST("%s"), pod);
	why(job, pods, LIST(""), LIST(""), &y);
	says(&y, "Job/init has 0 of 1 completions; init-x: still runs");
	assert_string_equal(y.pod, "init-x");
	assert_string_equal(y.container, "cli");
	assert_true(y.certain_after_ns < 0);
	/* Somebody else's pod. */
	snprintf(other, sizeof(other), "%s", pods);
	strstr(other, "'u1'")[2] = '2';
	why(job, other, LIST(""), LIST(""), &y);
	says(&y, "no pod was made");
}

static void readiness(void **state)
{
	static const struct {
		const char *object;
		bool ready;
	} cases[] = {
		{"{'kind':'StatefulSet','spec':{'replicas':2},'status':{'readyReplicas':2}}", true},
		{"{'kind':'StatefulSet','spec':{'replicas':2},'status':{'readyReplicas':1}}", false},
		{"{'kind':'StatefulSet','metadata':{'generation':2},'spec':{'replicas':1},"
		 "'status':{'readyReplicas':1,'observedGeneration':1}}", false},
		{"{'kind':'Deployment','spec':{},'status':{}}", false},
		{"{'kind':'Job','spec':{},'status':{'succeeded':1}}", true},
		{"{'kind':'Job','spec':{},'status':{'active':1}}", false},
		{"{'kind':'ConfigMap'}", true},
		{"{'kind':'Pod'," READY "}", true},
		{"{'kind':'Pod','metadata':{'deletionTimestamp':'x'}," READY "}", false},
	};
	int have, want;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cJSON *o = object(cases[i].object);

		if (why_ready(o, &have, &want) != cases[i].ready)
			fail_msg("%s", cases[i].object);
		cJSON_Delete(o);
	}
}

static void no_pod_for_want_of_an_account(void **state)
{
	struct why y;

	(void)state;
	why(SET, LIST(""), LIST(""),
	    LIST(EVENT("StatefulSet", "pg", "Normal", "SuccessfulCreate", "created a claim", "3") ","
		 EVENT("StatefulSet", "pg", "Warning", "FailedCreate",
		       "pods pg-0 is forbidden: serviceaccount pg not found", "2")), &y);
	says(&y, "StatefulSet/pg has 0 of 3 pods ready");
	says(&y, "FailedCreate");
	says(&y, "serviceaccount pg not found");
	assert_true(y.certain_after_ns > 0);
}

static void the_first_pod_in_the_way_is_named(void **state)
{
	struct why y;

	(void)state;
	why(SET,
	    LIST(POD("pg-2", STATE("'state':{'waiting':{'reason':'ContainerCreating'}}", "0")) ","
		 POD("pg-0", READY) ","
		 POD("pg-1", STATE("'state':{'waiting':{'reason':'CreateContainerConfigError',"
				   "'message':'secret s not found'}}", "0"))),
	    LIST(""), LIST(""), &y);
	says(&y, "pg-1: container postgres: CreateContainerConfigError: secret s not found");
	assert_true(y.certain_after_ns > 0);
	assert_string_equal(y.container, "");
}

static void a_crash_loop_is_certain_after_some_rounds(void **state)
{
	struct why y, z;

	(void)state;
	why(SET, LIST(POD("pg-0", STATE("'state':{'waiting':{'reason':'CrashLoopBackOff'}},"
					"'lastState':{'terminated':{'exitCode':2,'reason':'Error'}}", "1"))),
	    LIST(""), LIST(""), &y);
	says(&y, "container postgres: CrashLoopBackOff: exit code 2 (Error), 1 restart");
	assert_true(y.certain_after_ns < 0);
	assert_string_equal(y.container, "postgres");
	assert_true(y.previous);
	why(SET, LIST(POD("pg-0", STATE("'state':{'terminated':{'exitCode':2,'reason':'Error'}}", "3"))),
	    LIST(""), LIST(""), &z);
	assert_int_equal(z.certain_after_ns, 0);
	assert_false(z.previous);
	/* One cause, whichever of its states was caught. */
	assert_string_equal(y.key, z.key);
}

/* A program that ends well does not stay, either. */
static void an_end_without_an_error_is_told(void **state)
{
	struct why y, z;

	(void)state;
	why(SET, LIST(POD("pg-0", STATE("'state':{'waiting':{'reason':'CrashLoopBackOff','message':'back-off 40s'}},"
					"'lastState':{'terminated':{'exitCode':0,'reason':'Completed'}}", "3"))),
	    LIST(""), LIST(""), &y);
	says(&y, "container postgres: CrashLoopBackOff: exit code 0 (Completed), 3 restarts");
	assert_int_equal(y.certain_after_ns, 0);
	assert_string_equal(y.container, "postgres");
	assert_true(y.previous);
	/* Between two ends it runs. */
	why(SET, LIST(POD("pg-0", STATE("'state':{'running':{}},'lastState':{'terminated':{'exitCode':1,'reason':'Error'}}",
					"2"))), LIST(""), LIST(""), &z);
	says(&z, "container postgres: runs, and ended before: exit code 1 (Error), 2 restarts");
	assert_string_equal(z.key, y.key);
	assert_true(z.previous && z.certain_after_ns < 0);
	/* A ready one beside it is not in the way. */
	why(SET, LIST(POD("pg-0", STATE("'ready':true,'state':{'running':{}},'lastState':{'terminated':{'exitCode':1}}",
					"2"))), LIST(""), LIST(""), &z);
	assert_null(strstr(z.text, "exit code"));
}

#define HOOKED(state) \
	"{'metadata':{'name':'pg-0','labels':{'app':'pg'}},'spec':{'nodeName':'w1','containers':[{'name':'postgres'," \
	"'lifecycle':{'postStart':{'exec':{}}}}]}," STATE(state, "0") "}"
#define CREATING "'state':{'waiting':{'reason':'ContainerCreating'}}"
#define MOUNT EVENT("Pod", "pg-0", "Warning", "FailedMount", "configmap not synced yet", "2026-01-01T10:00:00Z")
#define STARTED EVENT("Pod", "pg-0", "Normal", "Started", "Started container", "2026-01-01T10:00:03Z")

/* As long as a hook runs after its start, a container is told to be created. */
static void a_hook_is_named_and_no_mount_that_passed(void **state)
{
	struct why y;

	(void)state;
	why(SET, LIST(HOOKED(CREATING)), LIST(""), LIST(MOUNT), &y);
	says(&y, "container postgres: FailedMount: configmap not synced yet");
	why(SET, LIST(HOOKED(CREATING)), LIST(""), LIST(MOUNT "," STARTED), &y);
	says(&y, "container postgres: it was started, and its postStart hook has not ended");
	why(SET, LIST(HOOKED("'state':{'running':{}}")), LIST(""), LIST(STARTED "," MOUNT), &y);
	assert_null(strstr(y.text, "FailedMount"));
	/* One that failed ends its container. */
	why(SET, LIST(HOOKED("'state':{'waiting':{'reason':'CrashLoopBackOff'}},'lastState':{'terminated':{'exitCode':137}}")),
	    LIST(""), LIST(MOUNT "," STARTED "," EVENT("Pod", "pg-0", "Warning", "FailedPostStartHook",
						       "PostStartHook failed: exit 7", "2026-01-01T10:00:04Z")), &y);
	says(&y, "CrashLoopBackOff: exit code 137");
	says(&y, "FailedPostStartHook: PostStartHook failed: exit 7");
}

static void an_init_container_is_called_one(void **state)
{
	struct why y;

	(void)state;
	why(SET, LIST(POD("pg-0", "'status':{'initContainerStatuses':[{'name':'init','restartCount':4,"
				  "'state':{'terminated':{'exitCode':127,'reason':'Error'}}}],"
				  "'containerStatuses':[{'name':'postgres','restartCount':0,'state':"
				  "{'waiting':{'reason':'PodInitializing'}}}]}")),
	    LIST(""), LIST(""), &y);
	says(&y, "init container init: ended: exit code 127");
	assert_int_equal(y.certain_after_ns, 0);
}

static void running_but_not_ready_quotes_the_probe(void **state)
{
	struct why y;

	(void)state;
	why(SET, LIST(POD("pg-0", STATE("'state':{'running':{}}", "0"))), LIST(""),
	    LIST(EVENT("Pod", "pg-0", "Warning", "Unhealthy", "Readiness probe failed: 503", "1") ","
		 EVENT("Pod", "pg-0", "Warning", "BackOff", "restarting", "2") ","
		 EVENT("Pod", "pg-1", "Warning", "Unhealthy", "other", "3")), &y);
	says(&y, "Readiness probe failed: 503");
	assert_true(y.certain_after_ns < 0);
	/* Its log, which may know more, can be asked for. */
	assert_string_equal(y.pod, "pg-0");
	assert_string_equal(y.container, "postgres");
	assert_true(y.running);
}

static void an_unbound_claim_is_named(void **state)
{
	struct why y;

	(void)state;
	why(SET, LIST("{'metadata':{'name':'pg-0','labels':{'app':'pg'}},'spec':{'volumes':["
		      "{'name':'data','persistentVolumeClaim':{'claimName':'data-pg-0'}}]},'status':{}}"),
	    LIST("{'metadata':{'name':'data-pg-0'},'spec':{'storageClassName':'fast-ssd'},"
		 "'status':{'phase':'Pending'}}"),
	    LIST(EVENT("PersistentVolumeClaim", "data-pg-0", "Warning", "ProvisioningFailed",
		       "class not found", "1")), &y);
	says(&y, "claim data-pg-0 (class fast-ssd) is Pending: class not found");
	assert_true(y.certain_after_ns > 0);
}

static void an_unschedulable_pod_quotes_the_scheduler(void **state)
{
	struct why y;

	(void)state;
	why(SET, LIST("{'metadata':{'name':'pg-0','labels':{'app':'pg'}},'spec':{},'status':{'conditions':["
		      "{'type':'PodScheduled','status':'False','reason':'Unschedulable','message':"
		      "'0/4 nodes are available: 4 Insufficient cpu.'}]}}"),
	    LIST(""), LIST(""), &y);
	says(&y, "Unschedulable: 0/4 nodes are available: 4 Insufficient cpu.");
}

static void a_failed_job_is_certain(void **state)
{
	struct why y;

	(void)state;
	why("{'kind':'Job','metadata':{'name':'init'},'spec':{'selector':{'matchLabels':{'j':'1'}}},"
	    "'status':{'conditions':[{'type':'Failed','status':'True','reason':'BackoffLimitExceeded',"
	    "'message':'too often'}]}}", LIST(""), LIST(""), LIST(""), &y);
	says(&y, "Job/init has 0 of 1 completions");
	says(&y, "BackoffLimitExceeded: too often");
	assert_int_equal(y.certain_after_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readiness),
		cmocka_unit_test(job_runs_on),
		cmocka_unit_test(no_pod_for_want_of_an_account),
		cmocka_unit_test(the_first_pod_in_the_way_is_named),
		cmocka_unit_test(a_crash_loop_is_certain_after_some_rounds),
		cmocka_unit_test(an_end_without_an_error_is_told),
		cmocka_unit_test(a_hook_is_named_and_no_mount_that_passed),
		cmocka_unit_test(an_init_container_is_called_one),
		cmocka_unit_test(running_but_not_ready_quotes_the_probe),
		cmocka_unit_test(an_unbound_claim_is_named),
		cmocka_unit_test(an_unschedulable_pod_quotes_the_scheduler),
		cmocka_unit_test(a_failed_job_is_certain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
