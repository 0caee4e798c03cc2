/* The way from a pod to the host took two steps: to become admin of the API,
 * by a token that stood in an object, and to bind a folder of the host, by the
 * name of a volume or by a link in one. Neither is there any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/docker/docker.h"
#include "engine/register.h"
#include "kube/client.h"
#include "node/volume_store.h"

struct place {
	char dir[64];
	struct docker d;
	struct serve_conf conf;
	struct serve *serve;
	struct err e;
};

static void begin(struct place *p)
{
	memset(p, 0, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/ordeal-escape.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	store_init(&p->d.store);
	engine_make_tokens(&p->d.kube.base.conf);
	snprintf(p->d.kube.base.namespace, sizeof(p->d.kube.base.namespace), "ns");
	snprintf(p->d.state, sizeof(p->d.state), "%s/state", p->dir);
	snprintf(p->d.api.socket, sizeof(p->d.api.socket), "%s/no-docker.sock", p->dir);
	docker_serve_conf(&p->d, &p->conf, 0);
	if (serve_start(&p->conf, "127.0.0.1", 0, &p->serve, &p->e))
		fail_msg("%s", p->e.msg);
}

static void end(struct place *p)
{
	store_close(&p->d.store);
	serve_stop(p->serve);
	docker_accounts_free(&p->d);
	free(p->d.pods);
	store_free(&p->d.store);
	assert_int_equal(file_remove_tree(p->dir, &p->e), 0);
}

static int ask(struct place *p, const char *token, const char *method, const char *path,
	       const char *body, cJSON **out)
{
	struct kube_conf c = {.server = mem_fmt("http://127.0.0.1:%d", serve_port(p->serve)), .token = mem_strdup(token)};
	struct kube_request q = {.method = method, .path = path, .type = KUBE_JSON, .body = body};
	struct kube_client *k;
	struct buf b = {0};
	int status = 0;

	if (kube_client_new(&c, NULL, &k, &p->e) || kube_http(k, &q, &b, &status, &p->e))
		fail_msg("%s", p->e.msg);
	if (out)
		*out = cJSON_Parse(buf_cstr(&b));
	buf_free(&b);
	kube_client_free(k);
	kube_conf_free(&c);
	return status;
}

static void put(struct store *s, const char *kind, const char *text)
{
	store_put(s, store_kind(kind)->id, cJSON_Parse(text));
}

/* Every text in an object, tried as a token. */
static void try_all(struct place *p, const cJSON *o)
{
	const cJSON *v;

	if (cJSON_IsString(o) && o->valuestring[0] && !strpbrk(o->valuestring, "\r\n"))
		assert_int_equal(ask(p, o->valuestring, "GET", "/api/v1/secrets", NULL, NULL), 401);
	cJSON_ArrayForEach(v, o)
		try_all(p, v);
}

static void end_pod(struct docker *d, const char *name)
{
	struct docker_pod *p;

	store_lock(&d->store);
	p = docker_pod_find(d, "ns", name);
	docker_pod_delete(d, "ns", name, 0);
	while (!p->over)
		store_wait(&d->store, clock_mono_ns() + NS_PER_S);
	d->npods = 0;
	store_unlock(&d->store);
	pthread_join(p->thread, NULL);
	docker_pod_free(p);
}

