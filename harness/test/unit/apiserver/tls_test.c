/* The API over TLS, as an in-cluster client asks it: by the names and the address that a pod
 * knows, checked against the authority that is made along; by no other name, and by no
 * other authority. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>

#include "apiserver/certificate.h"
#include "kube/client.h"
#include "test/unit/apiserver/place.h"

struct room {
	struct place p;
	struct certificate ours, others;
};

static int make_room(void **state)
{
	struct room *r = mem_alloc(sizeof(*r));
	struct err e = {0};

	*state = r;
	if (certificate_make("127.0.0.1", &r->ours, &e) || certificate_make("127.0.0.1", &r->others, &e))
		fail_msg("%s", e.msg);
	begin_with(&r->p, 0, NULL);
	serve_stop(r->p.serve);
	r->p.conf.cert = r->ours.cert.s;
	r->p.conf.key = r->ours.key.s;
	if (serve_start(&r->p.conf, "127.0.0.1", 0, &r->p.serve, &e))
		fail_msg("%s", e.msg);
	return 0;
}

static int leave_room(void **state)
{
	struct room *r = *state;

	store_close(&r->p.store);
	serve_stop(r->p.serve);
	store_free(&r->p.store);
	certificate_free(&r->ours);
	certificate_free(&r->others);
	free(r);
	return 0;
}

/* The status, or -1 with why there is none. */
static int got(struct room *r, const struct buf *ca, const char *name, const char *token,
	       struct err *e)
{
	char server[64];
	struct kube_conf conf = {.server = server,
				 .ca = *ca,
				 .server_name = (char *)(uintptr_t)name,
				 .token = (char *)(uintptr_t)token};
	struct kube_request q = {.method = "GET", .path = "/api/v1/namespaces/ns/endpoints/rabbitmq",
				 .timeout_ns = SOON_NS};
	struct kube_client *k = NULL;
	struct buf answer = {0};
	int status = -1;

	snprintf(server, sizeof(server), "https://127.0.0.1:%d", serve_port(r->p.serve));
	assert_int_equal(kube_client_new(&conf, NULL, &k, e), 0);
	if (kube_http(k, &q, &answer, &status, e))
		status = -1;
	kube_client_free(k);
	buf_free(&answer);
	return status;
}

static void names(void **state)
{
	static const char *const known[] = {NULL, "kubernetes.default.svc.cluster.local", "kubernetes.default.svc",
					    "kubernetes.default", "kubernetes"};
	struct room *r = *state;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (got(r, &r->ours.ca, known[i], "admin-token", &e) != 404)
			fail_msg("%s: %s", known[i] ? known[i] : "by its address", e.msg);
	assert_int_equal(got(r, &r->ours.ca, "kubernetes.elsewhere.svc.cluster.local", "admin-token", &e), -1);
	assert_int_equal(got(r, &r->others.ca, NULL, "admin-token", &e), -1);
	assert_non_null(strstr(e.msg, "certificate"));
}

/* Rights are those that tokens have over plain HTTP, too. */
static void rights(void **state)
{
	struct room *r = *state;
	struct err e = {0};

	assert_int_equal(got(r, &r->ours.ca, NULL, "t-nobody", &e), 403);
	assert_int_equal(got(r, &r->ours.ca, NULL, "guess", &e), 401);
	assert_int_equal(got(r, &r->ours.ca, NULL, NULL, &e), 401);
}

/* A client that speaks plainly to it gets no answer that could be taken for one. */
static void plain(void **state)
{
	static const char request[] = "GET /api HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin-token\r\n\r\n";
	struct room *r = *state;
	int fd = dial("127.0.0.1", serve_port(r->p.serve), clock_mono_ns() + SOON_NS);
	char answer[200] = "";
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	assert_true(clock_wait_fd(fd, POLLIN, clock_mono_ns() + SOON_NS));
	n = read(fd, answer, sizeof(answer) - 1);
	assert_true(n < 4 || memcmp(answer, "HTTP", 4) != 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, make_room, leave_room),
		cmocka_unit_test_setup_teardown(rights, make_room, leave_room),
		cmocka_unit_test_setup_teardown(plain, make_room, leave_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
