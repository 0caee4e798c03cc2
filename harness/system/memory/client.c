/* The client's side of the toy store `memory` (memoryd/server.h), on
 * which the harness tests itself. There is no client library here that could
 * retry: an operation goes once, to the member that the members name as
 * primary, over one connection; reads of replicas over another, to the first
 * member from the client's own number on that is one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "memoryd/net.h"
#include "memoryd/store.h"
#include "system/client_kit.h"
#include "system/memory/wire.h"

struct client {
	const struct access *acc; /* outlives the client */
	uint32_t process;
	struct wire w;      /* to the primary */
	struct wire replica;
};

static struct client *client_new(const struct access *acc, uint32_t process)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->acc = acc;
	c->process = process;
	wire_init(&c->w);
	wire_init(&c->replica);
	return c;
}

static void client_free(struct client *c)
{
	if (c) {
		wire_close(&c->w);
		wire_close(&c->replica);
	}
	free(c);
}

static void request(const struct client *c, const struct op *op, char *line, size_t size)
{
	char expect[24];

	switch (op->f) {
	case OP_INSERT:
		snprintf(line, size, "insert %" PRId64 " %d", op->value, c->acc->payload_bytes);
		break;
	case OP_READ:
		snprintf(line, size, "read %" PRId64, op->key);
		break;
	case OP_READ_REPLICA:
		snprintf(line, size, "look %" PRId64, op->key);
		break;
	case OP_WRITE:
		snprintf(line, size, "write %" PRId64 " %" PRId64, op->key, op->value);
		break;
	case OP_CAS:
		snprintf(expect, sizeof(expect), "%" PRId64, op->expect);
		snprintf(line, size, "cas %" PRId64 " %s %" PRId64, op->key,
			 op->expect == OP_NO_VALUE ? "none" : expect, op->value);
		break;
	case OP_SEND:
		snprintf(line, size, "send %" PRId64 " %" PRId64 " %d", op->key, op->value,
			 c->acc->payload_bytes);
		break;
	case OP_RECEIVE:
		snprintf(line, size, "receive %" PRId64, op->key);
		break;
	}
}

/* What a read or a receive found; false: the line is no such answer. */
static bool understand_found(struct op *op, const char *line)
{
	int redelivered;

	if (op->f == OP_RECEIVE && sscanf(line, "message %" SCNd64 " %" SCNd64 " %d", &op->offset,
					  &op->value, &redelivered) == 3)
		op->redelivered = redelivered;
	else if (op->f == OP_RECEIVE ? !strcmp(line, "empty") : !strcmp(line, "none"))
		op->value = OP_NO_VALUE;
	else
		return op->f != OP_RECEIVE && sscanf(line, "value %" SCNd64, &op->value) == 1;
	return true;
}

/* Reads the answer; false when the connection is of no more use. */
static bool understand(struct op *op, const char *line)
{
	bool finds = call_reads(op);

	if (finds && understand_found(op, line)) {
		op->outcome = OP_OK;
	} else if (!finds && !strncmp(line, "ok ", 3)) {
		op->outcome = OP_OK;
		if (op->f == OP_SEND)
			op->offset = strtoll(line + 3, NULL, 10);
	} else if (op->f == OP_CAS && !strncmp(line, "mismatch ", 9)) {
		call_mismatch(op, "the value was %.40s", line + 9);
	} else if (!strncmp(line, "err ", 4)) {
		op->outcome = OP_FAIL;
		snprintf(op->room->error, sizeof(op->room->error), "refused: %.80s", line + 4);
		return false;
	} else {
		op->outcome = OP_INFO;
		snprintf(op->room->error, sizeof(op->room->error), "protocol: %.80s", line);
		return false;
	}
	return true;
}

/* The fate of what did not come to its answer. */
static void fate(struct wire *w, struct op *op, const struct err *e)
{
	op->sent = w->sent;
	op->outcome = op->sent ? OP_INFO : OP_FAIL;
	mem_copy_str(op->room->error, sizeof(op->room->error), e->msg);
	wire_close(w);
}

/* Tries members in turn until one says that it is a replica. */
static enum wire_result find_replica(struct client *c, int64_t end_ns, struct op *op, struct err *e)
{
	int port = (int)json_i64(c->acc->conf, "port", 0);
	int64_t began = clock_mono_ns();
	enum wire_result r = WIRE_BROKEN;
	const char *line = NULL;
	char addr[64];

