#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/base64.h"
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

/* A certificate of its own, good for a hundred years, its key, and another's. */
#define PEM \
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJiakNDQVJXZ0F3SUJBZ0lVVk5Kcld0ek0wK1hobEx5N1VI" \
	"UmU3NU1wN2d3d0NnWUlLb1pJemowRUF3SXcKRERFS01BZ0dBMVVFQXd3QmREQWdGdzB5TmpFeE16QXhOekU1TXpG" \
	"YUdBOHlNVEkyTVRFd05qRTNNVGt6TVZvdwpEREVLTUFnR0ExVUVBd3dCZERCWk1CTUdCeXFHU000OUFnRUdDQ3FH" \
	"U000OUF3RUhBMElBQk5DQW9pYUJRRUtKCmFYUnpzTXJQZkRJY0FjT0VDRlZtbVhmT2JxRUs0WGVIRnNnZjcyT09K" \
	"eldNMTB4cWNsY3MvTHpBaUFISU9leXEKL2E4UEhSWkJ6QldqVXpCUk1CMEdBMVVkRGdRV0JCVC9VVW5hUnVGOFh6" \
	"bmVKUzVDV3FUQ3ZzTUlrakFmQmdOVgpIU01FR0RBV2dCVC9VVW5hUnVGOFh6bmVKUzVDV3FUQ3ZzTUlrakFQQmdO" \
	"VkhSTUJBZjhFQlRBREFRSC9NQW9HCkNDcUdTTTQ5QkFNQ0EwY0FNRVFDSUIvd2lZK0U5a0NWM2kvWUV0UVVCcDRt" \
	"ZWl0K1NjWkVzdGNhTnFWbXpjVGIKQWlBVW5rRlJTL285a2xLTDJna29pc0ovaEh2bGdkM3dSTkFJUm13YkF2MW9p" \
	"Zz09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
#define KEY \
	"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VBTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEJH" \
	"MHdhd0lCQVFRZ0FtaDBmSXFEQVdldnJiaUIKSm9DVjZsaUtKU3JQYzQ0bEd1ajZMcjluQWRPaFJBTkNBQVRRZ0tJ" \
	"bWdVQkNpV2wwYzdES3ozd3lIQUhEaEFoVgpacGwzem02aEN1RjNoeGJJSCs5amppYzFqTmRNYW5KWExQeTh3SWdC" \
	"eURuc3F2MnZEeDBXUWN3VgotLS0tLUVORCBQUklWQVRFIEtFWS0tLS0tCg=="
#define OTHER \
	"LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tCk1IY0NBUUVFSUpjbStGZWpycjFTVjBTK2NueXJDSmd0NTkw" \
	"dGttRGsyU1VHblNodlhVODhvQW9HQ0NxR1NNNDkKQXdFSG9VUURRZ0FFSDcrU0p3Mk5udXN5ODE3ZlZtd21MQkt5" \
	"Z3JBbXkyRmZvMEJFczZVL2tTVm1aNkttRmZzbgpTbEhGRWJ2bmhCSkVISTVoM1NXMzcwNXg5VHdtSXNGTzlBPT0K" \
	"LS0tLS1FTkQgRUMgUFJJVkFURSBLRVktLS0tLQo="
#define CA "    certificate-authority-data: " PEM "\n"
#define CERT "    client-certificate-data: " PEM "\n    client-key-data: " KEY "\n"

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
	assert_memory_equal(c.ca.s, "-----BEGIN CERTIFICATE-----\n", 28);
	assert_memory_equal(c.cert.s, "-----BEGIN CERTIFICATE-----\n", 28);
	assert_memory_equal(c.key.s, "-----BEGIN PRIVATE KEY-----\n", 28);
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
	struct buf pem = {0};
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	assert_int_equal(base64_decode(PEM, &pem), 0);
	write_file("ca.pem", buf_cstr(&pem));
	write_file("tok", "t");
	assert_int_equal(kubeconfig_read(config("https://h", "    certificate-authority: ca.pem\n",
						"    tokenFile: tok\n"),
					 NULL, false, &c, &e), 0);
	assert_string_equal(buf_cstr(&c.ca), buf_cstr(&pem));
	buf_free(&pem);
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