/* All that the system's own role lets it read, Secrets too. */
static void tokens(void **state)
{
	static const char *const lists[] = {"pods", "secrets", "configmaps", "events", "serviceaccounts", "endpoints"};
	const struct engine_conf *conf;
	struct err e = {0};
	char token[65], url[100];
	struct place p;
	cJSON *list;

	(void)state;
	begin(&p);
	conf = &p.d.kube.base.conf;
	store_lock(&p.d.store);
	put(&p.d.store, "ServiceAccount", "{\"metadata\":{\"name\":\"sys\",\"namespace\":\"ns\"}}");
	put(&p.d.store, "Role", "{\"metadata\":{\"name\":\"sys\",\"namespace\":\"ns\"},\"rules\":[{\"apiGroups\":[\"\"],"
				"\"resources\":[\"*\"],\"verbs\":[\"get\",\"list\",\"watch\"]}]}");
	put(&p.d.store, "RoleBinding", "{\"metadata\":{\"name\":\"sys\",\"namespace\":\"ns\"},\"roleRef\":{\"kind\":\"Role\","
				       "\"name\":\"sys\"},\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"sys\"}]}");
	mem_copy_str(token, sizeof(token), docker_account_token(&p.d, "ns", "sys"));
	store_unlock(&p.d.store);
	/* No Docker answers: its object is there all the same. */
	assert_int_equal(docker_load_up(&p.d, clock_mono_ns() + NS_PER_S / 2, &e), -1);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		snprintf(url, sizeof(url), "/api/v1/namespaces/ns/%s", lists[i]);
		assert_int_equal(ask(&p, token, "GET", url, NULL, &list), 200);
		if (i == 0)
			assert_int_equal(cJSON_GetArraySize(json_get(list, "items")), 1);
		try_all(&p, list);
		cJSON_Delete(list);
	}
	/* What agents carry is no way in here, and what opens one kind opens no other. */
	assert_int_equal(ask(&p, conf->token, "GET", "/api/v1/secrets", NULL, NULL), 401);
	assert_int_equal(ask(&p, conf->load_token, "GET", "/api/v1/secrets", NULL, NULL), 401);
	assert_string_not_equal(engine_agent_token(conf, "load"), engine_agent_token(conf, "node/n"));
	assert_string_equal(engine_agent_token(conf, "load/minority"), engine_agent_token(conf, "load"));
	assert_string_equal(engine_agent_token(conf, "host"), engine_agent_token(conf, "node/n"));
	/* An account that is gone has no rights, nor a token. */
	store_lock(&p.d.store);
	store_delete(&p.d.store, KIND_SERVICE_ACCOUNT, "ns", "sys");
	store_unlock(&p.d.store);
	assert_int_equal(ask(&p, token, "GET", "/api/v1/namespaces/ns/pods", NULL, NULL), 401);
	end_pod(&p.d, KUBE_LOAD_POD);
	end(&p);
}

/* A pod of which only the folders are there. */
static struct docker_pod pod_in(struct place *p, cJSON *object)
{
	return (struct docker_pod){.d = &p->d, .object = object, .name = "w-0", .ns = "ns", .uid = "u-1",
				   .node = docker_node_names[1]};
}

static void expect_volume(struct place *p, const char *volume, bool good)
{
	cJSON *v = cJSON_Parse(volume), *object = cJSON_Parse("{\"spec\":{}}");
	struct docker_pod pod = pod_in(p, object);
	char path[PATH_MAX], real[PATH_MAX], below[PATH_MAX + 40];
	bool ro;

	if (docker_volume_path(&pod, v, path, &ro, &p->e)) {
		assert_false(good);
	} else {
		assert_non_null(realpath(path, real));
		snprintf(below, sizeof(below), "%s/pods/u-1/volumes/", p->d.state);
		if (strncmp(real, below, strlen(below)) || !good)
			fail_msg("%s gives %s", volume, real);
	}
	cJSON_Delete(object);
	cJSON_Delete(v);
}

static void names_of_volumes(void **state)
{
	struct place p;
	cJSON *m = cJSON_Parse("{\"metadata\":{\"name\":\"m\",\"namespace\":\"ns\"},\"data\":{\"k\":\"v\"}}");

	(void)state;
	begin(&p);
	store_lock(&p.d.store);
	store_put(&p.d.store, KIND_CONFIG_MAP, m);
	store_unlock(&p.d.store);
	expect_volume(&p, "{\"name\":\"scratch\",\"emptyDir\":{}}", true);
	expect_volume(&p, "{\"name\":\"../../..\",\"emptyDir\":{}}", false);
	expect_volume(&p, "{\"name\":\"../../../..\",\"emptyDir\":{}}", false);
	expect_volume(&p, "{\"name\":\"..\",\"emptyDir\":{}}", false);
	expect_volume(&p, "{\"name\":\"a/b\",\"emptyDir\":{}}", false);
	expect_volume(&p, "{\"name\":\"\",\"emptyDir\":{}}", false);
	expect_volume(&p, "{\"name\":\"m\",\"configMap\":{\"name\":\"m\"}}", true);
	expect_volume(&p, "{\"name\":\"n\",\"configMap\":{\"name\":\"m\",\"items\":[{\"key\":\"k\",\"path\":\"../../k\"}]}}", false);
	end(&p);
}