	err_set(e, ERR_BROKEN, "no replica: there are no members");
	for (size_t i = 0; i < c->acc->n; i++) {
		if (memory_net_resolve(c->acc->members[(c->process + i) % c->acc->n].host, addr, e))
			continue;
		r = wire_connect(&c->replica, addr, port, end_ns, e);
		if (!r)
			r = wire_send(&c->replica, "look 0", end_ns, e);
		if (!r)
			r = wire_line(&c->replica, &line, end_ns, e);
		if (!r && strncmp(line, "err ", 4))
			break;
		if (!r) {
			err_set(e, ERR_BROKEN, "no replica: %.60s", line + 4);
			r = WIRE_BROKEN;
		}
		wire_close(&c->replica);
		if (r == WIRE_TIMEOUT)
			break;
	}
	op->connect_ns = clock_mono_ns() - began;
	return r;
}

static enum wire_result reach(struct client *c, struct op *op, int64_t end_ns, struct err *e)
{
	if (op->f == OP_READ_REPLICA)
		return c->replica.fd < 0 ? find_replica(c, end_ns, op, e) : WIRE_OK;
	return c->w.fd < 0 ?
	       wire_find_primary(&c->w, c->acc, end_ns, &op->dns_ns, &op->connect_ns, e) : WIRE_OK;
}

/* A message in hand is received, whatever becomes of this. */
static void acknowledge(struct client *c, struct op *op, int64_t end_ns)
{
	const char *line = NULL;
	struct err e = {0};
	char text[128];

	snprintf(text, sizeof(text), "ack %" PRId64 " %" PRId64, op->key, op->offset);
	if (wire_send(&c->w, text, end_ns, &e) || wire_line(&c->w, &line, end_ns, &e)) {
		op->acked = c->w.sent ? OP_ACK_SENT : OP_ACK_NONE;
		wire_close(&c->w);
	} else {
		op->acked = strncmp(line, "ok ", 3) ? OP_ACK_NONE : OP_ACK_DONE;
	}
}

static void invoke(struct client *c, struct op *op, int64_t end_ns)
{
	struct wire *w = op->f == OP_READ_REPLICA ? &c->replica : &c->w;
	const char *line = NULL;
	struct err e = {0};
	char text[128];

	w->sent = false;
	request(c, op, text, sizeof(text));
	if (reach(c, op, end_ns, &e)) {
		w->sent = false;
		fate(w, op, &e);
	} else {
		mem_copy_str(op->room->via, sizeof(op->room->via), w->addr);
		if (wire_send(w, text, end_ns, &e) || wire_line(w, &line, end_ns, &e)) {
			fate(w, op, &e);
		} else {
			op->sent = true;
			if (!understand(op, line))
				wire_close(w);
			else if (op->f == OP_RECEIVE && op->value != OP_NO_VALUE)
				acknowledge(c, op, end_ns);
		}
	}
}

/* A register, a value or a partition needs no making; what setup can do is to see that a
 * primary is there. */
static int setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	int64_t dns_ns, connect_ns;
	struct wire w;
	int r;

	(void)keys;
	wire_init(&w);
	r = wire_find_primary(&w, acc, clock_mono_ns() + deadline_ns, &dns_ns, &connect_ns, e);
	wire_close(&w);
	return r ? -1 : 0;
}

struct probe {
	const struct access *acc;
	struct member m;
	struct wire w;
};

static struct probe *probe_new(const struct access *acc, const struct member *m)
{
	struct probe *p = mem_alloc(sizeof(*p));

	p->acc = acc;
	p->m = *m;
	wire_init(&p->w);
	return p;
}

static void probe_free(struct probe *p)
{
	if (p)
		wire_close(&p->w);
	free(p);
}

/* A member may have been started anew since the last time: then the old
 * connection ends, and another one is opened. A silent one is not. */
static enum wire_result ask(struct probe *p, const char **line, int64_t end_ns, struct err *e)
{
	enum wire_result r;
	char addr[64];

	if (p->w.fd >= 0) {
		r = wire_send(&p->w, "status", end_ns, e);
		if (!r)
			r = wire_line(&p->w, line, end_ns, e);
		if (r != WIRE_BROKEN)
			return r;
	}
	if (memory_net_resolve(p->m.host, addr, e))
		return WIRE_BROKEN;
	r = wire_connect(&p->w, addr, (int)json_i64(p->acc->conf, "port", 0), end_ns, e);
	if (!r)
		r = wire_send(&p->w, "status", end_ns, e);
	return r ? r : wire_line(&p->w, line, end_ns, e);
}

