#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"

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
	buf_char(&b, '\n');
	/* One call, so that lines of several threads do not mix. */
	fputs(buf_cstr(&b), stderr);
	buf_free(&b);
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
