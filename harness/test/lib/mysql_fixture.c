#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/proc.h"
#include "test/lib/mysql_fixture.h"
#include "test/lib/mysql_manifests.h"
#include "yaml/yaml.h"

#define SOON_NS_OF(x) (clock_mono_ns() + (x) * NS_PER_S)
#define MINUTE 100 /* of a machine that has much else to do */

/* Debian's own, which has the modules; the first on PATH may be another. */
#define PYTHON "/usr/bin/python3"

enum { ENV_MAX = 24 };

static const char *missing(void)
{
	static const char *const python[] = {PYTHON, "-c", "import pymysql, cryptography", NULL};
	struct err e = {0};

	if (geteuid())
		return "a network of one's own takes root";
	if (mysql_server_missing())
		return mysql_server_missing();
	return proc_must(python, NULL, 20 * NS_PER_S, NULL, &e) ? "the scripts want python3-pymysql and python3-cryptography" : NULL;
}

/* ---- what is in the manifests ---- */

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (file_write_atomic(path, text, strlen(text), &e) || chmod(path, 0755))
		fail_msg("%s: %s", path, e.msg);
}

/* A text of a ConfigMap as a file; from, to: what is another here, NULL ends it. */
static void unpack(const struct mysql_fixture *f, struct ynode *map, const char *key,
		   const char *const change[][2])
{
	char *text = mem_strdup(yaml_get(yaml_get(map, "data"), key)->text);

	if (f->group)
		text = edited(f->root, text, key);
	for (; change && change[0][0]; change++)
		text = replaced(text, change[0][0], change[0][1]);
	write_file(f->dir, key, text);
	free(text);
}

static void unpack_all(const struct mysql_fixture *f)
{
	char account[160];
	const char *const common[][2] = {{"/var/run/secrets/kubernetes.io/serviceaccount/", account}, {NULL}};
	static const char *const member[][2] = {{"Server(\"127.0.0.1\"", "Server(os.environ[\"POD_IP\"]"},
						{"((\"\", 8008)", "((os.environ[\"POD_IP\"], 8008)"}, {NULL}};
	static const char *const accounts[][2] = {{"/var/run/mysqld/mysqld.sock", "$SOCKET"}, {NULL}};
	static const char *const allow[][2] = {{"192.168.0.0/16", "192.168.0.0/16,127.0.0.0/8"}, {NULL}};
	/* A group's own port is taken at all addresses, and these members share a network. */
	static const char *const group[][2] = {{"m + \".mysql:33061\"", "m + \".mysql:3307\" + m[-1]"},
					       {"WHO + \".mysql:33061\"", "WHO + \".mysql:3307\" + WHO[-1]"},
					       {"r[\"host\"] + \":33061\"", "r[\"host\"] + \":3307\" + r[\"host\"][6]"}, {NULL}};
	struct arena a = {0};
	struct ynode *scripts = object(&a, f->root, "corrected/scripts.yaml", "ConfigMap", "mysql-scripts");

	snprintf(account, sizeof(account), "%s/account-\" + WHO.rsplit(\"-\", 1)[0] + \"/", f->dir);
	unpack(f, scripts, "run.sh", NULL);
	unpack(f, scripts, "accounts.sh", accounts);
	unpack(f, scripts, "common.py", common);
	unpack(f, scripts, "member.py", member);
	unpack(f, scripts, "agent.py", NULL);
	unpack(f, object(&a, f->root, "overlays/runbook/failover.yaml", "ConfigMap", "mysql-failover"), "controller.py", NULL);
	unpack(f, object(&a, f->root, "overlays/group-replication/group.yaml", "ConfigMap", "mysql-group"), "group.py", group);
	unpack(f, object(&a, f->root, "corrected/config.yaml", "ConfigMap", "mysql-config"), "my.cnf", f->group ? allow : NULL);
	arena_free(&a);
}

