/* Before and after the load: queues are made, all that is left is read, settings are told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "system/client_kit.h"
#include "system/rabbitmq/queues.h"

/* In hand unacknowledged, by consumer: 65,535 is the most that basic.qos can say, and without a
 * limit a quorum queue gives some thousands only. */
enum { ANSWER_MS = 2000, QUIET_MS = 300, EACH_TAKES = 5000,
       MANY = 20 /* queues: the quiet of each adds up */ };

/* ---- questions to one member ---- */

static int ask(const struct access *acc, const struct member *m, const char *expr, int64_t until_ns,
	       struct buf *out, struct err *e)
{
	char why[OP_ERROR_MAX] = "";
	struct erl_login l;
	struct erl *c;
	bool usable, ok;

	erl_login_from(&l, acc, m);
	c = erl_open(&l, until_ns, why, sizeof(why));
	ok = c && erl_eval(c, expr, until_ns, out, &usable, why, sizeof(why));
	erl_drop(c);
	return ok ? 0 : err_set(e, ERR_BROKEN, "RabbitMQ on %s: %s", m->name, why);
}

/* A sample of each member; the one that leads the first queue, NULL. */
static const struct member *find_leader(const struct access *acc, int64_t timeout_ns,
					struct sample *of)
{
	for (size_t i = 0; i < acc->n; i++) {
		struct probe *p = rabbit_probe_new(acc, &acc->members[i]);

		sample_begin(of, &acc->members[i]);
		rabbit_probe(p, of, timeout_ns);
		rabbit_probe_free(p);
		cJSON_Delete(of->extra);
		of->extra = NULL;
		if (sample_leads(of))
			return &acc->members[i];
	}
	return NULL;
}

/* ---- setup ---- */

/* A queue that is declared before all have joined has fewer members for ever. */
static int all_joined(const struct access *acc, int64_t until_ns, struct err *e)
{
	static const char nodes[] = "integer_to_binary(case rabbit_boot_state:get() of ready -> 1 + length(nodes()); _ -> 0 end).";
	struct buf b = {0};
	int r = 0;

	for (size_t i = 0; !r && i < acc->n; i++) {
		buf_reset(&b);
		r = ask(acc, &acc->members[i], nodes, until_ns, &b, e);
		if (!r && strtol(buf_cstr(&b), NULL, 10) != (long)acc->n)
			r = err_set(e, ERR_BROKEN, "RabbitMQ on %s sees %s running nodes of %zu", acc->members[i].name,
				    buf_cstr(&b), acc->n);
	}
	buf_free(&b);
	return r;
}

/* Mirrors on all nodes, where this version still has them; one that comes back empty gets
 * what the others have: by hand, as the default is, it would stay without for as long as
 * nobody consumes. */
static int mirror(const struct access *acc, int64_t until_ns, struct err *e)
{
	static const char policy[] =
		"case erlang:function_exported(rabbit_mirror_queue_misc, is_mirrored, 1) of false -> <<\"none\">>; true -> "
		"ok = rabbit_policy:set(<<\"/\">>, <<\"ordeal\">>, <<\"^ordeal\">>, [{<<\"ha-mode\">>, <<\"all\">>}, "
		"{<<\"ha-sync-mode\">>, <<\"automatic\">>}], 0, <<\"queues\">>, <<\"ordeal\">>), <<\"ok\">> end.";
	struct buf b = {0};
	int r = ask(acc, &acc->members[0], policy, until_ns, &b, e);

	buf_free(&b);
	return r;
}

static int must(struct rabbit_conn *c, amqp_method_number_t answer, int64_t until_ns,
		struct rabbit_event *ev, struct err *e)
{
	char why[OP_ERROR_MAX];

	return rabbit_call(c, answer, until_ns, ev, NULL, NULL, why, sizeof(why)) == RABBIT_OK ? 0 :
	       err_set(e, ERR_BROKEN, "RabbitMQ at %s: %s", rabbit_address(c), why);
}

/* Whether it is there, of this type, with nothing in it and nobody at it: made by a setup before
 * this one, which ran out of time. */
