#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "test/lib/fault_help.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"

void help_temp(char out[64])
{
	snprintf(out, 64, "/tmp/ordeal-test-XXXXXX");
	assert_non_null(mkdtemp(out));
}

void help_remove(const char *dir)
{
	struct err e = {0};

	assert_int_equal(file_remove_tree(dir, &e), 0);
}

cJSON *help_plan(const char *id, const char *fault, const char *member, const char *uid,
		 const char *params)
{
	cJSON *plan = cJSON_CreateObject(), *target = cJSON_CreateObject();
	struct err e = {0};

	json_set_str(plan, "id", id);
	json_set_str(plan, "fault", fault);
	json_set_str(plan, "namespace", "trial");
	json_set(plan, "params", params ? json_parse(params, "params", &e) : cJSON_CreateObject());
	json_set_str(target, "member", member);
	json_set_str(target, "uid", uid);
	json_push(cJSON_AddArrayToObject(plan, "targets"), target);
	json_set_i64(plan, "ttl_ms", 600000);
	return plan;
}

bool help_wait(bool (*fn)(void *arg), void *arg)
{
	int64_t end_ns = clock_mono_ns() + 20 * NS_PER_S;

	while (!fn(arg)) {
		if (clock_mono_ns() > end_ns)
			return false;
		clock_sleep_until(clock_mono_ns() + 5 * NS_PER_MS);
	}
	return true;
}

pid_t help_sleeper(void)
{
	const char *argv[] = {"sleep", "300", NULL};
	struct err e = {0};
	pid_t pid = 0;

	assert_int_equal(proc_start(argv, NULL, &pid, &e), 0);
	return pid;
}

void help_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static size_t keep(char *data, size_t size, size_t n, void *to)
{
	buf_add(to, data, size * n);
	return size * n;
}

long help_http(int port, const char *method, const char *path, const char *token, const char *body,
	       struct buf *answer)
{
	struct curl_slist *h = NULL;
	CURL *c = curl_easy_init();
	char url[300], line[200];
	long status = 0;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	snprintf(line, sizeof(line), token && !*token ? "X-Ordeal-Token;" : "X-Ordeal-Token: %s",
		 token ? token : "");
	if (token)
		h = curl_slist_append(h, line);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
	if (body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	assert_int_equal(curl_easy_perform(c), CURLE_OK);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(c);
	curl_slist_free_all(h);
	return status;
}

bool help_sh(const char *fmt, ...)
{
	const char *argv[] = {"sh", "-c", NULL, NULL};
	struct proc_result res;
	struct err e = {0};
	char line[2048];
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	argv[2] = line;
	if (proc_run(argv, NULL, 30 * NS_PER_S, &res, &e))
		return false;
	ok = res.exit_code == 0;
	if (!ok)
		print_message("# %s: %s", line, buf_cstr(&res.err));
	proc_result_free(&res);
	return ok;
}