/* What no TLS could be spoken with is not left to the first request. */
static void certificates(void **state)
{
	(void)state;
	refused(config("https://h", "    certificate-authority-data: Q0E=\n", CERT), NULL,
		"config:8:33: certificate-authority-data holds no certificate in PEM");
	/* A certificate that is cut, and one that is a key. */
	refused(config("https://h", "    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=\n", CERT),
		NULL, "certificate-authority-data holds no certificate in PEM");
	refused(config("https://h", "    certificate-authority-data: " KEY "\n", CERT), NULL, "holds no certificate in PEM");
	write_file("ca.pem", "PEM");
	refused(config("https://h", "    certificate-authority: ca.pem\n", CERT), NULL,
		"config:8:28: certificate-authority holds no certificate in PEM");
	write_file("ca.pem", "");
	refused(config("https://h", "    certificate-authority: ca.pem\n", CERT), NULL, "holds no certificate in PEM");
	refused(config("https://h", CA, "    client-certificate-data: Y2VydA==\n    client-key-data: " KEY "\n"), NULL,
		"client-certificate-data holds no certificate in PEM");
	refused(config("https://h", CA, "    client-certificate-data: " PEM "\n    client-key-data: a2V5\n"), NULL,
		"client-certificate and client-key are no pair");
	refused(config("https://h", CA, "    client-certificate-data: " PEM "\n    client-key-data: " OTHER "\n"), NULL,
		"client-certificate and client-key are no pair");
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
	refused(config("https://h", CA, "    client-certificate-data: " PEM "\n"), NULL, "together");
	refused(config("https://h", CA, "    exec: {command: aws}\n"), NULL, "`exec`");
	refused(config("https://h", CA, "    client-certificate: missing.pem\n"), NULL, "missing.pem");
	refused("/nonexistent/config", NULL, "/nonexistent/config");
	refused(write_file("pod", "apiVersion: v1\nkind: Pod\nclusters: []\n"), NULL, "pod:2:7: this is no kubeconfig: kind is Config there, not Pod");
	refused(write_file("v2", "apiVersion: v2\nkind: Config\n"), NULL, "apiVersion is v1 there, not v2");
}

/* The token goes wherever the name leads. */
static void only_this_machine_without_tls(void **state)
{
	static const char *const elsewhere[] = {
		"http://127.evil.example:80", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example:80",
		"http://127.0.0.1:80@evil.example", "http://localhost:80@evil.example", "http://[::1]:80@evil.example",
		"http://localhost.evil.example", "http://127.1", "http://[::1]evil.example", "http://[::2]:80", "http://",
	};
	static const char *const here[] = {"http://127.0.0.1:80", "http://127.9.0.1", "http://localhost:80", "'http://[::1]:80'"};
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		char quoted[80];

		snprintf(quoted, sizeof(quoted), "'%s'", elsewhere[i]);
		refused(config(quoted, CA, CERT), NULL, "only https, or http on this machine");
	}
	for (size_t i = 0; i < ARRAY_LEN(here); i++) {
		if (kubeconfig_read(config(here[i], CA, CERT), NULL, false, &c, &e))
			fail_msg("%s", e.msg);
		kube_conf_free(&c);
	}
}

/* Whoever logs the refusal would log that, too. */
static void password_in_the_address(void **state)
{
	static const char *const addresses[] = {"https://me:hunter2@h:6443", "http://me:hunter2@h", "https://me:hun/ter2@h"};
	struct kube_conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct err e = {0};
		const char *path = config(addresses[i], CA, CERT);

		assert_int_equal(kubeconfig_read(path, NULL, false, &c, &e), -1);
		assert_non_null(strstr(e.msg, "://@h"));
		if (strstr(e.msg, "ter2"))
			fail_msg("%s", e.msg);
	}
}

/* A FIFO that nobody writes to keeps nobody waiting; a pipe is read. */
static void pipes(void **state)
{
	static const char text[] = "pipe: 1\n";
	char path[PATH_MAX], by_number[40];
	struct buf b = {0};
	struct err e = {0};
	int ends[2];

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20);
	refused(path, NULL, "nothing is written to it");
	assert_int_equal(pipe(ends), 0);
	snprintf(by_number, sizeof(by_number), "/dev/fd/%d", ends[0]);
	assert_int_equal(write(ends[1], text, strlen(text)), (long)strlen(text));
	close(ends[1]);
	assert_int_equal(file_read(by_number, &b, &e), 0);
	alarm(0);
	assert_string_equal(buf_cstr(&b), text);
	buf_free(&b);
	close(ends[0]);
}

#define USERS "users:\n- name: u\n  user: {token: t}\n"
#define CONTEXTS "contexts:\n- {name: a, context: {cluster: here, user: u}}\n"
#define CLUSTERS "clusters:\n- {name: here, cluster: {server: 'https://h'}}\n"