static int is_made(struct rabbit_conn *c, const char *there, const char *name, bool *made,
		   int64_t until_ns, struct err *e)
{
	amqp_queue_declare_t passive = {.queue = {strlen(name), (void *)(uintptr_t)name},
					.passive = 1};
	const amqp_queue_declare_ok_t *told;
	char listed[RABBIT_QUEUE_BYTES + 2];
	struct rabbit_event ev;

	snprintf(listed, sizeof(listed), ";%s;", name);
	*made = false;
	if (!strstr(there, listed))
		return 0;
	rabbit_put(c, AMQP_QUEUE_DECLARE_METHOD, &passive);
	if (must(c, AMQP_QUEUE_DECLARE_OK_METHOD, until_ns, &ev, e))
		return -1;
	told = ev.method;
	*made = !told->message_count && !told->consumer_count;
	return 0;
}

static int make_queue(struct rabbit_conn *c, int64_t key, bool quorum, const char *there,
		      int64_t until_ns, struct err *e)
{
	char name[RABBIT_QUEUE_BYTES];
	amqp_queue_delete_t del = {.queue = {.bytes = name}};
	struct rabbit_event ev;
	bool made;

	rabbit_queue_name(key, name);
	del.queue.len = strlen(name);
	if (is_made(c, there, name, &made, until_ns, e) || made)
		return made ? 0 : -1;
	rabbit_put(c, AMQP_QUEUE_DELETE_METHOD, &del);
	rabbit_put_declare(c, key, quorum);
	return must(c, AMQP_QUEUE_DECLARE_OK_METHOD, until_ns, &ev, e);
}

/* ";ordeal.0;ordeal.1;": those of this type. */
static int made_before(const struct access *acc, bool quorum, int64_t until_ns, struct buf *out,
		       struct err *e)
{
	static const char list[] =
		"iolist_to_binary([<<\";\">>, [[element(4, amqqueue:get_name(Q)), <<\";\">>] || "
		"Q <- rabbit_amqqueue:list(<<\"/\">>), amqqueue:get_type(Q) =:= %s]]).";
	char *expr = mem_fmt(list, quorum ? "rabbit_quorum_queue" : "rabbit_classic_queue");
	int r = ask(acc, &acc->members[0], expr, until_ns, out, e);

	free(expr);
	return r;
}

static struct rabbit_conn *connect_to(const struct access *acc, const struct member *m,
				      int64_t until_ns, struct err *e)
{
	char why[OP_ERROR_MAX];
	struct rabbit_login l;
	struct rabbit_conn *c;

	rabbit_login_from(&l, acc, m);
	c = rabbit_open(&l, until_ns, NULL, why, sizeof(why));
	if (!c)
		err_set(e, ERR_BROKEN, "no connection to RabbitMQ on %s: %s", m->name, why);
	return c;
}

int rabbit_setup(const struct access *acc, int keys, int64_t deadline_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + deadline_ns;
	bool quorum = rabbit_quorum(acc);
	struct buf there = {0};
	struct rabbit_conn *c;
	int r;

	if (all_joined(acc, until_ns, e) || (!quorum && rabbit_is_on(acc, "mirrored", true) && mirror(acc, until_ns, e)))
		return -1;
	r = made_before(acc, quorum, until_ns, &there, e);
	c = r ? NULL : connect_to(acc, &acc->members[0], until_ns, e);
	r = c ? 0 : -1;
	for (int k = 0; k < keys && !r; k++)
		r = make_queue(c, k, quorum, buf_cstr(&there), until_ns, e);
	rabbit_drop(c);
	buf_free(&there);
	return r;
}

/* ---- the final read ---- */

struct left {
	const struct access *acc;
	const struct member *leader;
	struct final_read *out;
	int64_t key, quiet_ns; /* how long nothing has to come before the queue itself is asked */
	size_t n;
	uint32_t consumers; /* of ours; one more once those before have their hands full */
};

static void keep(void *arg, const struct rabbit_event *ev)
{
	const amqp_basic_deliver_t *d = ev->method;
	struct left *l = arg;

	if (ev->id != AMQP_BASIC_DELIVER_METHOD)
		return;
	*VEC_PUSH(l->out->messages, l->out->nmessages, l->out->messages_alloc) =
		(struct final_message){rabbit_value(ev->body, ev->len), l->key, OP_NO_VALUE,
				       d->redelivered};
	l->n++;
}

