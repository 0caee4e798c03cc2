/* `ordeal load-agent`: the clients of a run, beside the system. The protocol
 * is in agent.h. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/http_server.h"
#include "agent/load_session.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/version.h"

enum { HISTORY_MAX_OPS = 20000, EXIT_USAGE = 2, EXIT_BROKEN = 3 };

struct agent {
	pthread_mutex_t change; /* setup, start, stop, reset: one at a time */
	pthread_mutex_t lock;   /* for the pointer and its count */
	struct load_session *session;
};

/* A session that somebody reads is freed by the last one. */
static struct load_session *borrow(struct agent *a)
{
	struct load_session *s;

	pthread_mutex_lock(&a->lock);
	s = a->session;
	if (s)
		s->refs++;
	pthread_mutex_unlock(&a->lock);
	return s;
}

static void give_back(struct agent *a, struct load_session *s)
{
	bool last;

	if (!s)
		return;
	pthread_mutex_lock(&a->lock);
	last = --s->refs == 0;
	pthread_mutex_unlock(&a->lock);
	if (last)
		load_session_free(s);
}

/* Call with `change` held. */
static void replace(struct agent *a, struct load_session *new)
{
	struct load_session *old;

	pthread_mutex_lock(&a->lock);
	old = a->session;
	a->session = new;
	pthread_mutex_unlock(&a->lock);
	if (old)
		load_session_stop(old);
	give_back(a, old);
}

static struct load_session *need(struct agent *a, struct http_reply *rp)
{
	struct load_session *s = borrow(a);

	if (!s)
		http_reply_error(rp, 409, "nothing is set up");
	return s;
}

static void get_clock(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	cJSON *o = cJSON_CreateObject();
	char id[CLOCK_ID_BYTES];

	(void)arg, (void)rq;
	clock_id(id);
	json_set_str(o, "clock", id);
	json_set_i64(o, "mono_ns", clock_mono_ns());
	http_reply_json(rp, o);
}

static void get_health(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	cJSON *o = cJSON_CreateObject();
	char host[256] = "";

	(void)arg, (void)rq;
	gethostname(host, sizeof(host) - 1);
	json_set_str(o, "posture", "load");
	json_set_str(o, "node", host);
	json_set_str(o, "version", ORDEAL_VERSION);
	json_set_i64(o, "pid", getpid());
	http_reply_json(rp, o);
}

static void post_setup(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	cJSON *body = http_body_object(rq, rp);
	struct load_session *s;
	struct agent *a = arg;
	struct err e = {0};

	if (!body)
		return;
	pthread_mutex_lock(&a->change);
	replace(a, NULL);
	if (load_session_new(body, &s, &e)) {
		http_reply_err(rp, &e);
	} else {
		replace(a, s);
		http_reply_json(rp, cJSON_CreateObject());
	}
	pthread_mutex_unlock(&a->change);
}

static void post_start(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s;
	struct err e = {0};
	int64_t t0_ns = 0;
	cJSON *o;

	(void)rq;
	pthread_mutex_lock(&a->change);
	s = need(a, rp);
	if (s && load_session_start(s, &t0_ns, &e)) {
		http_reply_err(rp, &e);
	} else if (s) {
		o = cJSON_CreateObject();
		json_set_i64(o, "t0_ns", t0_ns);
		http_reply_json(rp, o);
	}
	give_back(a, s);
	pthread_mutex_unlock(&a->change);
}

static void post_stop(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s;
	cJSON *o;

	(void)rq;
	pthread_mutex_lock(&a->change);
	s = need(a, rp);
	if (s) {
		o = cJSON_CreateObject();
		json_set_i64(o, "ops", load_session_stop(s));
		http_reply_json(rp, o);
	}
	give_back(a, s);
	pthread_mutex_unlock(&a->change);
}

static void post_reset(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;

	(void)rq;
	pthread_mutex_lock(&a->change);
	replace(a, NULL);
	pthread_mutex_unlock(&a->change);
	http_reply_json(rp, cJSON_CreateObject());
}

/* Where to read on: ?from=N. -1 with an answer when it is no number. */
static int64_t from_of(const struct http_request *rq, struct http_reply *rp)
{
	int64_t from = http_query_i64(rq, "from", 0);

	if (from < 0)
		http_reply_error(rp, 400, "from must be a number from 0 up");
	return from;
}

