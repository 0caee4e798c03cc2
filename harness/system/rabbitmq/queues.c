#include "system/rabbitmq/queues.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

void rabbit_queue_name(int64_t key, char out[RABBIT_QUEUE_BYTES])
{
	snprintf(out, RABBIT_QUEUE_BYTES, RABBIT_QUEUE "%" PRId64, key);
}

void rabbit_put_declare(struct rabbit_conn *c, int64_t key, bool quorum)
{
	static const char kind[] = "x-queue-type";
	const char *type = quorum ? "quorum" : "classic";
	char name[RABBIT_QUEUE_BYTES];
	amqp_table_entry_t arg = {
		{sizeof(kind) - 1, (void *)(uintptr_t)kind},
		{AMQP_FIELD_KIND_UTF8, {.bytes = {strlen(type), (void *)(uintptr_t)type}}}};
	amqp_queue_declare_t m = {.durable = 1, .arguments = {1, &arg}};

	rabbit_queue_name(key, name);
	m.queue = (amqp_bytes_t){strlen(name), name};
	rabbit_put(c, AMQP_QUEUE_DECLARE_METHOD, &m);
}

void rabbit_login_from(struct rabbit_login *l, const struct access *acc, const struct member *m)
{
	l->host = m->host;
	l->user = json_str(acc->conf, "user", "guest");
	l->password = json_str(acc->conf, "password", "guest");
	l->vhost = "/";
	l->port = (int)json_i64(acc->conf, "port", 5672);
	l->heartbeat_s = (int)json_i64(acc->conf, "heartbeat", 10);
}

void erl_login_from(struct erl_login *l, const struct access *acc, const struct member *m)
{
	l->host = m->host;
	l->cookie = json_str(acc->conf, "cookie", "");
	l->port = (int)json_i64(acc->conf, "distribution_port", 25672);
}

bool rabbit_is_on(const struct access *acc, const char *key, bool dflt)
{
	return strcmp(json_str(acc->conf, key, dflt ? "on" : "off"), "on") == 0;
}

bool rabbit_quorum(const struct access *acc)
{
	return strcmp(json_str(acc->conf, "queue_type", "quorum"), "quorum") == 0;
}

int64_t rabbit_value(const char *body, size_t len)
{
	char *end;
	long long v;

	if (!len)
		return OP_NO_VALUE;
	v = strtoll(body, &end, 10); /* a NUL stands behind it */
	return end == body ? OP_NO_VALUE : v;
}