/* Nobody could say which is meant, whether it is the chosen one or not. */
static void duplicates(void **state)
{
	(void)state;
	refused(write_file("config", "current-context: a\n" CLUSTERS
			   "- {name: here, cluster: {server: 'https://other'}}\n" CONTEXTS USERS), NULL,
		"config:4:10: duplicate name \"here\" in clusters (first in line 3)");
	refused(write_file("config", "current-context: a\n" CLUSTERS CONTEXTS
			   "- {name: a, context: {cluster: here}}\n" USERS), NULL, "duplicate name \"a\" in contexts");
	refused(write_file("config", "current-context: a\n" CLUSTERS CONTEXTS USERS
			   "- {name: v, user: {}}\n- {name: v, user: {}}\n"), NULL, "duplicate name \"v\" in users");
	refused(write_file("config", "current-context: a\nclusters: {here: x}\n"), NULL, "clusters must be a list");
}

static struct kube_conf read_good(const char *path)
{
	struct kube_conf c;
	struct err e = {0};

	if (kubeconfig_read(path, NULL, false, &c, &e))
		fail_msg("%s", e.msg);
	return c;
}

/* null and "" are absent, as to kubectl; what is there is not. */
static void nothing_there(void **state)
{
	struct kube_conf c;

	(void)state;
	c = read_good(config("https://h", CA "    proxy-url: \"\"\n    tls-server-name: null\n",
			     "    token: t\n    exec: null\n    username: \"\"\n    password: ~\n    auth-provider:\n"
			     "    as: ''\n    as-groups: []\n    as-uid: null\n"));
	assert_string_equal(c.token, "t");
	assert_null(c.server_name);
	kube_conf_free(&c);
	c = read_good(config("https://h", CA, "    as-user-extra: {}\n    token: t\n"));
	assert_string_equal(c.token, "t");
	kube_conf_free(&c);
	c = read_good(write_file("config", "current-context: a\nclusters: [{name: here, cluster: {server: 'https://h'}}]\n"
				 "contexts: [{name: a, context: {cluster: here, user: u}}]\nusers: [{name: u, user: null}]\n"));
	assert_null(c.token);
	assert_string_equal(c.server, "https://h");
	kube_conf_free(&c);
	refused(write_file("config", "current-context: a\nclusters: [{name: here, cluster: null}]\n"
			   "contexts: [{name: a, context: {cluster: here}}]\n"), NULL, "of clusters has no `cluster`");
	refused(config("https://h", CA, "    exec: {}\n"), NULL, "`exec`");
	refused(config("https://h", CA, "    token: t\n    as-user-extra: {a: [b]}\n"), NULL, "`as-user-extra` without `as`");
	refused(config("https://h", CA, "    token: t\n    as-groups: [a]\n"), NULL, "`as-groups` without `as`");
	refused(config("https://h", CA, "    token: t\n    as-uid: x\n"), NULL, "`as-uid` without `as`");
	refused(config("https://h", CA, "    token: t\n    as: x\n"), NULL, "users with `as`");
	refused(config("https://h", CA, "    token: 20240117\n"), NULL, "token must be a text: put it in quotes");
	refused(config("https://h", "    insecure-skip-tls-verify: \"true\"\n", CERT), NULL, "without quotes");
	refused(config("https://h", "    insecure-skip-tls-verify: yes\n", CERT), NULL, "ORDEAL_INSECURE_TLS=1");
	refused(config("https://h", CA "    insecure-skip-tls-verify: true\n", CERT), NULL, "a contradiction");
	refused(config("https://h", CA "    proxy-url: http://p\n", CERT), NULL, "proxy-url is not supported");
}

static void tokens(void **state)
{
	struct kube_conf c;

	(void)state;
	c = read_good(config("https://h", CA, "    token: |\n      abc\n\n"));
	assert_string_equal(c.token, "abc");
	kube_conf_free(&c);
	c = read_good(config("https://h", CA, "    token: \" abc\\r\\n\"\n"));
	assert_string_equal(c.token, "abc");
	kube_conf_free(&c);
	refused(config("https://h", CA, "    token: \"ab\\ncd\"\n"), NULL, "line breaks inside");
	refused(config("https://h", CA, "    token: \" \\n \"\n"), NULL, "nothing but blanks");
	refused(config("https://h", CA, "    tokenFile: tok\n"), NULL, "/tok: No such file");
	write_file("tok", "t");
	write_file("none", " \n");
	refused(config("https://h", CA, "    tokenFile: none\n"), NULL, "/none holds no token: it is empty");
	write_file("two", "a b");
	refused(config("https://h", CA, "    tokenFile: two\n"), NULL, "blanks or line breaks inside of it");
	refused(config("https://h", CA, "    tokenFile: ../\n"), NULL, "Is a directory");
	refused(config("https://h", CA, "    tokenFile: /dev/zero\n"), NULL, "/dev/zero is larger than");
	/* The file goes before the token. */
	c = read_good(config("https://h", CA, "    token: old\n    tokenFile: tok\n"));
	assert_null(c.token);
	assert_non_null(strstr(c.token_file, "/tok"));
	kube_conf_free(&c);
}

