/* The connections of a member of the toy store. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "memoryd/member.h"

int64_t now_ms(void)
{
	return clock_mono_ns() / NS_PER_MS;
}

struct conn *member_add_conn(struct memory_member *m, int fd, enum conn_kind kind)
{
	struct conn *c = mem_alloc(sizeof(*c));

	c->fd = fd;
	c->kind = kind;
	*VEC_PUSH(m->conns, m->nconns, m->alloc) = c;
	return c;
}

void conn_free(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

void conn_line(struct conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&c->out, fmt, ap);
	va_end(ap);
}

void conn_answer_later(const struct memory_member *m, struct conn *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->answer, sizeof(c->answer), fmt, ap);
	va_end(ap);
	c->waits = true;
	c->need = m->store.n;
}