/* What the pods of this account may do, by the fixture, and where they find the API. */
static void let_in(struct mysql_fixture *f, const char *file, const char *account)
{
	struct arena a = {0};
	cJSON *rules = yaml_to_json(yaml_get(object(&a, f->root, file, "Role", account), "rules"));
	char *text = cJSON_PrintUnformatted(rules), dir[100], token[64];
	struct err e = {0};

	give(&f->api, account, text);
	snprintf(dir, sizeof(dir), "%s/account-%s", f->dir, account);
	snprintf(token, sizeof(token), "t-%s", account);
	if (file_mkdirs(dir, &e))
		fail_msg("%s", e.msg);
	write_file(dir, "token", token);
	write_file(dir, "ca.crt", buf_cstr(&f->cert.ca));
	free(text);
	cJSON_Delete(rules);
	arena_free(&a);
}

/* ---- the pods ---- */

/* In a network of its own, where members have the addresses and the port that they have in the
 * manifests, and names. 0, or -errno. */
static int own_network(const struct mysql_fixture *f)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	char path[100];
	int fd, failed;

	write_file(f->dir, "hosts", "127.0.0.1 localhost\n127.0.0.2 mysql-0.mysql\n127.0.0.3 mysql-1.mysql\n127.0.0.4 mysql-2.mysql\n");
	snprintf(path, sizeof(path), "%s/hosts", f->dir);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("/", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(path, "/etc/hosts", NULL, MS_BIND, NULL))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	failed = ioctl(fd, SIOCSIFFLAGS, &lo) ? -errno : 0;
	/* A group's members want addresses that an interface has. */
	for (unsigned i = 0; i < MYSQL_MEMBERS && !failed; i++) {
		struct sockaddr_in at = {.sin_family = AF_INET};
		struct ifreq one = {0};

		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i);
		snprintf(one.ifr_name, sizeof(one.ifr_name), "lo:%u", i + 1);
		memcpy(&one.ifr_addr, &at, sizeof(at));
		failed = ioctl(fd, SIOCSIFADDR, &one) ? -errno : 0;
	}
	close(fd);
	return failed;
}

static void serve_api(struct mysql_fixture *f)
{
	struct err e = {0};

	if (certificate_make("127.0.0.1", &f->cert, &e))
		fail_msg("%s", e.msg);
	begin_with(&f->api, 0, NULL);
	let_in(f, "corrected/access-control.yaml", "mysql");
	let_in(f, "overlays/runbook/failover.yaml", "mysql-failover");
	serve_stop(f->api.serve);
	f->api.conf.cert = buf_cstr(&f->cert.cert);
	f->api.conf.key = buf_cstr(&f->cert.key);
	if (serve_start(&f->api.conf, "127.0.0.1", 0, &f->api.serve, &e))
		fail_msg("%s", e.msg);
	for (int i = 0; i < MYSQL_MEMBERS; i++) {
		char *pod = mem_fmt("{\"metadata\":{\"name\":\"mysql-%d\",\"namespace\":\"ns\",\"labels\":{\"app\":\"mysql\"}},"
				    "\"status\":{\"podIP\":\"%s\"}}", i, f->s[i].ip);

		store_lock(&f->api.store);
		store_put(&f->api.store, KIND_POD, cJSON_Parse(pod));
		store_unlock(&f->api.store);
		free(pod);
	}
}

/* Its label `role`; "" none. */
static const char *role(struct mysql_fixture *f, int i, char out[32])
{
	char name[16];

	snprintf(name, sizeof(name), "mysql-%d", i);
	store_lock(&f->api.store);
	mem_copy_str(out, 32, json_str(json_path(store_get(&f->api.store, KIND_POD, "ns", name), "metadata.labels"), "role", ""));
	store_unlock(&f->api.store);
	return out;
}