static void servers(void **state)
{
	static const struct {
		const char *written, *read;
	} t[] = {
		{"HTTPS://h:1/", "https://h:1"}, {"h:1", "https://h:1"},
		{"https://h/k8s/clusters/c-m-x/", "https://h/k8s/clusters/c-m-x"}, {"https://[::1]:1", "https://[::1]:1"},
	};
	static const char *const wrong[] = {
		"https://h:99999", "https://h:0", "'https://h:'", "https://h:1a", "https://h:1:2", "https://[::1", "https://:1",
		"\"https://h\\x1b[31m\"", "https://h/?a", "https://h/a b", "\"https://h\\nX:y\"",
	};
	struct kube_conf c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		c = read_good(config(t[i].written, CA, CERT));
		assert_string_equal(c.server, t[i].read);
		kube_conf_free(&c);
	}
	refused(config("h:1", "", CERT), NULL, "only https");
	refused(config("https://", CA, CERT), NULL, "only https");
	refused(config("https://u@h", CA, CERT), NULL, "no address");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		refused(config(wrong[i], CA, CERT), NULL, "no address");
	/* A marker behind the only document, and one that is too many. */
	c = read_good(write_file("config", "# by hand\n---\ncurrent-context: a\n" CLUSTERS CONTEXTS USERS "---\n"));
	kube_conf_free(&c);
	refused(write_file("config", "current-context: a\n---\na: b\n"), NULL, "config:3:1: this is no kubeconfig");
	refused(write_file("config", "---\n"), NULL, "is no kubeconfig");
	c = read_good(write_file("config", "{\n\t\"current-context\": \"a\",\n\t\"clusters\": [{\"name\": \"here\", "
				 "\"cluster\": {\"server\": \"https://h\"}}],\n\t\"contexts\": [{\"name\": \"a\", "
				 "\"context\": {\"cluster\": \"here\"}}]\n}\n"));
	kube_conf_free(&c);
}

/* KUBECONFIG: the first file's names and context count, empty parts and files
 * that are not there do not; file names are beside their own file. */
static void lists(void **state)
{
	char list[3 * PATH_MAX];
	struct kube_conf c;
	struct err e = {0};

	(void)state;
	write_file("one", "clusters:\n- {name: here, cluster: {server: 'https://one'}}\ncurrent-context: ''\n");
	write_file("two", "current-context: b\nclusters:\n- {name: here, cluster: {server: 'https://two'}}\n"
		   "- {name: there, cluster: {server: 'https://there'}}\n" CONTEXTS
		   "- {name: b, context: {cluster: there, user: v}}\n");
	write_file("tok", "t");
	write_file("three", "current-context: a\n" USERS "- {name: v, user: {tokenFile: tok}}\n");
	snprintf(list, sizeof(list), ":%s/one::%s/none:%s/two:%s/three:", dir, dir, dir, dir);
	assert_int_equal(kubeconfig_read_list(list, NULL, false, &c, &e), 0);
	assert_string_equal(c.context, "b");
	assert_string_equal(c.server, "https://there");
	assert_int_equal(strncmp(c.token_file, dir, strlen(dir)), 0);
	kube_conf_free(&c);
	assert_int_equal(kubeconfig_read_list(list, "a", false, &c, &e), 0);
	assert_string_equal(c.server, "https://one");
	assert_string_equal(c.token, "t");
	kube_conf_free(&c);
	assert_int_equal(kubeconfig_read_list("/nonexistent/a:", NULL, false, &c, &e), -1);
	assert_string_equal(e.msg, "KUBECONFIG=/nonexistent/a:: there is no kubeconfig");
	/* One path is one path, whatever is in its name. */
	assert_int_equal(kubeconfig_read(list, NULL, false, &c, &e), -1);
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
		cmocka_unit_test_setup_teardown(certificates, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(insecure_when_stated, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(pipes, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(only_this_machine_without_tls, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(password_in_the_address, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(duplicates, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(nothing_there, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(tokens, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(servers, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(lists, make_dir, drop_dir),
		cmocka_unit_test(in_cluster_needs_a_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