/* Keystores and the like hold any bytes. */
static void bytes_of_files(void **state)
{
	cJSON *v = cJSON_Parse("{\"name\":\"s\",\"secret\":{\"secretName\":\"s\"}}"), *object = cJSON_Parse("{\"spec\":{}}");
	cJSON *w = cJSON_Parse("{\"name\":\"m\",\"configMap\":{\"name\":\"m\",\"items\":[{\"key\":\"b\",\"path\":\"c\"}]}}");
	char path[PATH_MAX], file[PATH_MAX + 40];
	struct docker_pod pod;
	struct buf b = {0};
	struct place p;
	bool ro;

	(void)state;
	begin(&p);
	pod = pod_in(&p, object);
	store_lock(&p.d.store);
	put(&p.d.store, "Secret", "{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\"},\"data\":{\"k\":\"YQBi\",\"e\":\"\"}}");
	put(&p.d.store, "ConfigMap", "{\"metadata\":{\"name\":\"m\",\"namespace\":\"ns\"},\"binaryData\":{\"b\":\"AAE=\"}}");
	store_unlock(&p.d.store);
	if (docker_volume_path(&pod, v, path, &ro, &p.e))
		fail_msg("%s", p.e.msg);
	snprintf(file, sizeof(file), "%s/k", path);
	assert_int_equal(file_read(file, &b, &p.e), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.s, "a\0b", 3);
	snprintf(file, sizeof(file), "%s/e", path);
	buf_reset(&b);
	assert_int_equal(file_read(file, &b, &p.e), 0);
	assert_int_equal(b.len, 0);
	if (docker_volume_path(&pod, w, path, &ro, &p.e))
		fail_msg("%s", p.e.msg);
	snprintf(file, sizeof(file), "%s/c", path);
	buf_reset(&b);
	assert_int_equal(file_read(file, &b, &p.e), 0);
	assert_int_equal(b.len, 2);
	assert_memory_equal(b.s, "\0\1", 2);
	buf_free(&b);
	cJSON_Delete(object);
	cJSON_Delete(v);
	cJSON_Delete(w);
	end(&p);
}

static void write_to(const char *path, const char *text)
{
	struct err e = {0};

	assert_int_equal(file_write_atomic(path, text, strlen(text), &e), 0);
}

/* What is at `name` below the mount, which is undone; "" when it was refused. */
static void read_subpath(struct place *p, const char *volume, const char *below, const char *name,
			 char out[40])
{
	cJSON *object = cJSON_Parse("{\"spec\":{}}");
	struct docker_pod pod = pod_in(p, object);
	char path[PATH_MAX], file[PATH_MAX + 40];
	struct buf b = {0};

	out[0] = '\0';
	mem_copy_str(path, sizeof(path), volume);
	if (!docker_subpath(&pod, below, "c-0", path, &p->e)) {
		snprintf(file, sizeof(file), "%s%s%s", path, *name ? "/" : "", name);
		if (file_read(file, &b, &p->e))
			fail_msg("%s", p->e.msg);
		snprintf(out, 40, "%.39s", buf_cstr(&b));
		assert_null(strstr(path, volume)); /* a place of ours */
	}
	assert_int_equal(docker_subpaths_end(&pod, &p->e), 0);
	buf_free(&b);
	cJSON_Delete(object);
}

