/* TLS from memory: the server's certificate is checked against the
 * kubeconfig's authority and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "kube/client.h"

struct fixture {
	char dir[64];
	struct buf cert, key, other;
	struct MHD_Daemon *d;
	char server[64];
};

static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *len, void **state)
{
	struct MHD_Response *r;
	enum MHD_Result ok;
	char text[300];

	(void)arg, (void)method, (void)version, (void)data, (void)len, (void)state;
	snprintf(text, sizeof(text), "{\"kind\":\"Version\",\"asked\":\"%s\"}", url);
	r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
	ok = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return ok;
}

/* A self-signed certificate for `san`; false without openssl. */
static bool make_cert(const char *dir, const char *name, const char *san, struct buf *cert,
		      struct buf *key)
{
	char c[PATH_MAX], k[PATH_MAX], ext[128];
	const char *const argv[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
				    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
				    "/CN=ordeal-test", "-addext", ext, "-keyout", k, "-out", c, NULL};
	struct proc_result res;
	struct err e = {0};
	bool ok;

	snprintf(c, sizeof(c), "%s/%s.pem", dir, name);
	snprintf(k, sizeof(k), "%s/%s.key", dir, name);
	snprintf(ext, sizeof(ext), "subjectAltName=%s", san);
	if (proc_run(argv, NULL, 30 * NS_PER_S, &res, &e))
		return false;
	ok = res.exit_code == 0 && !file_read(c, cert, &e) && !file_read(k, key, &e);
	proc_result_free(&res);
	return ok;
}

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct buf unused = {0};

	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-test-XXXXXX");
	*state = f;
	if (!mkdtemp(f->dir))
		return -1;
	if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES ||
	    !make_cert(f->dir, "server", "IP:127.0.0.1,DNS:kubernetes", &f->cert, &f->key) ||
	    !make_cert(f->dir, "other", "IP:127.0.0.1", &f->other, &unused))
		return 0;
	buf_free(&unused);
	f->d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL,
				handle, f, MHD_OPTION_HTTPS_MEM_KEY, f->key.s,
				MHD_OPTION_HTTPS_MEM_CERT, f->cert.s, MHD_OPTION_END);
	if (f->d)
		snprintf(f->server, sizeof(f->server), "https://127.0.0.1:%d",
			 (int)MHD_get_daemon_info(f->d, MHD_DAEMON_INFO_BIND_PORT)->port);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	if (f->d)
		MHD_stop_daemon(f->d);
	buf_free(&f->cert);
	buf_free(&f->key);
	buf_free(&f->other);
	file_remove_tree(f->dir, &e);
	free(f);
	return 0;
}

static int ask(struct fixture *f, const struct buf *ca, const char *name, struct err *e)
{
	struct kube_conf conf = {.server = f->server, .ca = *ca,
				 .server_name = (char *)(uintptr_t)name};
	struct kube_client *k;
	cJSON *o = NULL;
	int r;

	/* No openssl here, or an HTTP server without TLS. */
	if (!f->d)
		skip();
	assert_int_equal(kube_client_new(&conf, NULL, &k, e), 0);
	r = kube_get(k, "/version", &o, e);
	assert_int_equal(r == 0, o != NULL);
	cJSON_Delete(o);
	kube_client_free(k);
	return r;
}

static void its_own_authority_is_trusted(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(ask(f, &f->cert, NULL, &e), 0);
}

static void another_authority_is_not(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(ask(f, &f->other, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_BROKEN);
	assert_non_null(strstr(e.msg, "certificate"));
}

static void the_name_to_check_can_be_given(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(ask(f, &f->cert, "kubernetes", &e), 0);
	assert_int_equal(ask(f, &f->cert, "elsewhere", &e), -1);
}

/* A path of the server's stays, and the connection goes where it says. */
static void a_path_stays_beside_the_name(void **state)
{
	struct fixture *f = *state;
	char server[128];
	struct kube_conf conf = {.server = server, .ca = f->cert, .server_name = (char *)(uintptr_t)"kubernetes"};
	struct kube_client *k;
	struct err e = {0};
	cJSON *o = NULL;

	if (!f->d)
		skip();
	snprintf(server, sizeof(server), "%s/k8s/clusters/c-m-x", f->server);
	assert_int_equal(kube_client_new(&conf, NULL, &k, &e), 0);
	if (kube_get(k, "/version", &o, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(json_str(o, "asked", ""), "/k8s/clusters/c-m-x/version");
	cJSON_Delete(o);
	kube_client_free(k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(its_own_authority_is_trusted),
		T(another_authority_is_not),
		T(the_name_to_check_can_be_given),
		T(a_path_stays_beside_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