static bool hands_full(const struct left *l)
{
	return l->n >= (size_t)l->consumers * EACH_TAKES;
}

/* Takes what is delivered until nothing has been for a while. */
static int take_all(struct rabbit_conn *c, struct left *l, int64_t until_ns, struct err *e)
{
	char why[OP_ERROR_MAX];
	struct rabbit_event ev;
	enum rabbit_end end;
	int64_t now = clock_mono_ns();

	while ((end = rabbit_next(c, now + l->quiet_ns, &ev, why, sizeof(why))) == RABBIT_OK) {
		keep(l, &ev);
		now = clock_mono_ns();
		if (now > until_ns)
			return err_set(e, ERR_BROKEN, "queue %" PRId64 " has no end", l->key);
		if (hands_full(l))
			return 0;
	}
	return end == RABBIT_TIMEOUT ? 0 : err_set(e, ERR_BROKEN, "the final read: %s", why);
}

/* How many messages of a quorum queue are in anybody's hands, as its leader has it; -1: not
 * known. Consumers of a node that died are counted on when it is back, by 4.0 without end, and
 * have nothing in hand any more (rabbit_fifo returns it with the connection). */
static int64_t in_hands(const struct left *l, int64_t until_ns)
{
	static const char count[] =
		"(fun() -> {ok, Q} = rabbit_amqqueue:lookup({resource, <<\"/\">>, queue, <<\"" RABBIT_QUEUE "%" PRId64 "\">>}), "
		"{ok, {_, N}, _} = ra:leader_query(amqqueue:get_pid(Q), fun rabbit_fifo:query_messages_checked_out/1, 1000), "
		"integer_to_binary(N) end)().";
	int64_t now = clock_mono_ns(), soon = now + ANSWER_MS * NS_PER_MS, n = -1;
	struct buf b = {0};
	struct err e = {0};
	char *expr, *end;

	if (!rabbit_quorum(l->acc))
		return -1;
	expr = mem_fmt(count, l->key);
	if (!ask(l->acc, l->leader, expr, soon < until_ns ? soon : until_ns, &b, &e) && b.len) {
		n = strtoll(buf_cstr(&b), &end, 10);
		n = *end ? -1 : n;
	}
	free(expr);
	buf_free(&b);
	return n;
}

/* Nobody else has any of it, and the queue itself says that it has nothing more to give:
 * declare's count alone is 0 as well when the leader does not answer in time. */
static int is_empty(struct rabbit_conn *c, struct left *l, amqp_bytes_t queue, bool *empty,
		    int64_t until_ns, struct err *e)
{
	amqp_queue_declare_t passive = {.queue = queue, .passive = 1};
	amqp_basic_get_t get = {.queue = queue, .no_ack = 0};
	const amqp_queue_declare_ok_t *told;
	char why[OP_ERROR_MAX];
	struct rabbit_event ev;
	enum rabbit_end end;
	size_t before = l->n;

	rabbit_put(c, AMQP_QUEUE_DECLARE_METHOD, &passive);
	while ((end = rabbit_next(c, until_ns, &ev, why, sizeof(why))) == RABBIT_OK &&
	       ev.id != AMQP_QUEUE_DECLARE_OK_METHOD)
		keep(l, &ev);
	told = ev.method;
	*empty = end == RABBIT_OK && !told->message_count &&
		 (told->consumer_count == l->consumers || in_hands(l, until_ns) == (int64_t)l->n);
	if (end == RABBIT_OK && *empty) {
		rabbit_put(c, AMQP_BASIC_GET_METHOD, &get);
		while ((end = rabbit_next(c, until_ns, &ev, why, sizeof(why))) == RABBIT_OK &&
		       ev.id != AMQP_BASIC_GET_EMPTY_METHOD && ev.id != AMQP_BASIC_GET_OK_METHOD)
			keep(l, &ev);
	}
	if (end == RABBIT_OK && ev.id == AMQP_BASIC_GET_OK_METHOD) {
		const amqp_basic_get_ok_t *g = ev.method;

		*VEC_PUSH(l->out->messages, l->out->nmessages, l->out->messages_alloc) =
			(struct final_message){rabbit_value(ev.body, ev.len), l->key, OP_NO_VALUE,
					       g->redelivered};
		l->n++;
	}
	*empty = *empty && l->n == before;
	return end == RABBIT_OK ? 0 : err_set(e, ERR_BROKEN, "the final read: %s", why);
}

