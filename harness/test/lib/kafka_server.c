#include "test/lib/kafka_server.h"

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
#include "system/kafka/conn.h"
#include "test/lib/server_port.h"

#define LIMIT_NS (120 * NS_PER_S)

static bool program(const char *name, char out[PATH_MAX])
{
	char root[PATH_MAX - 64];
	struct err e = {0};

	if (file_project_root(root, &e))
		return false;
	snprintf(out, PATH_MAX, "%s/build/kafka/bin/%s", root, name);
	return file_exists(out);
}

const char *kafka_server_missing(void)
{
	static const char *const java[] = {"java", "-version", NULL};
	struct proc_result r = {0};
	char path[PATH_MAX];
	struct err e = {0};
	bool runs;

	if (!program("kafka-server-start.sh", path))
		return "there is no build/kafka (make build/kafka)";
	runs = !proc_run(java, NULL, LIMIT_NS, &r, &e) && !r.exit_code;
	proc_result_free(&r);
	return runs ? NULL : "there is no java";
}

static bool answers(const struct kafka_server *s)
{
	struct member m;
	struct access acc;
	struct kafka_metadata *md = mem_alloc(sizeof(*md));
	char why[OP_ERROR_MAX];
	bool yes;

	kafka_server_access(s, &m, &acc);
	yes = kafka_any_metadata(&acc, 0, clock_mono_ns() + 5 * NS_PER_S, md, why, sizeof(why)) &&
	      md->nbrokers == 1;
	cJSON_Delete(acc.conf);
	free(md);
	return yes;
}

int kafka_server_start(struct kafka_server *s)
{
	char path[PATH_MAX], conf[PATH_MAX], log[PATH_MAX], version[64];
	const char *const argv[] = {"env", version, "KAFKA_HEAP_OPTS=-Xmx192m -XX:TieredStopAtLevel=1", path, conf, NULL};
	int64_t end_ns = clock_mono_ns() + LIMIT_NS;
	struct err e = {0};
	bool up = false;

	if (!program("kafka-server-start.sh", path))
		return -1;
	snprintf(version, sizeof(version), "KAFKA_VERSION=%s", s->version);
	snprintf(conf, sizeof(conf), "%s/server.properties", s->dir);
	snprintf(log, sizeof(log), "%s/log", s->dir);
	if (proc_start(argv, log, &s->pid, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	while (!up && clock_mono_ns() < end_ns && proc_alive(s->pid)) {
		clock_sleep_until(clock_mono_ns() + 50 * NS_PER_MS);
		up = answers(s);
	}
	if (!up)
		server_tell_log("Kafka", log);
	return up ? 0 : -1;
}

static int format(const struct kafka_server *s)
{
	char path[PATH_MAX], conf[PATH_MAX], version[64];
	const char *const argv[] = {"env", version, path, "format", "-t", "b3JkZWFsLW9yZGVhbC1vcg", "-c", conf, NULL};
	struct err e = {0};

	snprintf(version, sizeof(version), "KAFKA_VERSION=%s", s->version);
	snprintf(conf, sizeof(conf), "%s/server.properties", s->dir);
	if (program("kafka-storage.sh", path) && !proc_must(argv, NULL, LIMIT_NS, NULL, &e))
		return 0;
	fprintf(stderr, "%s\n", e.msg);
	return -1;
}

int kafka_server_new(struct kafka_server *s, const char *version)
{
	struct buf b = {0};
	char path[PATH_MAX];
	struct err e = {0};
	int r;

	memset(s, 0, sizeof(*s));
	s->version = version;
	s->port = server_port();
	s->controller_port = server_port();
	mem_copy_str(s->dir, sizeof(s->dir), "/tmp/ordeal-kafka-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	buf_fmt(&b, "process.roles=broker,controller\nnode.id=7\ncontroller.quorum.voters=7@127.0.0.1:%d\n"
		"listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n"
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
		"controller.listener.names=CONTROLLER\nlog.dirs=%s/logs\nmin.insync.replicas=1\n"
		"offsets.topic.num.partitions=1\noffsets.topic.replication.factor=1\n"
		"auto.create.topics.enable=false\nnum.recovery.threads.per.data.dir=1\n",
		s->controller_port, s->port, s->controller_port, s->dir);
	snprintf(path, sizeof(path), "%s/server.properties", s->dir);
	r = file_write_atomic(path, b.s, b.len, &e) || format(s) || kafka_server_start(s) ? -1 : 0;
	buf_free(&b);
	return r;
}

void kafka_server_signal(const struct kafka_server *s, int sig)
{
	server_signal(s->pid, sig);
}

void kafka_server_kill(struct kafka_server *s)
{
	if (s->pid > 0)
		proc_stop(s->pid, 0);
	s->pid = 0;
}

void kafka_server_free(struct kafka_server *s)
{
	struct err e = {0};

	kafka_server_kill(s);
	if (s->dir[0] && file_remove_tree(s->dir, &e))
		fprintf(stderr, "%s\n", e.msg);
}

void kafka_server_access(const struct kafka_server *s, struct member *m, struct access *acc)
{
	cJSON *c = cJSON_CreateObject();

	memset(m, 0, sizeof(*m));
	mem_copy_str(m->name, sizeof(m->name), "kafka-0");
	mem_copy_str(m->host, sizeof(m->host), "127.0.0.1");
	json_set_i64(c, "port", s->port);
	json_set_i64(c, "controller_port", s->controller_port);
	*acc = (struct access){.members = m, .n = 1, .payload_bytes = 20, .conf = c};
}
