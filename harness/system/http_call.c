#include "system/http_call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { ANSWER_CAP_BYTES = 1 << 20 };

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;

	buf_add(&c->answer, data, size * n);
	return c->answer.over ? 0 : size * n;
}

static void set_options(struct http_call *c, const char *url, const char *body)
{
	static const struct curl_slist json = {(char *)"Content-Type: application/json", NULL};

	curl_easy_setopt(c->easy, CURLOPT_URL, url);
	/* A connection a question: the server's side ends with its answer. */
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_0);
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	if (body) {
		curl_easy_setopt(c->easy, CURLOPT_COPYPOSTFIELDS, body);
		curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, (struct curl_slist *)&json);
	}
}

static void close_call(struct http_call *c)
{
	curl_multi_remove_handle(c->multi, c->easy);
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	c->multi = NULL;
	c->easy = NULL;
	buf_free(&c->answer);
}

static bool question_sent(const struct http_call *c)
{
	long bytes = 0;

	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

/* Goes on until the call has ended, or its question is sent when that is all
 * that is wanted: true. False: the time is over. What has come by then counts. */
static bool drive(struct http_call *c, bool to_the_end, int64_t until_ns)
{
	int running, ready;

	for (;;) {
		int64_t left_ns = until_ns - clock_mono_ns();

		if (curl_multi_perform(c->multi, &running) || !running ||
		    (!to_the_end && question_sent(c)))
			return true;
		if (left_ns < 0)
			left_ns = 0;
		if (curl_multi_poll(c->multi, NULL, 0, (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS),
				    &ready))
			return true;
		if (!ready && !left_ns)
			return false;
	}
}

/* How the transfer ended; CURLE_AGAIN: it has not. */
static CURLcode result_of(const struct http_call *c)
{
	int left;
	const CURLMsg *m = curl_multi_info_read(c->multi, &left);

	return m && m->msg == CURLMSG_DONE ? m->data.result : CURLE_AGAIN;
}

static void say_why(struct http_call *c, CURLcode r)
{
	const char *what = r == CURLE_COULDNT_CONNECT ? "connect" : r == CURLE_SEND_ERROR ? "send" :
			   r == CURLE_RECV_ERROR ? "receive" : NULL;
	long problem = 0;

	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &problem);
	if (what)
		snprintf(c->error, sizeof(c->error), "%s: %s", what,
			 problem ? strerror((int)problem) : curl_easy_strerror(r));
	else
		snprintf(c->error, sizeof(c->error), "answer: %s",
			 c->answer.len || (r && r != CURLE_GOT_NOTHING) ? "not understood" : "empty");
}

void http_begin(struct http_call *c, const char *address, int port, const char *path,
		const char *body, int64_t until_ns)
{
	bool v6 = strchr(address, ':') != NULL;
	struct buf url = {0};

	memset(c, 0, sizeof(*c));
	c->answer.cap = ANSWER_CAP_BYTES;
	c->easy = curl_easy_init();
	c->multi = curl_multi_init();
	if (!c->easy || !c->multi)
		abort();
	buf_fmt(&url, "http://%s%s%s:%d%s", v6 ? "[" : "", address, v6 ? "]" : "", port, path);
	set_options(c, buf_cstr(&url), body);
	buf_free(&url);
	curl_multi_add_handle(c->multi, c->easy);
	if (!drive(c, false, until_ns)) {
		snprintf(c->error, sizeof(c->error), "connect: %s", strerror(ETIMEDOUT));
		close_call(c);
	}
}

cJSON *http_end(struct http_call *c, int64_t until_ns)
{
	cJSON *o = NULL;
	CURLcode r;

	if (!c->easy)
		return NULL;
	if (drive(c, true, until_ns)) {
		r = result_of(c);
		/* Its status says whether a load balancer should use the member; the
		 * body is the answer either way. */
		o = r == CURLE_OK ? cJSON_Parse(buf_cstr(&c->answer)) : NULL;
		if (!cJSON_IsObject(o)) {
			say_why(c, r);
			cJSON_Delete(o);
			o = NULL;
		}
	} else {
		snprintf(c->error, sizeof(c->error), "timeout: no answer");
	}
	close_call(c);
	return o;
}
