#include "system/rabbitmq/erl.h"

#include <arpa/inet.h>
#include <ei.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/resolve.h"

enum { CREATION = 1 };

struct erl {
	int fd;
	ei_cnode node;
	const char *expr;  /* that `parsed` is of; the caller's, who keeps it */
	ei_x_buff parsed;  /* arguments of erl_eval:exprs/2 */
	char address[80];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init(void)
{
	ei_init();
}

static unsigned left_ms(int64_t until_ns)
{
	int64_t ms = (until_ns - clock_mono_ns()) / NS_PER_MS;

	return ms < 1 ? 1 : (unsigned)ms;
}

/* A name that nobody else has, in whatever pod: of two nodes of one name a server knows
 * one. */
static bool name_yourself(struct erl *c, const char *cookie)
{
	char alive[64], name[96], own[17];
	struct in_addr ip = {.s_addr = htonl(INADDR_LOOPBACK)};

	random_hex(own, sizeof(own) - 1);
	snprintf(alive, sizeof(alive), "ordeal-%s", own);
	snprintf(name, sizeof(name), "%s@127.0.0.1", alive);
	return ei_connect_xinit(&c->node, "127.0.0.1", alive, name, &ip, cookie, CREATION) >= 0;
}

struct erl *erl_open(const struct erl_login *l, int64_t until_ns, char *error, size_t size)
{
	char ip[RESOLVE_ADDR_MAX], why[RESOLVE_WHY_MAX];
	struct erl *c;

	pthread_once(&once, init);
	if (resolve_host(NULL, l->host, until_ns, ip, why, sizeof(why))) {
		snprintf(error, size, "%s: %s", clock_mono_ns() >= until_ns ? "timeout" : "dns", why);
		return NULL;
	}
	c = mem_alloc(sizeof(*c));
	snprintf(c->address, sizeof(c->address), "%s:%d", ip, l->port);
	c->fd = -1;
	/* Half of what is left: a frozen server takes the connection, and not what is said. */
	if (name_yourself(c, l->cookie))
		c->fd = ei_connect_host_port_tmo(&c->node, ip, l->port, left_ms(until_ns) / 2 + 1);
	if (c->fd >= 0)
		return c;
	if (erl_errno == ETIMEDOUT)
		snprintf(error, size, "timeout: no connection to %s in time", c->address);
	else
		snprintf(error, size, "connect: %s: %s", c->address, strerror(erl_errno));
	erl_drop(c);
	return NULL;
}

void erl_drop(struct erl *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		ei_close_connection(c->fd);
	if (c->expr)
		ei_x_free(&c->parsed);
	free(c);
}

/* The answer {rex, X}: where X stands in `got`; -1 with why. */
static int call(struct erl *c, char *module, char *function, const ei_x_buff *args,
		int64_t until_ns, ei_x_buff *got, bool *usable, char *error, size_t size)
{
	erlang_msg msg;
	int at = 0, version, arity, r;
	char atom[MAXATOMLEN_UTF8];

	*usable = false;
	if (ei_rpc_to(&c->node, c->fd, module, function, args->buff, args->index) < 0) {
		snprintf(error, size, "broken: asking %s: %s", c->address, strerror(erl_errno));
		return -1;
	}
	do {
		r = ei_rpc_from(&c->node, c->fd, (int)left_ms(until_ns), &msg, got);
	} while (r == ERL_TICK && clock_mono_ns() < until_ns);
	if (r != ERL_MSG) {
		if (r == ERL_TICK || r == ERL_TIMEOUT || erl_errno == ETIMEDOUT)
			snprintf(error, size, "timeout: no answer in time");
		else
			snprintf(error, size, "broken: %s ended the connection", c->address);
		return -1;
	}
	if (ei_decode_version(got->buff, &at, &version) ||
	    ei_decode_tuple_header(got->buff, &at, &arity) || arity != 2 ||
	    ei_decode_atom(got->buff, &at, atom)) {
		snprintf(error, size, "broken: %s gave an answer that is none", c->address);
		return -1;
	}
	*usable = true;
	return at;
}

/* Of {word, X, ...}: where X stands; -1: it is something else. */
static int second_of(const ei_x_buff *x, int at, const char *word)
{
	char atom[MAXATOMLEN_UTF8];
	int arity;

	return !ei_decode_tuple_header(x->buff, &at, &arity) && arity >= 2 &&
			       !ei_decode_atom(x->buff, &at, atom) && !strcmp(atom, word) ?
		       at :
		       -1;
}

/* The arguments of a call: one list of `tail` empty lists behind a term. */
static void begin_args(ei_x_buff *args, const ei_x_buff *term, int at, int more)
{
	int end = at;

	ei_x_new(args);
	ei_x_encode_list_header(args, 1 + more);
	ei_skip_term(term->buff, &end);
	ei_x_append_buf(args, term->buff + at, end - at);
	for (int i = 0; i < more; i++)
		ei_x_encode_empty_list(args);
	ei_x_encode_empty_list(args);
}

/* Text to tokens to expressions. */
static bool parse(struct erl *c, const char *expr, int64_t until_ns, bool *usable, char *error,
		  size_t size)
{
	ei_x_buff text, got, args;
	int at;

	ei_x_new(&text);
	ei_x_new(&got);
	ei_x_encode_list_header(&text, 1);
	ei_x_encode_string(&text, expr);
	ei_x_encode_empty_list(&text);
	at = call(c, "erl_scan", "string", &text, until_ns, &got, usable, error, size);
	ei_x_free(&text);
	if (at >= 0 && (at = second_of(&got, at, "ok")) >= 0) {
		begin_args(&args, &got, at, 0);
		at = call(c, "erl_parse", "parse_exprs", &args, until_ns, &got, usable, error, size);
		ei_x_free(&args);
	}
	if (at >= 0 && (at = second_of(&got, at, "ok")) >= 0) {
		begin_args(&c->parsed, &got, at, 1);
		c->expr = expr;
	} else if (*usable) {
		snprintf(error, size, "%s does not understand the question", c->address);
	}
	ei_x_free(&got);
	return at >= 0;
}

static bool take(const ei_x_buff *got, int at, struct buf *out)
{
	int type, len = 0;
	long n;
	char *s;

	if (ei_get_type(got->buff, &at, &type, &len) ||
	    (type != ERL_BINARY_EXT && type != ERL_STRING_EXT))
		return false;
	s = mem_alloc((size_t)len + 1);
	if (type == ERL_BINARY_EXT ? ei_decode_binary(got->buff, &at, s, &n) :
				     ei_decode_string(got->buff, &at, s)) {
		free(s);
		return false;
	}
	buf_add(out, s, (size_t)len);
	free(s);
	return true;
}

bool erl_eval(struct erl *c, const char *expr, int64_t until_ns, struct buf *out, bool *usable,
	      char *error, size_t size)
{
	ei_x_buff got;
	int at;
	bool ok;

	if (c->expr && c->expr != expr) {
		ei_x_free(&c->parsed);
		c->expr = NULL;
	}
	if (!c->expr && !parse(c, expr, until_ns, usable, error, size))
		return false;
	ei_x_new(&got);
	at = call(c, "erl_eval", "exprs", &c->parsed, until_ns, &got, usable, error, size);
	ok = at >= 0 && (at = second_of(&got, at, "value")) >= 0 && take(&got, at, out);
	if (!ok && *usable)
		snprintf(error, size, "%s could not answer", c->address);
	ei_x_free(&got);
	return ok;
}
