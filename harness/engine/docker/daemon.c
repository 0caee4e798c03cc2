#include "engine/docker/daemon.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/store.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define API "/v1.41"
#define CALL_NS (60 * NS_PER_S)
#define CONNECT_MS 5000L
#define ANSWER_CAP ((size_t)64 << 20)

int docker_api_init(struct docker_api *d, struct err *e)
{
	const char *host = getenv("DOCKER_HOST");

	if (!host || !*host)
		host = "unix:///var/run/docker.sock";
	if (strncmp(host, "unix://", 7) || strlen(host + 7) >= sizeof(d->socket))
		return err_set(e, ERR_INPUT,
			       "DOCKER_HOST is %s, but the engine docker works on this machine only: "
			       "unset it, or give unix:///path", host);
	mem_copy_str(d->socket, sizeof(d->socket), host + 7);
	return 0;
}

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, data, size * n);
	return b->over ? 0 : size * n;
}

int docker_http(const struct docker_api *d, const char *method, const char *path, const cJSON *body,
		int64_t timeout_ns, struct buf *out, int *status, struct err *e)
{
	char *text = body ? json_text(body) : NULL, *url = mem_fmt("http://docker" API "%s", path);
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	struct buf own = {.cap = ANSWER_CAP};
	CURL *c = curl_easy_init();
	long code = 0;
	CURLcode r;

	store_assert_unlocked();
	headers = curl_slist_append(headers, "Content-Type: application/json");
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, d->socket);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
	if (text || !strcmp(method, "POST"))
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, text ? text : "");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, out ? out : &own);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS,
			 (long)((timeout_ns ? timeout_ns : CALL_NS) / NS_PER_MS));
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	r = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	*status = (int)code;
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	free(url);
	free(text);
	buf_free(&own);
	if (!r)
		return 0;
	return err_set(e, ERR_BROKEN, "Docker does not answer at %s: %s", d->socket,
		       r == CURLE_OPERATION_TIMEDOUT ? "no answer in time" : curl_easy_strerror(r));
}

int docker_do(const struct docker_api *d, const char *method, const char *path, const cJSON *body,
	      int but, cJSON **out, const char *what, struct err *e)
{
	struct buf b = {.cap = ANSWER_CAP};
	int status = 0, r = docker_http(d, method, path, body, 0, &b, &status, e);
	cJSON *o;

	if (out)
		*out = NULL;
	if (r) {
		err_prefix(e, "cannot %s", what);
	} else if (status >= 300 && status != but && status != 304) {
		o = cJSON_Parse(buf_cstr(&b));
		r = err_set(e, ERR_BROKEN, "cannot %s: Docker says %d: %.600s", what, status,
			    json_str(o, "message", buf_cstr(&b)));
		cJSON_Delete(o);
	} else if (out && status < 300 && b.len) {
		*out = json_parse(buf_cstr(&b), path, e);
		r = *out ? 0 : -1;
	}
	buf_free(&b);
	return r;
}

int docker_image_user(const struct docker_api *d, const char *image, char user[256], struct err *e)
{
	char path[400], *to = path;
	cJSON *o;
	bool none;

	to += snprintf(path, sizeof(path), "/images/");
	/* Of any other letter there is none in an image's name. */
	while (*image && to < path + sizeof(path) - 8)
		*to++ = strchr("?#% ", *image) ? '_' : *image, image++;
	snprintf(to, 8, "/json");
	if (docker_do(d, "GET", path, NULL, 404, &o, "look at an image", e))
		return -1;
	none = !o;
	mem_copy_str(user, 256, json_str(json_get(o, "Config"), "User", ""));
	cJSON_Delete(o);
	return none;
}

void docker_bound_log(cJSON *host)
{
	cJSON *log = cJSON_AddObjectToObject(host, "LogConfig"), *most;

	json_set_str(log, "Type", "json-file");
	most = cJSON_AddObjectToObject(log, "Config");
	json_set_str(most, "max-size", "10m");
	json_set_str(most, "max-file", "5");
}

int docker_create(const struct docker_api *d, const char *name, const cJSON *body, char id[80],
		  struct err *e)
{
	char path[500], what[500];
	cJSON *o = NULL;

	snprintf(path, sizeof(path), "/containers/create?name=%s", name);
	snprintf(what, sizeof(what), "make container %s", name);
	if (docker_do(d, "POST", path, body, 0, &o, what, e))
		return -1;
	mem_copy_str(id, 80, json_str(o, "Id", ""));
	cJSON_Delete(o);
	return 0;
}

int docker_start(const struct docker_api *d, const char *id, struct err *e)
{
	char path[160];

	snprintf(path, sizeof(path), "/containers/%s/start", id);
	return docker_do(d, "POST", path, NULL, 0, NULL, "start the container", e);
}