/* Until nothing is in hand elsewhere, as it is when the queue has no consumer: a reader that is
 * dropped before that would itself be counted for as long as the others. */
static int await_alone(struct rabbit_conn *c, const struct left *l, amqp_bytes_t queue,
		       int64_t until_ns, struct err *e)
{
	amqp_queue_declare_t passive = {.queue = queue, .passive = 1};
	struct rabbit_event ev;
	uint32_t others;

	for (;;) {
		rabbit_put(c, AMQP_QUEUE_DECLARE_METHOD, &passive);
		if (must(c, AMQP_QUEUE_DECLARE_OK_METHOD, until_ns, &ev, e))
			return -1;
		others = ((const amqp_queue_declare_ok_t *)ev.method)->consumer_count;
		if (!others || !in_hands(l, until_ns))
			return 0;
		if (clock_mono_ns() + QUIET_MS * NS_PER_MS > until_ns)
			return err_set(e, ERR_BROKEN, "%" PRIu32 " others still consume from %.*s", others,
				       (int)queue.len, (const char *)queue.bytes);
		clock_sleep_until(clock_mono_ns() + QUIET_MS * NS_PER_MS);
	}
}

static int consume(struct rabbit_conn *c, struct left *l, amqp_bytes_t queue, int64_t until_ns,
		   struct err *e)
{
	amqp_basic_qos_t qos = {.prefetch_count = EACH_TAKES};
	amqp_basic_consume_t m = {.queue = queue};
	char tag[48], why[OP_ERROR_MAX];
	struct rabbit_event ev;

	m.consumer_tag = (amqp_bytes_t){(size_t)snprintf(tag, sizeof(tag), "final-%" PRId64 "-%" PRIu32, l->key,
						      l->consumers++), tag};
	rabbit_put(c, AMQP_BASIC_QOS_METHOD, &qos);
	rabbit_put(c, AMQP_BASIC_CONSUME_METHOD, &m);
	/* A server may deliver before it says that it does. */
	return rabbit_call(c, AMQP_BASIC_CONSUME_OK_METHOD, until_ns, &ev, keep, l, why,
			   sizeof(why)) == RABBIT_OK ?
		       0 :
		       err_set(e, ERR_BROKEN, "RabbitMQ at %s: %s", rabbit_address(c), why);
}

/* All of one queue, in its order; it stays there, for nothing is acknowledged. */
static int read_queue(struct rabbit_conn *c, const struct access *acc, const struct member *leader,
		      int64_t key, int keys, struct final_read *out, int64_t until_ns,
		      struct err *e)
{
	char name[RABBIT_QUEUE_BYTES];
	struct left l = {.acc = acc,
			 .leader = leader,
			 .out = out,
			 .key = key,
			 .quiet_ns = (keys > MANY ? QUIET_MS / 6 : QUIET_MS) * NS_PER_MS};
	amqp_bytes_t queue = {.bytes = name};
	int twice = 0, r;

	rabbit_queue_name(key, name);
	queue.len = strlen(name);
	r = await_alone(c, &l, queue, until_ns, e);
	while (!r && twice < 2) {
		bool empty = false;

		if (hands_full(&l))
			r = consume(c, &l, queue, until_ns, e);
		if (!r)
			r = take_all(c, &l, until_ns, e);
		if (!r && !hands_full(&l))
			r = is_empty(c, &l, queue, &empty, until_ns, e);
		twice = empty ? twice + 1 : 0;
		if (!r && clock_mono_ns() > until_ns)
			r = err_set(e, ERR_BROKEN, "others still consume from %s, or its leader does not answer", name);
	}
	return r;
}

