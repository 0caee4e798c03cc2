#include "test/lib/pg_server.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "test/lib/server_port.h"

#define BIN "/usr/lib/postgresql/15/bin/"
#define LIMIT_NS (60 * NS_PER_S)

/* initdb and postgres refuse to run as root. */
static const struct passwd *plain_user(void)
{
	const struct passwd *pw = getpwnam("postgres");

	return pw ? pw : getpwnam("nobody");
}

const char *pg_server_missing(void)
{
	if (!file_exists(BIN "postgres"))
		return "PostgreSQL 15 is not installed";
	if (getuid() == 0 && (!plain_user() || !file_exists("/usr/bin/setpriv")))
		return "root cannot run PostgreSQL, and there is no plain user or no setpriv";
	return NULL;
}

/* argv of the plain user. */
static void as_user(const char *const argv[], const char *out[32], char ids[2][32])
{
	const struct passwd *pw = plain_user();
	size_t n = 0;

	if (getuid() == 0) {
		snprintf(ids[0], 32, "--reuid=%u", pw->pw_uid);
		snprintf(ids[1], 32, "--regid=%u", pw->pw_gid);
		out[n++] = "setpriv";
		out[n++] = ids[0];
		out[n++] = ids[1];
		out[n++] = "--clear-groups";
	}
	for (size_t i = 0; argv[i] && n < 31; i++)
		out[n++] = argv[i];
	out[n] = NULL;
}

static int run(const char *const argv[])
{
	const char *full[32];
	char ids[2][32];
	struct err e = {0};

	as_user(argv, full, ids);
	if (proc_must(full, NULL, LIMIT_NS, NULL, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static PGconn *connect_to(const struct pg_server *s)
{
	char info[160];

	snprintf(info, sizeof(info), "hostaddr=127.0.0.1 port=%d user=postgres password=secret "
		 "dbname=postgres connect_timeout=5 sslmode=disable", s->port);
	return PQconnectdb(info);
}

char *pg_server_sql(const struct pg_server *s, const char *sql)
{
	PGconn *c = connect_to(s);
	PGresult *res = PQexec(c, sql);
	ExecStatusType st = PQresultStatus(res);
	char *out = NULL;

	if (st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK)
		out = mem_strdup(PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	else
		fprintf(stderr, "%s: %s", sql, PQerrorMessage(c));
	PQclear(res);
	PQfinish(c);
	return out;
}

int pg_server_start(struct pg_server *s)
{
	char data[PATH_MAX], port[16], log[PATH_MAX], ids[2][32];
	const char *const argv[] = {BIN "postgres", "-D", data, "-p", port, NULL};
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	struct err e = {0};
	const char *full[32];
	bool up = false;

	snprintf(data, sizeof(data), "%s/data", s->dir);
	snprintf(log, sizeof(log), "%s/log", s->dir);
	snprintf(port, sizeof(port), "%d", s->port);
	as_user(argv, full, ids);
	if (proc_start(full, log, &s->pid, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	while (!up && clock_mono_ns() < end_ns && proc_alive(s->pid)) {
		PGconn *c = connect_to(s);

		up = PQstatus(c) == CONNECTION_OK;
		PQfinish(c);
		if (!up)
			clock_sleep_until(clock_mono_ns() + 20 * NS_PER_MS);
	}
	if (!up)
		server_tell_log("PostgreSQL", log);
	return up ? 0 : -1;
}

static int configure(const struct pg_server *s)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/postgresql.conf", s->dir);
	f = fopen(path, "a");
	if (!f)
		return -1;
	fputs("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
	      "wal_sender_timeout = 2s\nshared_buffers = 16MB\n", f);
	return fclose(f);
}

int pg_server_new(struct pg_server *s, const struct pg_server *primary)
{
	char data[PATH_MAX], pwfile[PATH_MAX], from[160];
	const char *const initdb[] = {BIN "initdb", "-N", "-U", "postgres", "-A", "md5",
				      "--pwfile", pwfile, "-D", data, NULL};
	const char *const backup[] = {BIN "pg_basebackup", "-R", "-c", "fast", "-d", from, "-D",
				      data, NULL};
	const struct passwd *pw;
	struct err e = {0};

	memset(s, 0, sizeof(*s));
	mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-pg-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(data, sizeof(data), "%s/data", s->dir);
	snprintf(pwfile, sizeof(pwfile), "%s/password", s->dir);
	if (file_write_atomic(pwfile, "secret\n", 7, &e))
		return -1;
	if (getuid() == 0) {
		pw = plain_user();
		if (chown(s->dir, pw->pw_uid, pw->pw_gid))
			return -1;
	}
	s->port = server_port();
	if (primary) {
		snprintf(from, sizeof(from), "host=127.0.0.1 port=%d user=postgres password=secret "
			 "application_name=standby", primary->port);
		if (run(backup))
			return -1;
	} else if (run(initdb) || configure(s)) {
		return -1;
	}
	return pg_server_start(s);
}

void pg_server_signal(const struct pg_server *s, int sig)
{
	DIR *d = opendir("/proc");
	struct dirent *ent;

	/* The postmaster first, so that it forks no more. */
	kill(s->pid, sig);
	while (d && (ent = readdir(d))) {
		char path[300], stat[512] = "";
		int parent = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", ent->d_name);
		if (!strspn(ent->d_name, "0123456789") || !(f = fopen(path, "re")))
			continue;
		if (fgets(stat, sizeof(stat), f) && strrchr(stat, ')'))
			sscanf(strrchr(stat, ')'), ") %*c %d", &parent);
		fclose(f);
		if (parent == s->pid)
			kill((int)strtol(ent->d_name, NULL, 10), sig);
	}
	if (d)
		closedir(d);
}

void pg_server_stop(struct pg_server *s)
{
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;

	if (s->pid <= 0)
		return;
	kill(s->pid, SIGINT);
	while (proc_alive(s->pid) && clock_mono_ns() < end_ns)
		clock_sleep_until(clock_mono_ns() + 10 * NS_PER_MS);
	proc_stop(s->pid, NS_PER_S);
	s->pid = 0;
}

void pg_server_free(struct pg_server *s)
{
	struct err e = {0};

	if (s->pid > 0)
		pg_server_signal(s, SIGCONT);
	pg_server_stop(s);
	if (s->dir[0] && file_remove_tree(s->dir, &e))
		fprintf(stderr, "%s\n", e.msg);
}

void pg_server_access(const struct pg_server *s, struct member *m, struct access *acc)
{
	cJSON *c = cJSON_CreateObject();

	mem_copy_str(m->name, sizeof(m->name), "postgres-0");
	mem_copy_str(m->host, sizeof(m->host), "127.0.0.1");
	json_set_str(c, "write_host", "127.0.0.1");
	json_set_i64(c, "port", s->port);
	json_set_str(c, "user", "postgres");
	json_set_str(c, "password", "secret");
	json_set_str(c, "client_user", "ordeal");
	json_set_str(c, "client_password", "o'rdeal");
	json_set_str(c, "client_password_encryption", "md5");
	*acc = (struct access){.members = m, .n = 1, .conf = c};
}
