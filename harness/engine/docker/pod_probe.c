/* Probes, as a kubelet makes them: from outside of the pod, or by a command
 * in its container. One thread each. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dial.h"
#include "base/json.h"
#include "engine/docker/docker.h"
#include "engine/docker/plan.h"

static const char *const keys[] = {"startupProbe", "livenessProbe", "readinessProbe"};
static const char *const words[] = {"Startup", "Liveness", "Readiness"};

static bool tcp_probe(const char *ip, int port, int64_t timeout_ns, char why[300])
{
	int fd = dial(ip, port, clock_mono_ns() + timeout_ns);

	if (fd < 0)
		snprintf(why, 300, "dial tcp %s:%d: %s", ip, port, strerror(errno));
	else
		close(fd);
	return fd >= 0;
}

static size_t ignore(char *data, size_t size, size_t n, void *arg)
{
	(void)data, (void)arg;
	return size * n;
}

/* 200 to 399 is a success ("Define a liveness HTTP request"). */
static bool http_probe(const cJSON *get, const char *ip, int port, int64_t timeout_ns,
		       char why[300])
{
	const char *path = json_str(get, "path", "/");
	struct curl_slist *headers = NULL;
	CURL *c = curl_easy_init();
	const cJSON *h;
	char *url, *line;
	long code = 0;
	CURLcode r;

	/* Whole, however long. */
	url = mem_fmt("%s://%s:%d%s%s", strcasecmp(json_str(get, "scheme", "HTTP"), "HTTPS") ? "http" : "https", ip,
		      port, *path == '/' ? "" : "/", path);
	cJSON_ArrayForEach(h, json_get(get, "httpHeaders")) {
		line = mem_fmt("%s: %s", json_str(h, "name", ""), json_str(h, "value", ""));
		headers = curl_slist_append(headers, line);
		free(line);
	}
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "kube-probe/1.34");
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(timeout_ns / NS_PER_MS));
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	r = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	if (r)
		snprintf(why, 300, "Get \"%.200s\": %.80s", url, curl_easy_strerror(r));
	else
		snprintf(why, 300, "HTTP probe failed with statuscode: %ld", code);
	free(url);
	return !r && code >= 200 && code < 400;
}

static bool exec_probe(struct docker_probe *pr, const cJSON *argv, const char *id,
		       int64_t timeout_ns, char why[300])
{
	cJSON *command = plan_static_words(pr->c->spec, argv);
	struct buf said = {0};
	struct err e = {0};
	int code;

	if (docker_exec(&pr->pod->d->api, id, command, timeout_ns, &said, &code, &e))
		snprintf(why, 300, "command timed out or failed: %.250s", e.msg);
	else
		snprintf(why, 300, "%.290s", buf_cstr(&said));
	buf_free(&said);
	cJSON_Delete(command);
	return code == 0;
}

/* One attempt; without the lock. */
static bool attempt(struct docker_probe *pr, const char *ip, const char *id, char why[300])
{
	int64_t timeout_ns = plan_probe_number(pr->spec, "timeoutSeconds") * NS_PER_S;
	const cJSON *http = json_get(pr->spec, "httpGet"), *tcp = json_get(pr->spec, "tcpSocket");
	const cJSON *argv = json_path(pr->spec, "exec.command");
	int port = plan_port(pr->pod->object, json_get(http ? http : tcp, "port"));

	if (argv)
		return exec_probe(pr, argv, id, timeout_ns, why);
	return http ? http_probe(http, ip, port, timeout_ns, why) :
		      tcp_probe(ip, port, timeout_ns, why);
}

struct count {
	char id[80];
	int good, bad;
};

/* With the lock. */
static void judge(struct docker_probe *pr, struct count *n, bool ok, const char *why)
{
	int64_t need_bad = plan_probe_number(pr->spec, "failureThreshold");
	int64_t need_good = plan_probe_number(pr->spec, "successThreshold");
	struct docker_container *c = pr->c;
	struct docker_pod *p = pr->pod;

	n->good = ok ? n->good + 1 : 0;
	n->bad = ok ? 0 : n->bad + 1;
	if (!ok)
		docker_event(p->d, "Pod", p->ns, p->name, true, "Unhealthy", "%s probe failed: %s",
			     words[pr->kind], why);
	if (pr->kind == PROBE_READINESS) {
		if (n->good >= need_good)
			c->ready = true;
		else if (n->bad >= need_bad)
			c->ready = false;
	} else if (pr->kind == PROBE_STARTUP && n->good >= need_good) {
		c->started = true;
		c->ready = !json_get(c->spec, "readinessProbe");
	} else if (n->bad >= need_bad) {
		c->unhealthy = true;
		n->bad = 0;
	}
	docker_pod_publish(p);
}

bool docker_probe_active(const struct docker_probe *pr)
{
	return pr->c->running && !pr->c->hooking && !pr->pod->down_ns && pr->pod->sandbox &&
	       (pr->kind == PROBE_STARTUP) == !pr->c->started && !pr->pod->deleting;
}

static void *run(void *arg)
{
	struct docker_probe *pr = arg;
	struct docker_pod *p = pr->pod;
	struct store *s = &p->d->store;
	int64_t next_ns = 0, period_ns = plan_probe_number(pr->spec, "periodSeconds") * NS_PER_S;
	struct count n = {.id = ""};
	char ip[64], id[80], why[300];
	bool ok;

	store_lock(s);
	while (!p->deleting && !p->over) {
		if (!docker_probe_active(pr)) {
			store_wait(s, clock_mono_ns() + 100 * NS_PER_MS);
			continue;
		}
		if (strcmp(n.id, pr->c->id)) {
			memset(&n, 0, sizeof(n));
			mem_copy_str(n.id, sizeof(n.id), pr->c->id);
			next_ns = pr->c->started_ns + plan_probe_number(pr->spec, "initialDelaySeconds") * NS_PER_S;
		}
		if (clock_mono_ns() < next_ns) {
			store_wait(s, next_ns);
			continue;
		}
		next_ns = clock_mono_ns() + period_ns;
		mem_copy_str(ip, sizeof(ip), p->ip);
		mem_copy_str(id, sizeof(id), pr->c->id);
		store_unlock(s);
		ok = attempt(pr, ip, id, why);
		store_lock(s);
		if (!strcmp(id, pr->c->id) && docker_probe_active(pr))
			judge(pr, &n, ok, why);
	}
	store_unlock(s);
	return NULL;
}

void docker_probes_start(struct docker_pod *p)
{
	p->probes = mem_alloc((p->nc * ARRAY_LEN(keys) + 1) * sizeof(*p->probes));
	for (size_t i = 0; i < p->nc; i++) {
		for (size_t k = 0; k < ARRAY_LEN(keys) && !p->c[i].init; k++) {
			struct docker_probe *pr = &p->probes[p->nprobes];

			*pr = (struct docker_probe){.pod = p, .c = &p->c[i], .kind = (int)k,
						    .spec = json_get(p->c[i].spec, keys[k])};
			if (pr->spec && !pthread_create(&pr->thread, NULL, run, pr))
				p->nprobes++;
		}
	}
}

void docker_probes_join(struct docker_pod *p)
{
	for (size_t i = 0; i < p->nprobes; i++)
		pthread_join(p->probes[i].thread, NULL);
	free(p->probes);
	p->probes = NULL;
	p->nprobes = 0;
}