int rabbit_final_read(const struct access *acc, int keys, struct final_read *out,
		      int64_t timeout_ns, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + timeout_ns;
	struct sample s;
	const struct member *m = find_leader(acc, ANSWER_MS * NS_PER_MS, &s);
	struct rabbit_conn *c;
	int r;

	final_read_begin(out, keys);
	if (!m)
		return err_set(e, ERR_BROKEN, "no member leads the queue " RABBIT_QUEUE "0");
	c = connect_to(acc, m, until_ns, e);
	r = c ? 0 : -1;
	for (int k = 0; k < keys && !r; k++)
		r = read_queue(c, acc, m, k, keys, out, until_ns, e);
	if (!r) {
		m = find_leader(acc, ANSWER_MS * NS_PER_MS, &s);
		final_read_answered(out, acc, rabbit_address(c), m ? m->host : NULL,
				    m ? ROLE_PRIMARY : ROLE_UNKNOWN, 0);
	}
	out->drained = !r;
	rabbit_drop(c);
	return r;
}

/* ---- settings ---- */

/* As the running broker has them; {name, value, unit, source} for each. */
static const char settings[] =
	"(fun() -> "
	"E = fun(App, K, D) -> case application:get_env(App, K) of {ok, V} -> V; _ -> D end end, "
	"Disk = case E(rabbit, disk_free_limit, 50000000) of N when is_integer(N) -> N; "
	"  _ -> try rabbit_disk_monitor:get_disk_free_limit() catch _:_ -> -1 end end, "
	"Part = case E(rabbit, cluster_partition_handling, ignore) of P when is_atom(P) -> P; P -> element(1, P) end, "
	"Mirr = try {ok, M} = rabbit_amqqueue:lookup({resource, <<\"/\">>, queue, <<\"" RABBIT_QUEUE "0\">>}), "
	"  case erlang:function_exported(rabbit_mirror_queue_misc, is_mirrored, 1) andalso rabbit_mirror_queue_misc:is_mirrored(M) of true -> on; _ -> off end "
	"  catch _:_ -> unknown end, "
	"Sync = try {ok, Q} = rabbit_amqqueue:lookup({resource, <<\"/\">>, queue, <<\"" RABBIT_QUEUE "0\">>}), "
	"  case amqqueue:get_type(Q) of rabbit_quorum_queue -> quorum; rabbit_classic_queue -> classic; O -> O end "
	"  catch _:_ -> unknown end, "
	"iolist_to_binary(io_lib:format(\"~s|~s|~s|~s|~b|~b|~b|~b\", [rabbit_misc:version(), Sync, Mirr, Part, "
	"E(aten, poll_interval, 5000), net_kernel:get_net_ticktime() * 1000, Disk, "
	"length([N || N <- [node() | nodes()]])])) end)().";

int rabbit_inforce(const struct access *acc, cJSON *out, struct err *e)
{
	static const struct {
		const char *name, *unit;
	} told[] = {{"version", "word"}, {"queue_type", "word"}, {"mirrored", "bool"}, {"partition_handling", "word"},
		    {"detector_poll", "ms"}, {"net_ticktime", "ms"}, {"disk_free_limit", "bytes"}, {"nodes", "count"}};
	struct buf b = {0};
	char *word, *rest, heartbeat[24];
	int r = -1;

	for (size_t i = 0; r && i < acc->n; i++) {
		buf_reset(&b);
		r = ask(acc, &acc->members[i], settings, clock_mono_ns() + ANSWER_MS * NS_PER_MS,
			&b, e);
	}
	word = r ? NULL : strtok_r(b.s, "|", &rest);
	for (size_t i = 0; word && i < ARRAY_LEN(told); i++, word = strtok_r(NULL, "|", &rest))
		/* Quorum queues have members, and no mirrors to ask for. */
		if (strcmp(told[i].name, "mirrored") || (!rabbit_quorum(acc) && strcmp(word, "unknown")))
			setting_add(out, told[i].name, word, told[i].unit, "the broker's own environment");
	if (!r) {
		setting_add(out, "confirms", json_str(acc->conf, "confirms", "on"), "bool", "this client");
		setting_add(out, "mandatory", json_str(acc->conf, "mandatory", "on"), "bool", "this client");
		snprintf(heartbeat, sizeof(heartbeat), "%lld", (long long)json_i64(acc->conf, "heartbeat", 10));
		setting_add(out, "pre_stop", json_str(acc->conf, "pre_stop", "none"), "word", "the manifests");
		setting_add(out, "heartbeat", heartbeat, "s", "this client");
		setting_add(out, "on_silence", json_str(acc->conf, "on_silence", "keep"), "word", "this client");
	}
	buf_free(&b);
	return r;
}