int docker_look(const struct docker_api *d, const char *id, struct docker_state *out, struct err *e)
{
	const cJSON *s;
	char path[160];
	cJSON *o;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/containers/%s/json", id);
	if (docker_do(d, "GET", path, NULL, 404, &o, "look at a container", e))
		return -1;
	s = json_get(o, "State");
	out->running = json_bool(s, "Running", false);
	out->pid = (pid_t)json_i64(s, "Pid", 0);
	out->exit_code = o ? (int)json_i64(s, "ExitCode", -1) : 137;
	out->oom = json_bool(s, "OOMKilled", false);
	mem_copy_str(out->stop_signal, sizeof(out->stop_signal),
		     json_str(json_get(o, "Config"), "StopSignal", ""));
	mem_copy_str(out->finished, sizeof(out->finished), json_str(s, "FinishedAt", ""));
	cJSON_Delete(o);
	return 0;
}

/* 409: it does not run; 404: it is gone. */
static int unless_over(const struct docker_api *d, const char *method, const char *path,
		       const char *what, struct err *e)
{
	struct buf b = {0};
	int status = 0, r = docker_http(d, method, path, NULL, 0, &b, &status, e);

	if (r)
		err_prefix(e, "cannot %s", what);
	else if (status >= 300 && status != 304 && status != 404 && status != 409)
		r = err_set(e, ERR_BROKEN, "cannot %s: Docker says %d: %.600s", what, status,
			    buf_cstr(&b));
	buf_free(&b);
	return r;
}

int docker_signal(const struct docker_api *d, const char *id, const char *signal, struct err *e)
{
	char path[200];

	snprintf(path, sizeof(path), "/containers/%s/kill?signal=%s", id, signal);
	return unless_over(d, "POST", path, "signal a container", e);
}

int docker_remove(const struct docker_api *d, const char *id, struct err *e)
{
	char path[200];

	snprintf(path, sizeof(path), "/containers/%s?force=1&v=1", id);
	return unless_over(d, "DELETE", path, "remove a container", e);
}

void docker_demultiplex(const char *data, size_t len, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)data;

	while (len >= 8) {
		size_t n = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];

		p += 8;
		len -= 8;
		if (n > len)
			n = len;
		buf_add(out, p, n);
		p += n;
		len -= n;
	}
}

int docker_exec(const struct docker_api *d, const char *id, const cJSON *argv, int64_t timeout_ns,
		struct buf *said, int *exit_code, struct err *e)
{
	cJSON *body = cJSON_CreateObject(), *o = NULL;
	struct buf raw = {.cap = 1 << 20};
	char path[200];
	int status = 0, r;

	*exit_code = -1;
	json_set(body, "Cmd", cJSON_Duplicate(argv, 1));
	json_set_bool(body, "AttachStdout", true);
	json_set_bool(body, "AttachStderr", true);
	snprintf(path, sizeof(path), "/containers/%s/exec", id);
	r = docker_do(d, "POST", path, body, 0, &o, "prepare a command in the container", e);
	cJSON_Delete(body);
	if (r)
		return -1;
	snprintf(path, sizeof(path), "/exec/%.100s/start", json_str(o, "Id", ""));
	body = cJSON_CreateObject();
	json_set_bool(body, "Detach", false);
	/* The answer ends with the command. */
	r = docker_http(d, "POST", path, body, timeout_ns, &raw, &status, e);
	cJSON_Delete(body);
	if (said)
		docker_demultiplex(buf_cstr(&raw), raw.len, said);
	buf_free(&raw);
	if (!r && status < 300) {
		snprintf(path, sizeof(path), "/exec/%.100s/json", json_str(o, "Id", ""));
		cJSON_Delete(o);
		r = docker_do(d, "GET", path, NULL, 0, &o, "look at a command", e);
		if (!r)
			*exit_code = (int)json_i64(o, "ExitCode", -1);
	} else if (!r) {
		r = err_set(e, ERR_BROKEN, "the command does not start: Docker says %d", status);
	}
	cJSON_Delete(o);
	return r;
}

int docker_logs(const struct docker_api *d, const char *id, int lines, bool timestamps,
		struct buf *out, struct err *e)
{
	struct buf raw = {.cap = ANSWER_CAP};
	char path[240];
	int status = 0, r;

	snprintf(path, sizeof(path), "/containers/%s/logs?stdout=1&stderr=1&tail=%d%s", id, lines,
		 timestamps ? "&timestamps=1" : "");
	r = docker_http(d, "GET", path, NULL, 0, &raw, &status, e);
	if (!r && status >= 300)
		r = err_set(e, ERR_BROKEN, "cannot read a container's log: Docker says %d", status);
	if (!r)
		docker_demultiplex(buf_cstr(&raw), raw.len, out);
	buf_free(&raw);
	return r;
}
