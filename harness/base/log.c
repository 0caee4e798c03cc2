#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"

void log_tame(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		bool c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;

		if (c1)
			c++;
		if (c1 || (*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
			*c = '?';
		if (c1)
			c[-1] = '?';
	}
}

/* One call, so that lines of several threads do not mix. */
static void out(struct buf *b)
{
	buf_char(b, '\n');
	log_tame(b->s);
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