static void read_status(struct sample *s, cJSON *o)
{
	s->ok = true;
	s->role = role_from_name(json_str(o, "role", ""));
	s->writable = json_bool(o, "writable", false);
	s->timeline = json_i64(o, "epoch", -1);
	s->position = json_i64(o, "position", -1);
	s->lag_bytes = json_i64(o, "lag_bytes", -1);
	s->lag_ns = json_i64(o, "lag_ns", -1);
	s->extra = o;
}

static void probe(struct probe *p, struct sample *s, int64_t timeout_ns)
{
	int64_t began = clock_mono_ns();
	const char *line = NULL;
	struct err e = {0};
	cJSON *o = NULL;

	if (ask(p, &line, began + timeout_ns, &e) == WIRE_OK)
		o = json_parse(line, p->m.name, &e);
	s->t_ns = clock_mono_ns();
	s->took_ns = s->t_ns - began;
	if (o) {
		read_status(s, o);
		return;
	}
	mem_copy_str(s->error, sizeof(s->error), e.msg);
	wire_close(&p->w);
}

static void note_final(struct final_read *out, const char *line)
{
	struct final_message x = {0};
	int64_t key, value;

	if (sscanf(line, "m %" SCNd64 " %" SCNd64 " %" SCNd64, &x.partition, &x.offset, &x.value) == 3)
		*VEC_PUSH(out->messages, out->nmessages, out->messages_alloc) = x;
	else if (sscanf(line, "v %" SCNd64, &value) == 1)
		final_read_value(out, value);
	else if (sscanf(line, "r %" SCNd64 " %" SCNd64, &key, &value) == 2)
		final_read_register(out, key, value);
}

/* Who this is and as what, on the connection that told everything. */
static int who_answered(struct wire *w, const struct access *acc, struct final_read *out,
			int64_t end_ns, struct err *e)
{
	const char *line = NULL;
	cJSON *o = NULL;

	if (!wire_send(w, "status", end_ns, e) && !wire_line(w, &line, end_ns, e))
		o = json_parse(line, "the status of memory", e);
	if (!o)
		return -1;
	final_read_answered(out, acc, w->addr, json_str(o, "name", NULL),
			    role_from_name(json_str(o, "role", "")), 0);
	cJSON_Delete(o);
	return 0;
}

static int final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + timeout_ns, dns_ns, connect_ns;
	const char *line = "";
	struct wire w;
	int r;

	final_read_begin(out, keys);
	wire_init(&w);
	r = wire_find_primary(&w, acc, end_ns, &dns_ns, &connect_ns, e) ||
	    wire_send(&w, "dump", end_ns, e) ? -1 : 0;
	while (!r && strcmp(line, "end")) {
		r = wire_line(&w, &line, end_ns, e) ? -1 : 0;
		if (!r && !strncmp(line, "err ", 4))
			r = err_set(e, ERR_BROKEN, "the final read was refused: %s", line + 4);
		if (!r)
			note_final(out, line);
	}
	if (!r)
		r = who_answered(&w, acc, out, end_ns, e);
	out->drained = !r;
	wire_close(&w);
	return r;
}

static int inforce(const struct access *acc, cJSON *out, struct err *e)
{
	int64_t end_ns = clock_mono_ns() + 2 * NS_PER_S, dns_ns, connect_ns;
	const char *line = NULL;
	cJSON *v = NULL;
	struct wire w;

	wire_init(&w);
	if (!wire_find_primary(&w, acc, end_ns, &dns_ns, &connect_ns, e) &&
	    !wire_send(&w, "settings", end_ns, e) && !wire_line(&w, &line, end_ns, e))
		v = json_parse(line, "the settings of memory", e);
	wire_close(&w);
	if (!v)
		return -1;
	while (cJSON_GetArraySize(v))
		json_push(out, cJSON_DetachItemFromArray(v, 0));
	cJSON_Delete(v);
	return 0;
}

const struct client_ops client_memory = {
	.name = "memory",
	.summary = "a toy store of real processes, with bugs to switch on (engine local)",
	.fixture = "memory",
	.ops = OP_BIT(OP_INSERT) | OP_REGISTERS | OP_MESSAGES,
	.keys_max = MEMORY_KEYS_MAX,
	.processes_only = true,
	.setup = setup,
	.client_new = client_new,
	.invoke = invoke,
	.client_free = client_free,
	.probe_new = probe_new,
	.probe = probe,
	.probe_free = probe_free,
	.final_read = final_read,
	.inforce = inforce,
};