/* With what its containers are given. */
static void start(struct mysql_fixture *f, const char *const argv[], const char *who,
		  const char *ip, const char *log, pid_t *pid)
{
	char own[8][PATH_MAX + 300], path[100];
	const char *env[ENV_MAX] = {"POD_NAMESPACE=ns", "REPL_USER=repl", "REPL_PASSWORD=repl-pass",
				    "OPERATOR_PASSWORD=operator-pass", "SEMI_SYNC=on", "ERRANT=clone",
				    "REPLICA_DELAY=0", "DETECTOR=3", "FENCE=3", "APPLY=20", "KUBERNETES_SERVICE_HOST=127.0.0.1"};
	struct err e = {0};
	size_t n = 11, k = 0;

	snprintf(own[k++], sizeof(own[0]), "FAILOVER=%s", f->group ? "group-replication" : "runbook");
	snprintf(own[k++], sizeof(own[0]), "POD_NAME=%s", who);
	snprintf(own[k++], sizeof(own[0]), "POD_IP=%s", ip);
	snprintf(own[k++], sizeof(own[0]), "KUBERNETES_SERVICE_PORT=%d", serve_port(f->api.serve));
	snprintf(own[k++], sizeof(own[0]), "PATH=%s:%s/build/mysql/bin:%s", f->dir, f->root, getenv("PATH"));
	snprintf(own[k++], sizeof(own[0]), "PYTHONPATH=%s", getenv("PYTHONPATH") ? getenv("PYTHONPATH") : "");
	for (size_t i = 0; i < k; i++)
		env[n++] = own[i];
	snprintf(path, sizeof(path), "%s/%s", f->dir, log);
	if (proc_start_env(argv, env, path, pid, &e))
		fail_msg("%s", e.msg);
}

void mysql_fixture_start_server(struct mysql_fixture *f, int i)
{
	char script[100], who[16], log[32];
	const char *const argv[] = {"bash", script, NULL};

	snprintf(script, sizeof(script), "%s/run.sh", f->dir);
	snprintf(who, sizeof(who), "mysql-%d", i);
	snprintf(log, sizeof(log), "server-%d.log", i);
	start(f, argv, who, f->s[i].ip, log, &f->run[i]);
}

static void start_script(struct mysql_fixture *f, const char *script, const char *who,
			 const char *ip, const char *log, pid_t *pid)
{
	char path[160];
	const char *const argv[] = {PYTHON, path, NULL};

	snprintf(path, sizeof(path), "%s/%s", f->dir, script);
	start(f, argv, who, ip, log, pid);
}

void mysql_fixture_kill_server(struct mysql_fixture *f, int i)
{
	char path[PATH_MAX];
	pid_t server;

	snprintf(path, sizeof(path), "%s/pid", f->s[i].dir);
	server = proc_read_pid(path);
	proc_stop(f->run[i], 0);
	f->run[i] = 0;
	if (server > 0)
		kill(server, SIGKILL);
}