static void links_in_volumes(void **state)
{
	static const char *const bad[] = {"to-host", "up", "up/host", "inside/../../host", "deep/up", "loop", "magic"};
	char volume[100], host[100], path[200], out[40];
	struct place p;

	(void)state;
	if (geteuid())
		skip(); /* mounts */
	begin(&p);
	snprintf(volume, sizeof(volume), "%s/volume", p.dir);
	snprintf(host, sizeof(host), "%s/host", p.dir);
	assert_int_equal(mkdir(volume, 0777), 0);
	assert_int_equal(mkdir(host, 0777), 0);
	snprintf(path, sizeof(path), "%s/file", host);
	write_to(path, "of the host");
	snprintf(path, sizeof(path), "%s/inside", volume);
	assert_int_equal(mkdir(path, 0777), 0);
	snprintf(path, sizeof(path), "%s/inside/file", volume);
	write_to(path, "of the volume");
	snprintf(path, sizeof(path), "%s/to-host", volume);
	assert_int_equal(symlink(host, path), 0);
	snprintf(path, sizeof(path), "%s/up", volume);
	assert_int_equal(symlink("..", path), 0);
	snprintf(path, sizeof(path), "%s/loop", volume);
	assert_int_equal(symlink("loop", path), 0);
	snprintf(path, sizeof(path), "%s/magic", volume);
	assert_int_equal(symlink("/proc/self/root", path), 0);
	snprintf(path, sizeof(path), "%s/deep", volume);
	assert_int_equal(mkdir(path, 0777), 0);
	snprintf(path, sizeof(path), "%s/deep/up", volume);
	assert_int_equal(symlink("../../host", path), 0);
	snprintf(path, sizeof(path), "%s/link", volume);
	assert_int_equal(symlink("inside", path), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		read_subpath(&p, volume, bad[i], "file", out);
		if (*out)
			fail_msg("%s leads to: %s", bad[i], out);
	}
	/* As a kubelet: a link that stays inside is followed, and a file is as good. */
	read_subpath(&p, volume, "inside", "file", out);
	assert_string_equal(out, "of the volume");
	read_subpath(&p, volume, "link", "file", out);
	assert_string_equal(out, "of the volume");
	read_subpath(&p, volume, "inside/file", "", out);
	assert_string_equal(out, "of the volume");
	end(&p);
}

