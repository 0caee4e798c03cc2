#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/tame.h"

/* One call, so that lines of several threads do not mix. */
static void out(struct buf *b)
{
	buf_char(b, '\n');
	/* What a file says must not steer the terminal. */
	tame(b->s, "\n\t");
	fputs(b->s, stderr);
	buf_free(b);
}

static void say(const char *what, const char *fmt, va_list ap)
{
	struct buf b = {0};
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	buf_fmt(&b, "%s %s", clock, what);
	buf_vfmt(&b, fmt, ap);
	out(&b);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning: ", fmt, ap);
	va_end(ap);
}

void log_error(const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vfmt(&b, fmt, ap);
	va_end(ap);
	out(&b);
}