void mysql_fixture_run(struct mysql_fixture *f, int i, const char *name, const char *text)
{
	int64_t end_ns = SOON_NS_OF(MINUTE);
	char script[64], who[16];
	pid_t pid;

	snprintf(script, sizeof(script), "%s.py", name);
	snprintf(who, sizeof(who), "mysql-%d", i);
	write_file(f->dir, script, text);
	start_script(f, script, who, f->s[i].ip, name, &pid);
	while (proc_alive(pid) && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
	proc_stop(pid, 0);
}

/* ---- three members ---- */

static void make_entrypoint(const struct mysql_fixture *f)
{
	char *text = mem_fmt("#!/bin/bash\nshift\ni=${POD_NAME##*-}\ndir=$(cat %s/data-$i)\n"
			     "exec %s/build/mysql/bin/mysqld --defaults-file=%s/my.cnf --user=root --datadir=\"$dir/data\" --socket=\"$dir/s\" "
			     "--pid-file=\"$dir/pid\" --bind-address=\"$POD_IP\" --port=3306 --skip-name-resolve --innodb-buffer-pool-size=32M "
			     "--innodb-redo-log-capacity=16M --table-open-cache=200 --max-connections=200 \"$@\"\n", f->dir, f->root, f->dir);

	write_file(f->dir, "docker-entrypoint.sh", text);
	free(text);
	for (int i = 0; i < MYSQL_MEMBERS; i++) {
		char name[24];

		snprintf(name, sizeof(name), "data-%d", i);
		write_file(f->dir, name, f->s[i].dir);
	}
}

/* The first one's data, with the fixture's accounts as a first start makes them, is copied to
 * the others. */
static void make_servers(struct mysql_fixture *f)
{
	static const char *const before[] = {"ALTER USER root@localhost IDENTIFIED BY 'root-pass'",
					     "DROP USER ordeal, probe, repl", "SET GLOBAL partial_revokes = ON"};
	char script[100], socket[PATH_MAX], path[PATH_MAX + 200];
	const char *const accounts[] = {"env", socket, path, "MYSQL_ROOT_PASSWORD=root-pass", "REPL_USER=repl", "REPL_PASSWORD=repl-pass",
					"OPERATOR_PASSWORD=operator-pass", "CLIENT_PASSWORD=client-pass", "PROBE_PASSWORD=probe-pass",
					"BACKUP_PASSWORD=backup-pass", "RESTORE_PASSWORD=restore-pass", "bash", script, NULL};
	struct err e = {0};

	assert_int_equal(mysql_server_new(&f->s[0], 2, 3306, NULL, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		char *told = mysql_server_sql(&f->s[0], true, before[i]);

		assert_non_null(told);
		free(told);
	}
	snprintf(script, sizeof(script), "%s/accounts.sh", f->dir);
	snprintf(socket, sizeof(socket), "SOCKET=%s/s", f->s[0].dir);
	snprintf(path, sizeof(path), "PATH=%s/build/mysql/bin:%s", f->root, getenv("PATH"));
	if (proc_must(accounts, NULL, MINUTE * NS_PER_S, NULL, &e))
		fail_msg("%s", e.msg);
	mysql_server_stop(&f->s[0]);
	for (int i = 1; i < MYSQL_MEMBERS; i++) {
		struct mysql_server *s = &f->s[i];
		char to[PATH_MAX], from[PATH_MAX];
		const char *const copy[] = {"cp", "-a", from, to, NULL};

		*s = (struct mysql_server){.id = 2 + (unsigned)i, .port = 3306};
		snprintf(s->ip, sizeof(s->ip), "127.0.0.%u", s->id);
		mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-mysql-XXXXXX");
		assert_non_null(mkdtemp(s->dir));
		snprintf(from, sizeof(from), "%s/data", f->s[0].dir);
		snprintf(to, sizeof(to), "%s/data", s->dir);
		if (proc_must(copy, NULL, MINUTE * NS_PER_S, NULL, &e))
			fail_msg("%s", e.msg);
		snprintf(to, sizeof(to), "%s/data/auto.cnf", s->dir); /* its server_uuid */
		assert_int_equal(unlink(to), 0);
	}
}

int mysql_fixture_end(void **state)
{
	struct mysql_fixture *f = *state;
	struct err e = {0};

	if (!f)
		return 0;
	proc_stop(f->controller, 0);
	for (int i = 0; i < MYSQL_MEMBERS; i++) {
		if (f->agent[i] > 0)
			kill(f->agent[i], SIGCONT);
		proc_stop(f->agent[i], 0);
		if (*f->s[i].dir)
			mysql_fixture_kill_server(f, i);
		mysql_server_free(&f->s[i]);
	}
	if (f->api.serve) {
		store_close(&f->api.store);
		serve_stop(f->api.serve);
		store_free(&f->api.store);
		certificate_free(&f->cert);
	}
	file_remove_tree(f->dir, &e);
	free(f);
	*state = NULL;
	return 0;
}

static int begin_fixture(void **state, bool group)
{
	struct mysql_fixture *f;
	struct err e = {0};
	int failed;

	if (missing())
		return 0;
	f = mem_alloc(sizeof(*f));
	f->group = group;
	mem_copy_str(f->dir, sizeof(f->dir), "/tmp/ordeal-runbook-XXXXXX");
	if (!mkdtemp(f->dir) || file_project_root(f->root, &e))
		return -1;
	failed = own_network(f);
	if (failed) {
		print_message("# no network of its own: %s\n", strerror(-failed));
		file_remove_tree(f->dir, &e);
		free(f);
		return 0;
	}
	*state = f;
	unpack_all(f);
	make_servers(f);
	make_entrypoint(f);
	serve_api(f);
	for (int i = 0; i < MYSQL_MEMBERS; i++) {
		char who[24], log[24];

		mysql_fixture_start_server(f, i);
		snprintf(who, sizeof(who), "mysql-%d", i);
		snprintf(log, sizeof(log), "agent-%d", i);
		start_script(f, "agent.py", who, f->s[i].ip, log, &f->agent[i]);
	}
	if (!group)
		start_script(f, "controller.py", "mysql-failover-a", "127.0.0.1", "controller", &f->controller);
	return 0;
}

int mysql_fixture_begin(void **state)
{
	return begin_fixture(state, false);
}

int mysql_fixture_begin_group(void **state)
{
	return begin_fixture(state, true);
}

/* ---- looking ---- */

struct mysql_fixture *mysql_fixture_need(void **state)
{
	if (!*state) {
		print_message("# skipped: %s\n", missing() ? missing() : "no network of its own");
		skip();
	}
	return *state;
}

static void show(const struct mysql_fixture *f, const char *log)
{
	char path[100];
	struct buf b = {0};
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/%s", f->dir, log);
	if (!file_read(path, &b, &e))
		print_message("# %s ends: %s\n", log, b.len > 1500 ? buf_cstr(&b) + b.len - 1500 : buf_cstr(&b));
	buf_free(&b);
}

void mysql_fixture_until_role(struct mysql_fixture *f, int i, const char *want)
{
	/* A server that may not join the group yet gives up after a minute, and tries again. */
	int64_t end_ns = SOON_NS_OF(3 * MINUTE);
	char is[32], log[24];

	while (strcmp(role(f, i, is), want) && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
	if (!strcmp(role(f, i, is), want))
		return;
	snprintf(log, sizeof(log), "agent-%d", i);
	show(f, log);
	snprintf(log, sizeof(log), "server-%d.log", i);
	show(f, log);
	if (f->controller)
		show(f, "controller");
	fail_msg("mysql-%d never became %s, but \"%s\"", i, want, is);
}

void mysql_fixture_sql(const struct mysql_fixture *f, int i, const char *text)
{
	char *v = mysql_server_sql(&f->s[i], false, text);

	if (!v)
		fail_msg("mysql-%d: %s", i, text);
	free(v);
}

void mysql_fixture_told(const struct mysql_fixture *f, const char *log, const char *const events[],
			size_t n, const char *words)
{
	char path[100], *at, word[64];
	struct buf b = {0};
	struct err e = {0};

	snprintf(path, sizeof(path), "%s/%s", f->dir, log);
	assert_int_equal(file_read(path, &b, &e), 0);
	at = b.s;
	for (size_t i = 0; i < n; i++) {
		snprintf(word, sizeof(word), "\"event\": \"%s\"", events[i]);
		at = strstr(at, word);
		if (!at)
			fail_msg("%s does not tell of %s after %s: %s", log, events[i], i ? events[i - 1] : "its start", buf_cstr(&b));
	}
	if (!memmem(at, strcspn(at, "\n"), words, strlen(words)))
		fail_msg("%.*s: no %s", (int)strcspn(at, "\n"), at, words);
	buf_free(&b);
}