/* What is missing is made, inside, and with the volume's own mode. */
static void missing_folders(void **state)
{
	char dir[] = "/tmp/ordeal-beneath.XXXXXX", path[100];
	struct err e = {0};
	struct stat st;
	int root, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root = beneath_root(dir, &e);
	fd = beneath_open(root, "a/b//c", 0777, &e);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
	close(fd);
	snprintf(path, sizeof(path), "%s/a/out", dir);
	assert_int_equal(symlink("../..", path), 0);
	assert_int_equal(beneath_open(root, "a/out/made", 0777, &e), -1);
	assert_int_equal(beneath_open(root, "a/out", 0777, &e), -1);
	/* A file is written beside a link of its name, not through it. */
	snprintf(path, sizeof(path), "%s/a/f", dir);
	assert_int_equal(symlink("/tmp/ordeal-must-not-be", path), 0);
	assert_int_equal(beneath_write(root, "a/f", "x", 1, 0600, (gid_t)-1, &e), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access("/tmp/ordeal-must-not-be", F_OK), -1);
	assert_int_equal(beneath_write(root, "a/out/f", "x", 1, 0600, (gid_t)-1, &e), -1);
	close(root);
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

/* A volume whose name is as long as a file's may be is listed, so it is removed. */
static void long_volumes(void **state)
{
	struct volume_store s = {.root = ""};
	char dir[] = "/tmp/ordeal-volumes.XXXXXX", name[VOLUME_NAME_MAX + 2], path[400];
	struct err e = {0};
	cJSON *all;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(s.dir, sizeof(s.dir), "%s", dir);
	memset(name, 'v', sizeof(name));
	name[VOLUME_NAME_MAX + 1] = '\0';
	assert_int_equal(volume_make(&s, name, 1 << 20, NULL, &e), -1); /* refused, not cut */
	for (size_t len = VOLUME_NAME_MAX - 8; len <= VOLUME_NAME_MAX; len++) {
		name[len] = '\0';
		snprintf(path, sizeof(path), "%s/%s.json", dir, name);
		write_to(path, "{}");
		assert_int_equal(volume_list(&s, &all, &e), 0);
		assert_int_equal(cJSON_GetArraySize(all), 1);
		assert_string_equal(json_str(cJSON_GetArrayItem(all, 0), "name", ""), name);
		cJSON_Delete(all);
		assert_int_equal(volume_remove(&s, name, &e), 0);
		name[len] = 'v';
	}
	assert_int_equal(rmdir(dir), 0);
}

#define SERVICE(NAME, IP) "apiVersion: v1\nkind: Service\nmetadata: {name: " NAME "}\n" \
			  "spec: {clusterIP: " IP ", ports: [{port: 1}]}\n"

static int admit_text(const char *text, struct err *e)
{
	struct arena a = {0};
	struct manifest m = {0};
	char dir[] = "/tmp/ordeal-escape.XXXXXX", path[60];
	struct err unused = {0};
	int r;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/m.yaml", dir);
	assert_int_equal(file_write_atomic(path, text, strlen(text), e), 0);
	if (manifest_read_dir(&a, dir, &m, e))
		fail_msg("%s", e->msg);
	r = docker_check(&a, &m, e);
	arena_free(&a);
	assert_int_equal(file_remove_tree(dir, &unused), 0);
	return r;
}

static void addresses_of_services(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(admit_text(SERVICE("a", "10.240.0.2"), &e), -1);
	assert_non_null(strstr(e.msg, "the provided IP (10.240.0.2) is not in the valid range. The range of valid IPs is "
				      "10.240.96.0/20"));
	e = (struct err){0};
	assert_int_equal(admit_text(SERVICE("a", "10.240.96.9") "---\n" SERVICE("b", "10.240.96.9"), &e), -1);
	assert_non_null(strstr(e.msg, "m.yaml:9:19: "));
	assert_non_null(strstr(e.msg, "failed to allocate IP 10.240.96.9: provided IP is already allocated"));
	e = (struct err){0};
	assert_int_equal(admit_text(SERVICE("a", "None") "---\n" SERVICE("b", "None"), &e), 0);
}

/* What is registered may be somebody else's by now. */
static void links_to_folders(void **state)
{
	char dir[] = "/tmp/ordeal-escape.XXXXXX", victim[60];
	struct register_list all = {0};
	struct err e = {0};
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < 3; i++)
		snprintf(*VEC_PUSH(all.v, all.n, all.alloc), PATH_MAX, "%s/%zu", dir, i);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	assert_int_equal(mkdir(victim, 0755) || symlink(victim, all.v[0]) || mkdir(all.v[1], 0700),
			 0);
	assert_int_equal(docker_own_folders(&all, &e), -1);
	assert_non_null(strstr(e.msg, "/0: "));
	/* One that is not there any more is dropped by who looks into it. */
	assert_int_equal(all.n, 2);
	assert_int_equal(all.v[0][strlen(all.v[0]) - 1], '1');
	assert_int_equal(all.v[1][strlen(all.v[1]) - 1], '2');
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	free(all.v);
	assert_int_equal(file_remove_tree(dir, &e), 0);
}

/* Nothing that is shipped is refused. */
static void shipped(void **state)
{
	static const char *const dirs[] = {"postgres/documented", "postgres/corrected", "postgres/overlays/etcd",
					   "redis-sentinel/documented", "redis-sentinel/corrected",
					   "redis-cluster/documented", "redis-cluster/corrected"};
	char root[PATH_MAX], path[PATH_MAX + 60];
	struct err e = {0}, earlier;

	(void)state;
	assert_int_equal(file_project_root(root, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		struct arena a = {0};
		struct manifest m = {0};

		snprintf(path, sizeof(path), "%s/fixtures/%s", root, dirs[i]);
		/* What is published may be what no API server takes: that is on trial. */
		if (manifest_read_dir(&a, path, &m, &e) ||
		    (docker_check(&a, &m, &e) && e.kind != ERR_REFUSED))
			fail_msg("%s", e.msg);
		/* One error after the other is told through the same place. */
		err_set(&earlier, ERR_BROKEN, "of an earlier scenario");
		if (strstr(dirs[i], "corrected") && docker_check(&a, &m, &earlier))
			fail_msg("%s", earlier.msg);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),	    cmocka_unit_test(names_of_volumes),
		cmocka_unit_test(bytes_of_files),   cmocka_unit_test(links_in_volumes),
		cmocka_unit_test(missing_folders),  cmocka_unit_test(long_volumes),
		cmocka_unit_test(shipped),	    cmocka_unit_test(addresses_of_services),
		cmocka_unit_test(links_to_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
