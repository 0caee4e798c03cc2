#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/config.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	mem_copy_str(dir, sizeof(dir), "/tmp/ordeal-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	struct err e = {0};

	(void)state;
	return file_remove_tree(dir, &e);
}

static const char *write_file(const char *name, const char *text)
{
	static char path[PATH_MAX];
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
	return path;
}

/* One context each: a (certificate), b (token), c (broken in `user`). */
static const char *config(const char *server, const char *cluster_more, const char *user)
{
	static char text[4096];

	snprintf(text, sizeof(text),
		 "apiVersion: v1\nkind: Config\ncurrent-context: a\n"
		 "clusters:\n- name: here\n  cluster:\n    server: %s\n%s"
		 "contexts:\n- name: a\n  context: {cluster: here, user: u, namespace: prod}\n"
		 "- name: b\n  context: {cluster: here, user: t}\n"
		 "- name: lost\n  context: {cluster: nowhere, user: t}\n"
		 "users:\n- name: t\n  user: {token: s3cret}\n- name: u\n  user:\n%s",
		 server, cluster_more, user);
	return write_file("config", text);
}

#define CA "    certificate-authority-data: Q0E=\n"
#define CERT "    client-certificate-data: Y2VydA==\n    client-key-data: a2V5\n"

static void certificate_and_context(void **state)
{
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	assert_int_equal(kubeconfig_read(config("https://127.0.0.1:6443/", CA, CERT), NULL, false, &c,
					 &e), 0);
	assert_string_equal(c.server, "https://127.0.0.1:6443");
	assert_string_equal(c.context, "a");
	assert_string_equal(c.namespace, "prod");
	assert_string_equal(buf_cstr(&c.ca), "CA");
	assert_string_equal(buf_cstr(&c.cert), "cert");
	assert_string_equal(buf_cstr(&c.key), "key");
	assert_null(c.token);
	kube_conf_free(&c);
}

static void token_by_context(void **state)
{
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	assert_int_equal(kubeconfig_read(config("https://h", CA, CERT), "b", false, &c, &e), 0);
	assert_string_equal(c.token, "s3cret");
	assert_int_equal(c.cert.len, 0);
	kube_conf_free(&c);
}

static void files_beside_it(void **state)
{
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	write_file("ca.pem", "PEM");
	assert_int_equal(kubeconfig_read(config("https://h", "    certificate-authority: ca.pem\n",
						"    tokenFile: tok\n"),
					 NULL, false, &c, &e), 0);
	assert_string_equal(buf_cstr(&c.ca), "PEM");
	assert_non_null(strstr(c.token_file, "/tok"));
	assert_int_equal(strncmp(c.token_file, dir, strlen(dir)), 0);
	kube_conf_free(&c);
}

static void refused(const char *path, const char *context, const char *because)
{
	struct kube_conf c;
	struct err e = {0};

	assert_int_equal(kubeconfig_read(path, context, false, &c, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	if (!strstr(e.msg, because))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, because);
}

static void refusals(void **state)
{
	(void)state;
	refused(config("https://h", CA, CERT), "nope", "no context \"nope\"");
	refused(config("https://h", CA, CERT), "lost", "\"nowhere\"");
	refused(config("http://example.org", CA, CERT), NULL, "only https");
	refused(config("https://h", "    insecure-skip-tls-verify: true\n", CERT), NULL,
		"ORDEAL_INSECURE_TLS=1");
	refused(config("https://h", "    certificate-authority-data: '@@'\n", CERT), NULL, "no base64");
	refused(config("https://h", CA, "    client-certificate-data: Y2VydA==\n"), NULL, "together");
	refused(config("https://h", CA, "    exec: {command: aws}\n"), NULL, "`exec`");
	refused(config("https://h", CA, "    client-certificate: missing.pem\n"), NULL, "missing.pem");
	refused("/nonexistent/config", NULL, "/nonexistent/config");
}

static void insecure_when_stated(void **state)
{
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	assert_int_equal(kubeconfig_read(config("https://h", "    insecure-skip-tls-verify: true\n", CERT),
					 NULL, true, &c, &e), 0);
	assert_true(c.insecure);
	kube_conf_free(&c);
}

static void in_cluster_needs_a_pod(void **state)
{
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_int_equal(kubeconfig_in_cluster(&c, &e), -1);
	assert_non_null(strstr(e.msg, "no pod"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(certificate_and_context, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(token_by_context, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(files_beside_it, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(refusals, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(insecure_when_stated, make_dir, drop_dir),
		cmocka_unit_test(in_cluster_needs_a_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
