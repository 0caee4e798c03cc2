#include "system/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void why_say(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, WHY_BYTES, fmt, ap);
	va_end(ap);
}

void why_add(char *why, const char *fmt, ...)
{
	size_t len = strlen(why);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why + len, WHY_BYTES - len, fmt, ap);
	va_end(ap);
}

bool why_not(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, WHY_BYTES, fmt, ap);
	va_end(ap);
	return false;
}