static void get_history(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s = need(a, rp);
	int64_t from = s ? from_of(rq, rp) : -1, next;
	struct load *l;

	if (from >= 0) {
		l = load_session_load(s);
		next = l ? load_history(l, from, HISTORY_MAX_OPS, &rp->body) : from;
		rp->type = "text/plain";
		snprintf(rp->header, sizeof(rp->header), "X-Next");
		snprintf(rp->header_value, sizeof(rp->header_value), "%lld", (long long)next);
	}
	give_back(a, s);
}

static void get_samples(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s = need(a, rp);
	int64_t from = s ? from_of(rq, rp) : -1;

	if (from >= 0 && s->sampler)
		sampler_since(s->sampler, from, &rp->body);
	else if (from >= 0)
		http_reply_error(rp, 409, "this agent asks no members");
	give_back(a, s);
}

static void get_noise(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s = need(a, rp);
	int64_t from = s ? from_of(rq, rp) : -1;

	if (from >= 0)
		load_session_noise(s, from, &rp->body);
	give_back(a, s);
}

static void get_status(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s = need(a, rp);

	(void)rq;
	if (s)
		http_reply_json(rp, load_session_status(s));
	give_back(a, s);
}

static void post_final(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s = need(a, rp);
	struct err e = {0};
	cJSON *o;

	(void)rq;
	if (s) {
		o = load_session_final(s, &e);
		if (o)
			http_reply_json(rp, o);
		else
			http_reply_err(rp, &e);
	}
	give_back(a, s);
}

static void get_inforce(void *arg, const struct http_request *rq, struct http_reply *rp)
{
	struct agent *a = arg;
	struct load_session *s = need(a, rp);
	cJSON *o, *settings;
	struct err e = {0};

	(void)rq;
	if (!s)
		return;
	o = cJSON_CreateObject();
	settings = cJSON_AddArrayToObject(o, "settings");
	if (s->sys->client->inforce && s->sys->client->inforce(&s->acc, settings, &e)) {
		cJSON_Delete(o);
		http_reply_err(rp, &e);
	} else {
		http_reply_json(rp, o);
	}
	give_back(a, s);
}

static const struct http_route routes[] = {
	{"GET", "/v1/clock", get_clock},     {"GET", "/v1/health", get_health},
	{"POST", "/v1/setup", post_setup},   {"POST", "/v1/start", post_start},
	{"POST", "/v1/stop", post_stop},     {"POST", "/v1/reset", post_reset},
	{"GET", "/v1/history", get_history}, {"GET", "/v1/samples", get_samples},
	{"GET", "/v1/status", get_status},   {"POST", "/v1/final", post_final},
	{"GET", "/v1/inforce", get_inforce}, {"GET", "/v1/noise", get_noise},
	{NULL, NULL, NULL},
};

static int usage(FILE *f, int code)
{
	fputs("usage: ORDEAL_TOKEN=... ordeal load-agent --listen ADDR:PORT\n"
	      "The clients of a run, beside the system under trial; `ordeal run` starts it.\n"
	      "Port 0 takes a free one; the line \"listening ADDR:PORT\" names it.\n", f);
	return code;
}

static int serve(struct agent *a, const char *listen_on)
{
	struct http_conf conf = {.listen = listen_on, .token = getenv("ORDEAL_TOKEN"),
				 .routes = routes, .arg = a};
	struct http_server *srv;
	struct err e = {0};
	sigset_t ends;
	int sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (http_server_start(&conf, &srv, &e)) {
		fprintf(stderr, "ordeal load-agent: %s\n", e.msg);
		return e.kind == ERR_INPUT ? EXIT_USAGE : EXIT_BROKEN;
	}
	http_server_announce(srv);
	sigwait(&ends, &sig);
	http_server_stop(srv);
	replace(a, NULL);
	return 0;
}

int load_agent_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct agent a = {.change = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};
	const char *listen_on = NULL;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0);
		if (c != 'l')
			return usage(stderr, EXIT_USAGE);
		listen_on = optarg;
	}
	if (!listen_on || optind < argc)
		return usage(stderr, EXIT_USAGE);
	return serve(&a, listen_on);
}
